"""How a program ends that runs terraform: never with terraform left behind, whoever ends it."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""
_TERMINATED: Final = 143


@contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block by SystemExit, so that terraform is stopped and what was begun is taken back."""

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, _ignore)  # a second one must not interrupt the taking back
        sys.exit(_TERMINATED)

    if threading.current_thread() is not threading.main_thread():  # Python handles signals in that alone
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM away from the block: it takes back what one of them interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Not SIG_IGN, which terraform would inherit."""
