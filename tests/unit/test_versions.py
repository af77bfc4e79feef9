"""One spelling of a version that is right for a release and for a Python package."""

from pathlib import Path

import pytest
from packaging.version import Version

from clinic_agent.version import semantic
from scripts import bundle
from scripts.publishing import versions
from scripts.publishing.versions import VersionError

GOOD = ["0.1.0", "0.2.0", "10.20.30", "1.0.0-alpha.1", "1.0.0-beta.0", "2.3.4-rc.12"]


@pytest.mark.parametrize("version", GOOD)
def test_a_release_and_its_package_mean_the_same_version(version: str) -> None:
    assert versions.check(version) == version
    packaged = versions.packaged(version)
    assert packaged == str(Version(version))  # what the build makes of it
    assert semantic(packaged) == version  # what the agent tells of itself


def test_versions_order_in_the_same_way() -> None:
    ordered = ["1.0.0-alpha.2", "1.0.0-beta.1", "1.0.0-rc.1", "1.0.0-rc.2", "1.0.0"]
    assert sorted(ordered, key=lambda v: Version(versions.packaged(v))) == ordered


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("0.2.0rc1", "write the pre-release '0.2.0rc1' as a semantic version, '0.2.0-rc.1'"),
        ("0.2.0-a1", "write the pre-release '0.2.0-a1' as a semantic version, '0.2.0-alpha.1'"),
        ("0.2.0b03", "write the pre-release '0.2.0b03' as a semantic version, '0.2.0-beta.3'"),
        ("0.2.0+build.5", "leave '+build.5' away and raise the number instead"),
        ("0.2", "must be a semantic version such as 0.2.0"),
        ("v0.2.0", "must be a semantic version"),
        ("0.02.0", "must be a semantic version"),
        ("0.2.0.post1", "must be a semantic version"),
        ("0.2.0-dev.1", "must be a semantic version"),
        ("0.2.0-rc", "must be a semantic version"),
        ("1!0.2.0", "must be a semantic version"),
        ("0.2.0-feature-x.1", "must be a semantic version"),
        ("\N{ARABIC-INDIC DIGIT ZERO}.2.0", "must be a semantic version"),
        ("", "must be a semantic version"),
    ],
)
def test_what_is_not_one_version_in_both_is_refused(version: str, message: str) -> None:
    with pytest.raises(VersionError) as caught:
        versions.check(version)
    assert str(caught.value).startswith("version in agent_pkg/pyproject.toml: ")
    assert message in str(caught.value)


def test_a_build_refuses_such_a_version_before_it_starts(tmp_path: Path) -> None:
    package = tmp_path / "agent_pkg"
    package.mkdir()
    (package / "pyproject.toml").write_text('[project]\nname = "clinic-agent"\nversion = "0.2.0.dev1"\n')
    with pytest.raises(bundle.BundleError, match="must be a semantic version"):
        bundle.build(root=tmp_path)


@pytest.mark.parametrize("text", ["", "[project]\nname = 'x'\n", "project = 7\n", "no toml"])
def test_a_package_without_a_version_is_refused(tmp_path: Path, text: str) -> None:
    package = tmp_path / "agent_pkg"
    package.mkdir()
    (package / "pyproject.toml").write_text(text)
    with pytest.raises(VersionError, match=r"has no readable project.name and project.version"):
        versions.read(tmp_path)


def test_this_repositorys_version_can_be_released() -> None:
    name, version = versions.read(bundle.ROOT)
    assert (name, versions.check(version)) == ("clinic-agent", version)
