"""What git says about the sources that a version is built from: which commit, and whether anything differs from it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_SECONDS: Final = 30.0
_SHOWN: Final = 5
_BUILT: Final = ("agent_pkg", "scripts", "pyproject.toml", "uv.lock")
"""What decides the artifacts: the package, what builds it, what it is built with. Here untracked files count too."""
_WRITTEN: Final = re.compile(r"terraform/envs/[^/]+/release\.auto\.tfvars\.json")
"""What publishing and releasing write themselves: the second environment is published to right after the first."""


class SourceTreeError(Exception):
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
                "Commit them, or put them aside with `git stash --include-untracked`; then publish again."
            )


def describe(root: Path) -> SourceTree:
    """Ask git about a workspace.

    Args:
        root: The workspace; may be a folder of a larger repository.
    """
    git = shutil.which("git")
    if git is None:
        return SourceTree(commit=None, committed_at=None, repository=None, problem="git is not installed")
    try:
        commit, seconds = _git(git, root, "show", "--no-patch", "--format=%H %ct", "HEAD").split()
        prefix = _git(git, root, "rev-parse", "--show-prefix").strip()
        changed = _git(git, root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--", ".")
        # The build leaves out what .gitignore names (hatchling reads it), but not what only this clone ignores.
        other = _git(git, root, "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z", "--", *_BUILT)
        flagged = _git(git, root, "ls-files", "-v", "-z", "--", *_BUILT)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else type(error).__name__
        problem = (said or "").strip().splitlines()
        return SourceTree(
            commit=None, committed_at=None, repository=None, problem=problem[0] if problem else "git failed"
        )
    return SourceTree(
        commit=commit,
        committed_at=datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        repository=_repository(git, root),
        dirty=tuple(sorted({*_changed(changed, prefix=prefix), *other.split("\0"), *_hidden(flagged)} - {""})),
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


def _hidden(flagged: str) -> set[str]:
    """Name the files whose changes git was told not to see (assume-unchanged, skip-worktree)."""
    return {entry[2:] for entry in flagged.split("\0") if entry[:1].islower() or entry[:1] == "S"}


def _repository(git: str, root: Path) -> str | None:
    try:
        return public_url(_git(git, root, "config", "--get", "remote.origin.url"))
    except (subprocess.SubprocessError, OSError, ValueError):
        return None


def _git(git: str, root: Path, *arguments: str) -> str:
    # A hook's GIT_DIR would name another repository.
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [git, "-C", str(root), *arguments], env=env, capture_output=True, text=True, check=True, timeout=_SECONDS
    )
    return done.stdout
