"""Asking git."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

_SECONDS: Final = 30.0


class GitError(Exception):
    """git is not there, or refused. The message says which, in one line."""


def ask(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run a git command that only reads; return what it printed.

    Args:
        root: Folder to run it in.
        arguments: The command and its arguments.
        given: Its standard input.

    Raises:
        GitError: If git is not installed, does not answer in time, or refuses.
    """
    git = shutil.which("git")
    if git is None:
        raise GitError("git is not installed")
    # A hook's GIT_DIR would name another repository, and a replacement another content than the commit's.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [git, "-C", str(root), *arguments], env=env, input=given, capture_output=True, check=True, timeout=_SECONDS
        )
    except subprocess.CalledProcessError as error:
        said = os.fsdecode(error.stderr).strip().splitlines()
        raise GitError(said[0] if said else f"git {arguments[0]} failed") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise GitError(f"git {arguments[0]}: {type(error).__name__}") from None
    return done.stdout
