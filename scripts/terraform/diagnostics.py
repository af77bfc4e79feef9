"""What terraform found wrong, read from its plain output: every error, without warnings and dumps of values.

Terraform prints what an expression was evaluated from under each error. That helps whoever writes modules; whoever set
a value reads the rule's own words, and where the value stands.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_START: Final = re.compile(r"(Error|Warning): (.*)")
_PLACE: Final = re.compile(r"  on (\S+) line (\d+)")
_CODE: Final = re.compile(r"\s*\d+: (.*)")
_DUMP: Final = re.compile(r"\s*[├│]")
_CHECKED: Final = "This was checked by the validation rule at "
_SETTING: Final = "Invalid value for variable"
_OWN_WORDS: Final = frozenset(
    {
        *(_SETTING, "Resource precondition failed", "Resource postcondition failed"),
        *("Module output value precondition failed", "Check block assertion failed"),
    }
)
"""Kinds of errors whose text is a message of ours, which says all."""
_YAML: Final = re.compile(r'Call to function "yamldecode" failed: (.*)', re.DOTALL)
_YAML_FILE: Final = re.compile(r"([\w.-]+\.ya?ml)\"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One error."""

    summary: str
    place: str  # such as `terraform.tfvars line 12`; empty if terraform names none
    code: str  # the line there
    detail: tuple[str, ...]  # paragraphs, each a line or several

    @property
    def is_setting(self) -> bool:
        """Whether a rule of an input variable refused its value."""
        return self.summary == _SETTING

    def lines(self) -> Iterator[str]:
        """The error for people; the first line says what is wrong."""
        where = f" ({self.place})" if self.place else ""
        if self.summary in _OWN_WORDS and self.detail:
            yield f"{' '.join(' '.join(self.detail).split())}{where}"
            return
        if bad := _YAML.match(" ".join(" ".join(self.detail).split())):
            named = _YAML_FILE.search(self.code)
            file = f"{named[1]} of the catalog" if named else "a file"
            yield f"{file}: is not valid YAML: {bad[1]}{where}"
            return
        yield f"Error: {self.summary}"
        if self.place:
            yield f"  {self.place}{f': {self.code}' if self.code else ''}"
        yield from (f"  {line}" for paragraph in self.detail for line in paragraph.split("\n"))


def read_errors(lines: Iterable[str]) -> list[Diagnostic]:
    """Read the errors from what terraform printed, with -no-color or without; warnings are left out."""
    found: list[Diagnostic] = []
    block: list[str] | None = None
    for line in _plain(lines):
        start = _START.match(line)
        if start or line.startswith("╵"):
            if block is not None:
                found.append(_diagnostic(block))
            block = [start[2]] if start and start[1] == "Error" else None
        elif block is not None:
            block.append(line)
    if block is not None:
        found.append(_diagnostic(block))
    return list(dict.fromkeys(found))  # one rule may refuse one value at several places of a plan


def headline(errors: Sequence[Diagnostic], *, otherwise: str) -> str:
    """Say how much is wrong.

    Args:
        errors: At least one.
        otherwise: What to say if it is not all about settings.
    """
    if all(error.is_setting for error in errors):
        return f"{len(errors)} settings are refused:" if len(errors) > 1 else "1 setting is refused:"
    return f"{otherwise}, {len(errors)} errors:" if len(errors) > 1 else f"{otherwise}:"


def _plain(lines: Iterable[str]) -> Iterator[str]:
    """Lines without colours and without the frame that terraform draws on the left of a coloured error."""
    for raw in lines:
        line = _COLOUR.sub("", raw).rstrip()
        yield line[1:].removeprefix(" ") if line.startswith("│") else line


def _diagnostic(block: Sequence[str]) -> Diagnostic:
    summary, *rest = block
    place = code = ""
    paragraphs: list[list[str]] = [[]]
    for line in rest:
        if _DUMP.match(line):
            continue
        if not line.strip():
            paragraphs.append([])
        elif not place and (found := _PLACE.match(line)):
            place = f"{found[1]} line {found[2]}"
        elif place and not any(paragraphs) and (found := _CODE.match(line)):
            code = code or found[1]  # a value of several lines is printed whole; the first says where it is
        else:
            paragraphs[-1].append(line.rstrip())
    detail = ["\n".join(lines) for lines in paragraphs if lines and not lines[0].startswith(_CHECKED)]
    return Diagnostic(summary=summary, place=place, code=code, detail=tuple(detail))
