"""The pins of the build backend, and what uv gets of the caller's environment."""

import tomllib
from pathlib import Path

import pytest

from scripts import bundle
from scripts.publishing import backend
from scripts.publishing.archive import BundleError
from scripts.publishing.uv_tool import environment

HASH = "a" * 64


def written(root: Path, text: str) -> Path:
    path = root / backend.CONSTRAINTS
    path.parent.mkdir()
    path.write_text(text)
    return root


def test_it_is_the_backend_of_the_package_that_is_pinned() -> None:
    project = tomllib.loads((bundle.ROOT / "agent_pkg" / "pyproject.toml").read_text())
    pins = {pin.name: pin for pin in backend.read(bundle.ROOT)}
    assert project["build-system"]["requires"] == [f"hatchling=={pins['hatchling'].version}"]


def test_comments_and_empty_lines_are_left_out(tmp_path: Path) -> None:
    found = backend.read(written(tmp_path, f"# why\n\nsome-thing==1.0 --hash=sha256:{HASH}\n"))
    assert found == (backend.Pin(name="some-thing", version="1.0", sha256=HASH),)


@pytest.mark.parametrize(
    "line",
    [
        "hatchling==1.27.0",
        f"hatchling>=1.27.0 --hash=sha256:{HASH}",
        f"hatchling==1.27.0 --hash=sha256:{HASH} --hash=sha256:{HASH}",
        f"hatchling==1.27.0 --hash=sha256:{HASH} \\",
        f"hatchling @ https://x.example/h.whl --hash=sha256:{HASH}",
        f"--index-url https://x.example --hash=sha256:{HASH}",
        "-r other.txt",
    ],
)
def test_a_line_that_does_not_name_one_file_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(BundleError) as caught:
        backend.read(written(tmp_path, f"# why\n{line}\n"))
    assert str(caught.value) == (
        "agent_pkg/build-constraints.txt, line 2: must be name==version --hash=sha256:<64 hex digits>, with the hash "
        f"of the wheel alone, so that provenance can name the one file that is used; got {line!r}"
    )


def test_a_backend_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot be read \(FileNotFoundError\); it pins the build backend"):
        backend.read(tmp_path)
    with pytest.raises(BundleError, match="names nothing"):
        backend.read(written(tmp_path, "# none\n"))


def test_of_the_environment_uv_gets_where_packages_come_from_and_nothing_that_decides_what_is_built() -> None:
    index = {
        "UV_DEFAULT_INDEX": "i",
        "UV_INDEX": "i",
        "UV_INDEX_URL": "i",
        "UV_EXTRA_INDEX_URL": "i",
        "UV_INDEX_TEAM_PASSWORD": "p",
        "UV_CACHE_DIR": "c",
        "HTTPS_PROXY": "h",
        "PATH": "p",
    }
    upload = {"UV_PUBLISH_TOKEN": "t"}
    others = (
        *("UV_CONFIG_FILE", "UV_NO_VERIFY_HASHES", "UV_NO_BUILD_ISOLATION", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE"),
        *("UV_PYTHON", "UV_PROJECT", "UV_WORKING_DIR", "UV_NO_SOURCES", "UV_PUBLISH_URL", "UV_SOMETHING_NEW"),
        *("PYTHONPATH", "PYTHONWARNINGS", "HATCH_BUILD_HOOKS_ENABLE", "VIRTUAL_ENV"),
    )
    given = {**index, **upload, **dict.fromkeys(others, "x"), "SOURCE_DATE_EPOCH": "7"}
    assert environment("build", given) == {**index, "SOURCE_DATE_EPOCH": "315532800"}
    assert environment("publish", given) == {**index, **upload, "SOURCE_DATE_EPOCH": "315532800"}
