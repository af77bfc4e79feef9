"""Publishes of one commit from several clones: every object has the same bytes, whatever the clones make of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import bundle
from scripts.publishing import backend, commit_build
from scripts.publishing.source_tree import describe

PROGRAM = """
import json, os
os.umask(int(os.environ["WITH_UMASK"], 8))
from scripts import publish
from tests.unit.publish_support import MemoryS3
bundles, source = publish.build_for("dev")  # refuses what is not a commit
s3 = MemoryS3()
publish.publish(s3=s3, bucket="artifacts", bundles=bundles, source=source)
again = publish.publish(s3=s3, bucket="artifacts", bundles=bundles, source=source)
statement = s3.json(next(key for key in s3.objects if "provenance" in key))
dependencies = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
print(json.dumps({"digests": s3.digests(), "commit": source.commit, "again": again.outcome,
                  "manifest": again.to_json(), "dependencies": dependencies}))
"""


def git(folder: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_{what}": "test@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **who}
    subprocess.run(["git", "-C", str(folder), *arguments], env=env, capture_output=True, check=True, timeout=60)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The working copy as it is, as a commit of another repository."""
    listing = ["git", "-C", str(bundle.ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, capture_output=True, text=True, check=True, timeout=60).stdout.split("\0")
    root = tmp_path / "repository"
    for name in filter(None, names):
        if (bundle.ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(bundle.ROOT / name, root / name)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=all of it")
    return root


def publish(clone: Path, **environment: str) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=clone,
        env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def cloned(repository: Path, clone: Path) -> Path:
    git(repository, "clone", "--quiet", str(repository), str(clone))
    shutil.copytree(bundle.ROOT / "build" / "layers", clone / "build" / "layers")
    return clone


@pytest.mark.timeout(300)  # it builds twice, beside whatever else runs
def test_two_clones_of_one_commit_publish_the_same_bytes(repository: Path, tmp_path: Path) -> None:
    bundle.build(platform=bundle.AWS_PLATFORM)  # the dependencies, which take longest, come from this cache
    published = []
    for folder, environment in (
        ("one", {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "WITH_UMASK": "022"}),
        ("another/place", {"PYTHONHASHSEED": "2", "TZ": "America/Lima", "WITH_UMASK": "077"}),
    ):
        clone = cloned(repository, tmp_path / folder)
        published.append(publish(clone, **environment))
    first, second = published
    assert len(first["digests"]) == 8
    assert first == second
    assert first["again"] == "unchanged"
    assert str(tmp_path) not in json.dumps(first)
    names = {dependency["uri"] for dependency in first["dependencies"] if "uri" in dependency}
    assert {f"pkg:pypi/{pin.name}@{pin.version}" for pin in backend.read(repository)} < names


@pytest.mark.timeout(300)
def test_neither_stray_files_nor_the_checkout_have_a_part_in_what_is_built_of_a_commit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle.build(platform=bundle.AWS_PLATFORM)
    plain, odd = cloned(repository, tmp_path / "plain"), cloned(repository, tmp_path / "odd")
    commit = describe(plain).commit
    assert commit is not None
    expected = commit_build.build(plain, commit, platform=bundle.AWS_PLATFORM)

    (odd / ".git" / "info" / "attributes").write_text("* text eol=crlf\n")
    git(odd, "rm", "--quiet", "-r", "--cached", ".")
    git(odd, "reset", "--quiet", "--hard")
    assert b"\r\n" in (odd / "agent_pkg" / "src" / "clinic_agent" / "contract.py").read_bytes()
    assert describe(odd).is_clean  # git sees no difference
    strays = {
        "agent_pkg/src/clinic_agent/extra/.gitignore": "*\n",
        "agent_pkg/src/clinic_agent/extra/__init__.py": "stray = True\n",
        "scripts/publishing/archive/__init__.py": "raise SystemExit('a package in place of a module')\n",
        "uv.toml": "no-index = true\n",
        "zipfile.py": "raise SystemExit('a module in place of the library's')\n",
    }
    for name, text in strays.items():
        (odd / name).parent.mkdir(exist_ok=True)
        (odd / name).write_text(text)
    assert describe(odd).dirty == tuple(strays)
    monkeypatch.setenv("PYTHONPATH", str(odd))
    monkeypatch.setenv("UV_CONFIG_FILE", str(odd / "uv.toml"))
    built = commit_build.build(odd, commit, platform=bundle.AWS_PLATFORM)
    for role in ("wheel", "runtime", "lambda_", "lock"):
        assert getattr(built, role).sha256 == getattr(expected, role).sha256, role
