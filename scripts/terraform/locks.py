"""Keep programs apart that work on the same environment in the same folder of this machine.

Terraform locks the remote state, which keeps machines apart. These locks are for what is beside it: terraform's own
files, the outputs, the release file, and a person who thinks about a plan.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scripts.terraform.environments import Environment, EnvironmentProblem

WAIT_SECONDS: Final = 60.0
"""For another's plan; as long as terraform waits for the lock of the state."""
_PAUSE_SECONDS: Final = 0.1


@contextmanager
def applying(chosen: Environment) -> Iterator[None]:
    """Hold what an apply holds from its plan to its outputs; another apply is refused at once.

    Raises:
        EnvironmentProblem: If another apply holds it.
    """
    with held(
        chosen.work / "apply.lock",
        seconds=0,
        busy=f"{chosen.name}: another apply of it is under way in this folder, or waits for an answer; end it first",
    ):
        yield


@contextmanager
def using_terraform(chosen: Environment, *, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold terraform's files of an environment while terraform runs there.

    Args:
        chosen: The environment.
        seconds: How long to wait for another that holds them.

    Raises:
        EnvironmentProblem: If another still holds them.
    """
    with held(
        chosen.work / "terraform.lock",
        seconds=seconds,
        busy=f"{chosen.name}: another plan or apply of it is under way in this folder; wait until it is done",
    ):
        yield


@contextmanager
def held(path: Path, *, seconds: float, busy: str) -> Iterator[None]:
    """Hold a lock of this machine.

    Args:
        path: Its file, made if missing.
        seconds: How long to wait for another that holds it.
        busy: What to say then.

    Raises:
        EnvironmentProblem: If another still holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    until = time.monotonic() + seconds
    # The kernel lets go of it when the file is closed, also if this program is killed. The file itself stays: whoever
    # removed it would let two in, each with a lock of another file.
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise EnvironmentProblem(busy) from None
            time.sleep(_PAUSE_SECONDS)
        yield
