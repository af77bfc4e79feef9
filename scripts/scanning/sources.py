"""Where in the sources a planned resource is written, and what is suppressed there.

A suppression stands in the block of the resource: `#checkov:skip=CKV_AWS_117:why`. checkov reads it in HCL and not in
plans, so plans are read with the same comments here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_BLOCK: Final = re.compile(r'^resource\s+"(\w+)"\s+"([\w-]+)"')
_SKIP: Final = re.compile(r"checkov:skip=([A-Za-z0-9_]+)(?:\s*:\s*(.*))?")
_MODULE: Final = re.compile(r'module\.([^.\[]+)(?:\[(?:\d+|"(?:[^"\\]|\\.)*")\])?\.?')
_REASON_CHARS: Final = 15
"""Shortest reason that can be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The block of a resource."""

    file: str  # below the repository, with /
    block: str  # such as aws_s3_bucket.this
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """One comment."""

    check: str
    place: Place  # its line is the comment's
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Blocks and suppressions of a tree of Terraform."""

    places: Mapping[tuple[str, str], Place]  # by file and block
    suppressions: Mapping[tuple[str, str, str], Suppression]  # by check, file and block
    problems: tuple[str, ...]  # suppressions that do not say what or why

    def in_folder(self, folder: str, block: str) -> Place | None:
        """Find a block in the files of a folder, as Terraform reads them."""
        for (file, name), place in self.places.items():
            if name == block and file.rpartition("/")[0] == folder:
                return place
        return None


def read_sources(tree: Path, *, root: Path) -> Sources:
    """Read all `*.tf` below a folder.

    Args:
        tree: The folder.
        root: What places are relative to.
    """
    places: dict[tuple[str, str], Place] = {}
    suppressions: dict[tuple[str, str, str], Suppression] = {}
    problems: list[str] = []
    for path in sorted(tree.rglob("*.tf")):
        if ".terraform" in path.parts:
            continue
        file = path.relative_to(root).as_posix()
        block = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if found := _BLOCK.match(line):
                block = f"{found[1]}.{found[2]}"
                places[file, block] = Place(file=file, block=block, line=number)
            elif line == "}":  # as `terraform fmt` leaves it: only the end of a block stands at the margin
                block = ""
            for skip in _SKIP.finditer(line):
                check, reason = skip[1], (skip[2] or "").strip()
                if not block:
                    problems.append(
                        f"{file}:{number}: {check} is suppressed outside of a resource, where it has no effect"
                    )
                elif len(reason) < _REASON_CHARS:
                    problems.append(f"{file}:{number}: no reason is given; write #checkov:skip={check}:<reason>")
                else:
                    place = Place(file=file, block=block, line=number)
                    suppressions[check, file, block] = Suppression(check=check, place=place, reason=reason)
    return Sources(places=places, suppressions=suppressions, problems=tuple(problems))


def block_of(address: str) -> str:
    """Type and name in an address: `module.a["x"].aws_s3_bucket.this["y"]` is of block aws_s3_bucket.this."""
    rest = address
    while found := _MODULE.match(rest):
        rest = rest[found.end() :]
    return rest.partition("[")[0]


def folder_of(address: str, document: Mapping[str, Any], *, root_folder: str) -> str:
    """Folder of the module that an address is in.

    Args:
        address: Of a planned resource.
        document: Plan JSON, whose configuration has the sources of module calls.
        root_folder: Of the root module, below the repository.
    """
    folder = root_folder
    module: Mapping[str, Any] = document.get("configuration", {}).get("root_module", {})
    for name in _names(address):
        call = module.get("module_calls", {}).get(name, {})
        folder = _joined(folder, str(call.get("source", ".")))
        module = call.get("module", {})
    return folder


def _names(address: str) -> Iterator[str]:
    rest = address
    while found := _MODULE.match(rest):
        yield found[1]
        rest = rest[found.end() :]


def _joined(folder: str, source: str) -> str:
    parts = folder.split("/")
    for step in source.split("/"):
        if step == "..":
            parts = parts[:-1]
        elif step not in ("", "."):
            parts.append(step)
    return "/".join(parts)
