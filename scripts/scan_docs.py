"""Write the list of our checks into docs/policy-checks.md: `python -m scripts.scan_docs [--check]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from policy_checks.check import DOCS, Severity
from policy_checks.checks import CHECKS
from scripts.scanning.tool import ROOT

PAGE: Final = ROOT / DOCS
BEGIN: Final = "<!-- begin: written by scripts/scan_docs.py from policy_checks/ -->"
END: Final = "<!-- end -->"


def rendered() -> str:
    """The generated part of the page."""
    lines = ["| check | severity | what has to be true |", "| --- | --- | --- |"]
    for check in sorted(CHECKS, key=lambda c: list(Severity).index(c.severity)):
        scope = " (production)" if check.production else ""
        lines.append(f"| [{check.id}](#{check.id.lower()}) | {check.severity.value} | {check.name}{scope} |")
    for check in CHECKS:
        asked = "In production only. " if check.production else ""
        types = ", ".join(f"`{name}`" for name in check.types)
        examples = f"../policy_checks/examples/{check.id}"
        lines += [
            "",
            f"### {check.id}",
            "",
            f"**{check.name}** ({check.severity.value}). {asked}Reads {types}.",
            "",
            f"- Why: {_text(check.why)}",
            f"- What to do: {_text(check.fix)}",
            f"- Examples: [passing and failing]({examples})",
        ]
    return "\n".join(lines)


def page(text: str) -> str:
    """Put the generated part into the page.

    Raises:
        ValueError: If the page has no place for it.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCS}: the lines {BEGIN!r} and {END!r} are missing")
    return f"{before}{BEGIN}\n\n{rendered()}\n\n{END}{after}"


def _text(text: str) -> str:
    """Keep Markdown from reading what is meant as it stands."""
    return text.replace("<", "&lt;").replace("*", "\\*")


def main(argv: Sequence[str] | None = None, *, path: Path = PAGE) -> int:
    """Write, or say whether it is written."""
    parser = argparse.ArgumentParser(prog="python -m scripts.scan_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is up to date")
    options = parser.parse_args(argv)
    text = path.read_text(encoding="utf-8")
    try:
        new = page(text)
    except ValueError as error:
        print(f"scan_docs: {error}", file=sys.stderr)
        return 1
    if options.check and new != text:
        print(f"scan_docs: {DOCS} is not what the checks say; run: make docs", file=sys.stderr)
        return 1
    if not options.check:
        path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
