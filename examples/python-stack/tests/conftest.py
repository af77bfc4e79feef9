"""Copies of the repository's Terraform."""

import shutil
from pathlib import Path

import pytest

from python_stack.inputs import Files

REPOSITORY = Path(__file__).resolve().parents[3]


def copied(folder: Path) -> Files:
    """Copy the repository's Terraform, and give dev the sample release and the example backend."""
    terraform = folder / "terraform"
    shutil.copytree(REPOSITORY / "terraform", terraform, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    root = terraform / "envs" / "dev"
    (root / "backend.hcl").write_text((root / "backend.hcl.example").read_text())
    shutil.copyfile(terraform / "envs" / "release.sample.tfvars.json", root / "release.auto.tfvars.json")
    return Files(environment="dev", terraform=terraform)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A copy to change."""
    return copied(tmp_path)


@pytest.fixture(scope="session")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A copy to read."""
    return copied(tmp_path_factory.mktemp("repository"))
