"""Which sources are those of a commit, by real repositories."""

import os
import subprocess
from pathlib import Path

import pytest

from scripts.publishing.source_tree import SourceTreeError, describe, public_url

ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_AUTHOR_DATE": "2026-11-26T09:00:00+0100",
    "GIT_COMMITTER_DATE": "2026-11-26T09:00:00+0100",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], env=ENV, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    (root / "agent_pkg" / "src").mkdir(parents=True)
    (root / "terraform" / "envs" / "dev").mkdir(parents=True)
    for name in ("agent_pkg/src/agent.py", "uv.lock", "pyproject.toml", "README.md", "terraform/envs/dev/main.tf"):
        (root / name).write_text(f"{name}\n")
    (root / ".gitignore").write_text("__pycache__/\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=first")
    return root


def test_a_commit_is_named_with_its_time(clone: Path) -> None:
    found = describe(clone)
    assert found.commit == git(clone, "rev-parse", "HEAD")
    assert found.committed_at == "2026-11-26T08:00:00Z"
    assert (found.repository, found.dirty, found.is_clean) == (None, (), True)
    found.require_clean()


@pytest.mark.parametrize("name", ["agent_pkg/src/agent.py", "uv.lock", "README.md", "terraform/envs/dev/main.tf"])
def test_a_change_of_any_tracked_file_counts(clone: Path, name: str) -> None:
    (clone / name).write_text("changed\n")
    assert describe(clone).dirty == (name,)


def test_a_file_that_is_staged_removed_or_renamed_counts(clone: Path) -> None:
    (clone / "README.md").unlink()
    git(clone, "mv", "uv.lock", "other.lock")
    assert describe(clone).dirty == ("README.md", "other.lock", "uv.lock")


def test_untracked_files_count_where_they_would_be_built(clone: Path) -> None:
    for name in (
        "notes.txt",
        "terraform/envs/dev/notes.txt",
        "agent_pkg/src/new.py",
        "agent_pkg/src/__pycache__/x.pyc",
        "scripts/.mypy_cache/3.11/x.json",
    ):
        (clone / name).parent.mkdir(exist_ok=True, parents=True)
        (clone / name).write_text("x")
    assert describe(clone).dirty == ("agent_pkg/src/new.py",)


def test_what_git_ignores_counts_too_since_it_would_be_built(clone: Path) -> None:
    (clone / ".git" / "info" / "exclude").write_text("mine.py\n")
    (clone / "agent_pkg" / "src" / "mine.py").write_text("x")
    extra = clone / "agent_pkg" / "src" / "extra"
    extra.mkdir()
    (extra / ".gitignore").write_text("*\n")
    (extra / "__init__.py").write_text("x")
    assert git(clone, "status", "--porcelain") == ""
    assert describe(clone).dirty == (
        "agent_pkg/src/extra/.gitignore",
        "agent_pkg/src/extra/__init__.py",
        "agent_pkg/src/mine.py",
    )


def test_a_setting_of_uv_and_a_module_that_stands_in_for_another_count(clone: Path) -> None:
    for name in ("uv.toml", "zipfile.py", "notes.toml"):
        (clone / name).write_text("x")
    (clone / "elsewhere").mkdir()
    (clone / "elsewhere" / "zipfile.py").write_text("x")
    assert describe(clone).dirty == ("uv.toml", "zipfile.py")


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_not_to_see_counts(clone: Path, flag: str) -> None:
    git(clone, "update-index", flag, "agent_pkg/src/agent.py")
    (clone / "agent_pkg" / "src" / "agent.py").write_text("changed\n")
    assert describe(clone).dirty == ("agent_pkg/src/agent.py",)


def test_release_files_do_not_count_since_publishing_writes_them(clone: Path) -> None:
    release = clone / "terraform" / "envs" / "dev" / "release.auto.tfvars.json"
    release.write_text("{}")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message=release")
    release.write_text('{"release": {}}')
    assert describe(clone).is_clean


def test_a_folder_of_a_larger_repository_is_looked_at_alone(clone: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    (clone / ".git").rename(outer / "unused")
    clone.rename(outer / "platform")
    (outer / "elsewhere.txt").write_text("x")
    git(outer, "init", "--quiet")
    git(outer, "add", ".")
    git(outer, "commit", "--quiet", "--message=first")
    (outer / "elsewhere.txt").write_text("changed")
    (outer / "platform" / "uv.lock").write_text("changed")
    assert describe(outer / "platform").dirty == ("uv.lock",)


def test_another_repository_of_the_environment_is_not_looked_at(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert describe(clone).is_clean


def test_a_dirty_tree_is_refused_with_its_first_paths_and_what_to_do(clone: Path) -> None:
    for number in range(7):
        (clone / "agent_pkg" / f"{number}.py").write_text("x")
    with pytest.raises(SourceTreeError) as caught:
        describe(clone).require_clean()
    assert str(caught.value) == (
        f"the sources differ from commit {git(clone, 'rev-parse', 'HEAD')[:12]}, so nobody could build this version "
        "again:"
        "\n  agent_pkg/0.py\n  agent_pkg/1.py\n  agent_pkg/2.py\n  agent_pkg/3.py\n  agent_pkg/4.py\n  and 2 more\n"
        "Commit them, or put them aside (`git stash --include-untracked`; what git ignores, by hand); then publish "
        "again."
    )


def test_sources_without_a_commit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = describe(tmp_path)
    assert (found.commit, found.is_clean) == (None, False)
    with pytest.raises(SourceTreeError, match=r"not in a git repository with a commit \(fatal: not a git repository"):
        found.require_clean()
    git(tmp_path, "init", "--quiet")
    with pytest.raises(SourceTreeError, match="publish from a clone"):
        describe(tmp_path).require_clean()
    monkeypatch.setattr("scripts.publishing.git.shutil.which", lambda _: None)
    with pytest.raises(SourceTreeError, match="git is not installed"):
        describe(tmp_path).require_clean()


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://user:token@git.example.com/team/platform.git", "https://git.example.com/team/platform"),
        ("git@git.example.com:team/platform.git", "https://git.example.com/team/platform"),
        ("ssh://git@git.example.com:7999/team/platform", "https://git.example.com/team/platform"),
        ("https://git.example.com/team/platform/", "https://git.example.com/team/platform"),
        ("/home/someone/platform", None),
        ("file:///home/someone/platform", None),
        ("../platform", None),
        ("C:/platform", None),
    ],
)
def test_a_remote_is_told_without_credentials_and_in_one_spelling(remote: str, url: str | None) -> None:
    assert public_url(remote) == url


def test_the_remote_of_a_clone_is_told(clone: Path) -> None:
    git(clone, "remote", "add", "origin", "https://user:secret@git.example.com/team/platform.git")
    assert describe(clone).repository == "https://git.example.com/team/platform"
    assert "secret" not in repr(describe(clone))
