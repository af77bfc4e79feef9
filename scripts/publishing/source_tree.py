"""What git says about the sources that a version is built from: which commit, and whether anything differs from it."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from scripts.publishing import git
from scripts.publishing.artifact_store import PublishError
from scripts.publishing.git import GitError

_SHOWN: Final = 5
_BUILT: Final = ("agent_pkg", "scripts", "pyproject.toml", "uv.lock", "uv.toml", ":(glob)*.py")
"""The package, what builds it, what it is built with, and what Python would import instead of something else. Here
untracked files count too, ignored or not."""
_CACHES: Final = frozenset({"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
"""Folders that tools write wherever they run. They are never packed, and never imported from by name."""
_WRITTEN: Final = re.compile(r"terraform/envs/[^/]+/release\.auto\.tfvars\.json")
"""What publishing and releasing write themselves: the second environment is published to right after the first."""


class SourceTreeError(PublishError):
    """The sources are not those of a commit. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """The state of the sources."""

    commit: str | None  # 40 or 64 hex digits; None if git does not know the sources
    committed_at: str | None  # RFC 3339, UTC
    repository: str | None  # https URL without credentials; None if there is no remote that others could reach
    dirty: tuple[str, ...] = ()  # paths that differ from the commit, in order
    problem: str | None = None  # why git does not know the sources

    @property
    def is_clean(self) -> bool:
        """Whether the sources are exactly those of the commit."""
        return self.commit is not None and not self.dirty

    def require_clean(self) -> None:
        """Refuse sources that nobody could find again.

        Raises:
            SourceTreeError: If there is no commit, or something differs from it.
        """
        if self.commit is None:
            raise SourceTreeError(
                f"the sources are not in a git repository with a commit ({self.problem}), so nobody could tell what "
                "was published; publish from a clone"
            )
        if self.dirty:
            shown = "".join(f"\n  {path}" for path in self.dirty[:_SHOWN])
            more = f"\n  and {len(self.dirty) - _SHOWN} more" if len(self.dirty) > _SHOWN else ""
            raise SourceTreeError(
                f"the sources differ from commit {self.commit[:12]}, so nobody could build this version again:"
                f"{shown}{more}\n"
                "Commit them, or put them aside (`git stash --include-untracked`; what git ignores, by hand); then "
                "publish again."
            )


def describe(root: Path) -> SourceTree:
    """Ask git about a workspace.

    Args:
        root: The workspace; may be a folder of a larger repository.
    """
    try:
        head = _text(root, "show", "--no-patch", "--no-show-signature", "--format=%H %ct", "HEAD").split()
        prefix = _text(root, "rev-parse", "--show-prefix").strip()
        changed = _text(root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--", ".")
        other = _text(root, "ls-files", "--others", "-z", "--", *_BUILT)
        flagged = _text(root, "ls-files", "-v", "-z", "--", *_BUILT)
    except GitError as error:
        return SourceTree(commit=None, committed_at=None, repository=None, problem=str(error))
    commit, seconds = head
    return SourceTree(
        commit=commit,
        committed_at=datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        repository=_repository(root),
        dirty=tuple(sorted({*_changed(changed, prefix=prefix), *_untracked(other), *_hidden(flagged)} - {""})),
    )


def public_url(remote: str) -> str | None:
    """Spell a git remote in one way, the same for everybody who has it, and without credentials.

    Args:
        remote: `https://user:token@host/path.git`, `ssh://git@host/path` or `git@host:path.git`.

    Returns:
        `https://host/path`; None for what only this machine can reach.
    """
    remote = remote.strip()
    if "://" not in remote:
        found = re.fullmatch(r"(?:[^@/\s]+@)?([A-Za-z0-9.-]+\.[A-Za-z0-9-]+):([^\s]+)", remote)
        if found is None:
            return None
        host, path = found[1], found[2]
    else:
        parts = urlsplit(remote)
        if parts.scheme not in ("https", "http", "ssh", "git") or not parts.hostname:
            return None
        host, path = parts.hostname, parts.path
    return f"https://{host.lower()}/{path.strip('/').removesuffix('.git')}"


def _changed(status: str, *, prefix: str) -> set[str]:
    paths = {entry[3:].removeprefix(prefix) for entry in status.split("\0")}
    return {path for path in paths if not _WRITTEN.fullmatch(path)}


def _untracked(others: str) -> set[str]:
    return {path for path in others.split("\0") if not _CACHES.intersection(PurePosixPath(path).parts[:-1])}


def _hidden(flagged: str) -> set[str]:
    """Name the files whose changes git was told not to see (assume-unchanged, skip-worktree)."""
    return {entry[2:] for entry in flagged.split("\0") if entry[:1].islower() or entry[:1] == "S"}


def _repository(root: Path) -> str | None:
    try:
        return public_url(_text(root, "config", "--get", "remote.origin.url"))
    except (GitError, ValueError):
        return None


def _text(root: Path, *arguments: str) -> str:
    return os.fsdecode(git.ask(root, *arguments))
