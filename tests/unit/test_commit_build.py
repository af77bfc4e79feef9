"""What a build gets of a commit, by real repositories whose work trees say something else."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from scripts import bundle
from scripts.publishing.commit_build import export
from scripts.publishing.source_tree import SourceTreeError, describe

ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}
FILES = {
    "agent_pkg/pyproject.toml": b"[project]\n",
    "agent_pkg/src/agent.py": b"one\ntwo\n",
    "agent_pkg/src/windows.txt": b"one\r\ntwo\r\n",
    "agent_pkg/src/data \xc3\xa4.bin".encode("latin-1").decode(): bytes(range(256)),
    "agent_pkg/src/empty.py": b"",
    "scripts/bundle.py": b"build\n",
    "local_aws/pyproject.toml": b"[project]\n",
    "pyproject.toml": b"[project]\n",
    "uv.lock": b"lock\n",
}


def git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, env=ENV, input=given, capture_output=True, check=True, timeout=60)
    return done.stdout.decode().strip()


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def commit(root: Path) -> str:
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=one")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    write(root, {**FILES, "README.md": b"read\n", "local_aws/src/aws.py": b"code\n"})
    (root / "scripts" / "bundle.py").chmod(0o755)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    return root


def head(root: Path) -> str:
    return git(root, "rev-parse", "HEAD")


def exported(root: Path, into: Path, *, id_: str | None = None) -> dict[str, bytes]:
    export(root, id_ or head(root), into=into)
    return {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*") if path.is_file()}


def test_the_files_that_a_build_needs_are_there_with_their_permissions(clone: Path, tmp_path: Path) -> None:
    assert exported(clone, tmp_path / "tree") == FILES
    modes = {name: stat.S_IMODE((tmp_path / "tree" / name).stat().st_mode) for name in FILES}
    assert modes == {**dict.fromkeys(FILES, 0o644), "scripts/bundle.py": 0o755}


def test_line_endings_that_the_checkout_changes_stay_as_committed(clone: Path, tmp_path: Path) -> None:
    git(clone, "config", "core.autocrlf", "true")
    (clone / ".git" / "info" / "attributes").write_text("*.py text eol=crlf ident\n")
    for name in ("agent_pkg/src/agent.py", "scripts/bundle.py", "uv.lock"):
        (clone / name).unlink()
    git(clone, "checkout", "--", ".")
    assert (clone / "agent_pkg" / "src" / "agent.py").read_bytes() == b"one\r\ntwo\r\n"
    assert describe(clone).is_clean  # git sees no difference
    assert exported(clone, tmp_path / "tree") == FILES


def test_what_nobody_committed_has_no_part_in_it(clone: Path, tmp_path: Path) -> None:
    write(clone, {"agent_pkg/src/extra/.gitignore": b"*\n", "agent_pkg/src/extra/__init__.py": b"stray\n"})
    write(clone, {"uv.toml": b"no-index = true\n", "agent_pkg/src/agent.py": b"changed\n", "uv.lock": b"changed\n"})
    git(clone, "add", "uv.lock")
    assert exported(clone, tmp_path / "tree") == FILES


def test_an_object_that_stands_in_for_another_does_not_count(clone: Path, tmp_path: Path) -> None:
    other = git(clone, "hash-object", "-w", "--stdin", given=b"other\n")
    git(clone, "replace", git(clone, "rev-parse", "HEAD:uv.lock"), other)
    assert exported(clone, tmp_path / "tree") == FILES


def test_it_is_the_commit_that_was_asked_for_and_not_the_newest(clone: Path, tmp_path: Path) -> None:
    first = head(clone)
    write(clone, {"uv.lock": b"newer\n"})
    commit(clone)
    assert exported(clone, tmp_path / "one", id_=first) == FILES
    assert exported(clone, tmp_path / "two") == {**FILES, "uv.lock": b"newer\n"}


def test_a_folder_of_a_larger_repository_is_taken_alone(clone: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    (clone / ".git").rename(outer / "unused")
    clone.rename(outer / "platform")
    write(outer, {"agent_pkg/other.py": b"other\n", "uv.lock": b"other\n"})
    git(outer, "init", "--quiet")
    commit(outer)
    assert exported(outer / "platform", tmp_path / "tree", id_=head(outer)) == FILES


def test_a_link_is_refused_since_what_it_points_to_is_not_committed(clone: Path, tmp_path: Path) -> None:
    (clone / "agent_pkg" / "src" / "link").symlink_to("/etc")
    id_ = commit(clone)
    with pytest.raises(SourceTreeError) as caught:
        export(clone, id_, into=tmp_path / "tree")
    assert str(caught.value) == (
        f"agent_pkg/src/link: is a symbolic link in commit {id_[:12]}, and what it points to is no part of the commit; "
        "put the files there"
    )
    assert not (tmp_path / "tree").exists()


def test_a_commit_that_cannot_be_read_is_an_error(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceTreeError, match=r"^commit ffffffffffff cannot be read: fatal: "):
        export(clone, "f" * 40, into=tmp_path / "tree")
    blob = git(clone, "rev-parse", "HEAD:uv.lock")
    (clone / ".git" / "objects" / blob[:2] / blob[2:]).unlink()  # as in a clone without blobs
    with pytest.raises(SourceTreeError, match=rf"cannot be read: {blob} missing"):
        export(clone, head(clone), into=tmp_path / "tree")


def test_this_repositorys_work_tree_is_its_commit_whatever_the_checkout_would_change(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    write(root, {**FILES, ".gitattributes": (bundle.ROOT / ".gitattributes").read_bytes()})
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "--quiet", str(root), str(tmp_path / "clone"))
    assert {name: (tmp_path / "clone" / name).read_bytes() for name in FILES} == FILES
