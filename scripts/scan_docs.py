"""Write what the scan checks into docs/policy-checks.md, and what is excused into docs/security.md.

python -m scripts.scan_docs [--check]
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from policy_checks.check import DOCS, Severity
from policy_checks.checks import CHECKS
from scripts.scanning.baseline import BASELINE, read_baseline
from scripts.scanning.sources import read_sources
from scripts.scanning.tool import ROOT, ScanError

PAGE: Final = ROOT / DOCS
SECURITY: Final = ROOT / "docs" / "security.md"
BEGIN: Final = "<!-- begin: written by scripts/scan_docs.py from policy_checks/ -->"
END: Final = "<!-- end -->"
BEGIN_EXCUSED: Final = "<!-- begin: suppressions, written by scripts/scan_docs.py -->"
END_EXCUSED: Final = "<!-- end: suppressions -->"
_ASKS: Final = {
    "CKV2_AWS_5": "security groups are attached to something",
    "CKV2_AWS_61": "buckets have a lifecycle rule",
    "CKV2_AWS_62": "buckets send event notifications",
    "CKV_AWS_116": "functions have a dead letter queue",
    "CKV_AWS_117": "functions run in a VPC",
    "CKV_AWS_144": "buckets are copied to another Region",
    "CKV_AWS_173": "functions' environment variables have a key of the account",
    "CKV_AWS_18": "buckets have access logs",
    "CKV_AWS_272": "functions' code is signed",
    "CKV_AWS_338": "logs are kept for a year",
    "CKV_AWS_50": "functions have X-Ray tracing",
}
"""What the checks of checkov ask that are suppressed somewhere: their ids tell nobody."""


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


def excused(terraform: Path = ROOT / "terraform") -> str:
    """List what is suppressed in the sources, and how much the baseline excuses.

    Args:
        terraform: The sources.

    Raises:
        ValueError: If a check is suppressed of which nobody wrote down what it asks.
        ScanError: If the baseline cannot be read.
    """
    ours = {check.id: check.name for check in CHECKS}
    found = read_sources(terraform, root=terraform.parent).suppressions.values()
    lines = ["| check | what it asks | where | why not |", "| --- | --- | --- | --- |"]
    for skip in sorted(found, key=lambda s: (s.check, s.place.file, s.place.block)):
        asks = ours.get(skip.check) or _ASKS.get(skip.check)
        if asks is None:
            raise ValueError(f"scripts/scan_docs.py: _ASKS has no {skip.check}; write down what it asks")
        lines.append(f"| {skip.check} | {asks} | `{skip.place.file}`, `{skip.place.block}` | {_text(skip.reason)} |")
    baseline = read_baseline(BASELINE.read_text(encoding="utf-8"), name=BASELINE.name)
    return "\n".join([*lines, "", f"{len(found)} suppressions; {len(baseline)} findings in the baseline."])


def page(text: str) -> str:
    """Put the list of checks into its page.

    Raises:
        ValueError: If the page has no place for it.
    """
    return _between(text, rendered(), begin=BEGIN, end=END, name=DOCS)


def _between(text: str, generated: str, *, begin: str, end: str, name: str) -> str:
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{name}: the lines {begin!r} and {end!r} are missing")
    return f"{before}{begin}\n\n{generated}\n\n{end}{after}"


def _text(text: str) -> str:
    """Keep Markdown from reading what is meant as it stands."""
    return text.replace("<", "&lt;").replace("*", "\\*")


def main(argv: Sequence[str] | None = None, *, path: Path = PAGE, security: Path = SECURITY) -> int:
    """Write, or say whether it is written."""
    parser = argparse.ArgumentParser(prog="python -m scripts.scan_docs", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether the pages are up to date")
    options = parser.parse_args(argv)
    texts = {file: file.read_text(encoding="utf-8") for file in (path, security)}
    try:
        marks = {"begin": BEGIN_EXCUSED, "end": END_EXCUSED, "name": security.name}
        wanted = {path: page(texts[path]), security: _between(texts[security], excused(), **marks)}
    except (ScanError, ValueError) as error:
        print(f"scan_docs: {error}", file=sys.stderr)
        return 1
    stale = [file.name for file in texts if wanted[file] != texts[file]]
    if options.check and stale:
        print(f"scan_docs: {', '.join(stale)}: is not what the sources say; run: make docs", file=sys.stderr)
        return 1
    if not options.check:
        for file, text in wanted.items():
            file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
