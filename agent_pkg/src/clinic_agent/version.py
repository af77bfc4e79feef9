"""Which version of the agent this is, as its own package says."""

import re
from functools import lru_cache
from importlib.metadata import version
from typing import Final

_PRE_RELEASE: Final = re.compile(r"(\d+\.\d+\.\d+)(a|b|rc)(\d+)")
_WORDS: Final = {"a": "alpha", "b": "beta", "rc": "rc"}


@lru_cache(maxsize=1)
def agent_version() -> str:
    """Return the version that `pyproject.toml` of the package gave; the metadata is in the bundle, and is read once.

    Raises:
        PackageNotFoundError: If the code was copied without its metadata: then nobody could tell what runs.
    """
    return semantic(version("clinic-agent"))


def semantic(packaged: str) -> str:
    """Spell a package's version as releases do: a package calls `0.2.0-rc.1` `0.2.0rc1` (PEP 440)."""
    found = _PRE_RELEASE.fullmatch(packaged)
    return f"{found[1]}-{_WORDS[found[2]]}.{found[3]}" if found else packaged
