"""One change of a running laptop AWS at a time: apply, promote, rollback and publish keep to it.

Each loads the release file, applies, and saves it. Two at once would both succeed, and one would be lost.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from local_aws.stack.state import StateFolder
from scripts.releases.release_file import ReleaseError
from scripts.terraform.environments import EnvironmentProblem
from scripts.terraform.locks import held

WAIT_SECONDS: Final = 60.0
"""For another change; an apply takes half of that."""


class BusyError(ReleaseError):
    """Another change of the same stack is under way."""


@contextmanager
def changing(
    state: StateFolder, progress: Callable[[str], None] = lambda _: None, *, seconds: float = WAIT_SECONDS
) -> Iterator[None]:
    """Hold a stack for one change, from the loading of its release file to its saving.

    Args:
        state: The stack's folder.
        progress: Is told if another change has to be waited for.
        seconds: How long to wait for it.

    Raises:
        BusyError: If it is still under way then.
    """
    busy = f"{state.path}: another apply, promote, rollback or publish of this stack is under way; try again after it"
    with ExitStack() as stack:
        if state.path.is_dir():  # else there is nothing to keep apart
            try:
                stack.enter_context(held(state.path / "change.lock", seconds=0, busy=busy))
            except EnvironmentProblem:
                progress("waiting for another change of this stack")
                try:
                    stack.enter_context(held(state.path / "change.lock", seconds=seconds, busy=busy))
                except EnvironmentProblem as problem:
                    raise BusyError(str(problem)) from None
        yield
