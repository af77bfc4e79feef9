"""Two publishes of one commit, from two clones: every object has the same bytes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import bundle

PROGRAM = """
import json, os
os.umask(int(os.environ["WITH_UMASK"], 8))
from scripts import bundle, publish
from tests.unit.publish_support import MemoryS3
source = publish.sources_for("dev")  # refuses what is not a commit
bundles = bundle.build(platform=bundle.AWS_PLATFORM)
s3 = MemoryS3()
publish.publish(s3=s3, bucket="artifacts", bundles=bundles, source=source)
again = publish.publish(s3=s3, bucket="artifacts", bundles=bundles, source=source)
print(json.dumps({"digests": s3.digests(), "commit": source.commit, "again": again.outcome,
                  "manifest": again.to_json()}))
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


@pytest.mark.timeout(300)  # it builds twice, beside whatever else runs
def test_two_clones_of_one_commit_publish_the_same_bytes(repository: Path, tmp_path: Path) -> None:
    bundle.build(platform=bundle.AWS_PLATFORM)  # the dependencies, which take longest, come from this cache
    published = []
    for folder, environment in (
        ("one", {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "WITH_UMASK": "022"}),
        ("another/place", {"PYTHONHASHSEED": "2", "TZ": "America/Lima", "WITH_UMASK": "077"}),
    ):
        clone = tmp_path / folder
        git(tmp_path, "clone", "--quiet", str(repository), str(clone))
        shutil.copytree(bundle.ROOT / "build" / "layers", clone / "build" / "layers")
        published.append(publish(clone, **environment))
    first, second = published
    assert len(first["digests"]) == 8
    assert first == second
    assert first["again"] == "unchanged"
    assert "/" + str(tmp_path).strip("/") not in json.dumps(first)
