"""Version constraints as Terraform has them, as far as our modules use them."""

import re
from pathlib import Path
from typing import Final

_REQUIRED: Final = re.compile(r'source\s*=\s*"hashicorp/aws"\s*,?\s*version\s*=\s*"([^"]+)"')
_MODULE: Final = re.compile(r'^\s*source\s*=\s*"(\.[^"]+)"', re.MULTILINE)
_PART: Final = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*(\d+(?:\.\d+)*)")


def admits(constraint: str, version: str) -> bool:
    """Tell whether a version fulfils a constraint such as `>= 5.100, < 7.0`.

    Raises:
        ValueError: If the constraint is none.
    """
    return all(_part_admits(part.strip(), _numbers(version)) for part in constraint.split(","))


def aws_constraints(folder: Path) -> list[str]:
    """List what a folder, first, and the local modules that it calls ask of the AWS provider; empty if none does."""
    seen: set[Path] = set()
    found: list[str] = []
    waiting = [folder.resolve()]
    while waiting:
        here = waiting.pop(0)
        if here in seen:
            continue
        seen.add(here)
        text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(here.glob("*.tf")))
        found += _REQUIRED.findall(text)
        waiting += [(here / source).resolve() for source in _MODULE.findall(text)]
    return found


def _part_admits(part: str, version: tuple[int, ...]) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is no version constraint")
    bound = _numbers(match[2])
    match match[1] or "=":
        case "=":
            return version == bound
        case "!=":
            return version != bound
        case ">=":
            return version >= bound
        case "<=":
            return version <= bound
        case ">":
            return version > bound
        case "<":
            return version < bound
        case _:  # ~>: the last number given may grow
            given = match[2].count(".")
            return version >= bound and version[:given] == bound[:given]


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))
