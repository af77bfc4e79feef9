"""checkov: its own environment, and one run of it.

Its pins are not ours (it wants an older boto3), so it is installed beside `.venv`, from hashes, on first use. A scan
asks nobody: no platform, no download of modules, and none of the caller's tokens reach it.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.publishing import cache
from scripts.publishing.archive import BundleError
from scripts.publishing.uv_tool import find_uv

ROOT: Final = Path(__file__).resolve().parents[2]
REQUIREMENTS: Final = ROOT / "policy_checks" / "requirements.txt"
PLUGIN: Final = ROOT / "policy_checks" / "plugin"
TOOLS: Final = ROOT / ".local" / "scan" / "tool"

_INSTALL_SECONDS: Final = 600.0
_SCAN_SECONDS: Final = 600.0
_DONE: Final = frozenset({0, 1})  # 1: something failed
_BROKEN: Final = re.compile(r"(?:Failed to run check|Cannot load external check) '?([\w.-]+)'?[^\n]*")
_KEPT: Final = re.compile(r"PATH|LANG|LC_\w+|TMPDIR|SYSTEMROOT", re.IGNORECASE)
"""All that checkov gets of the caller's environment: a BC_API_KEY there would make it upload what it finds."""


class ScanError(Exception):
    """There is no result; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What checkov says of one resource and one check."""

    check: str
    name: str
    result: str  # passed, failed or skipped
    address: str
    file: Path
    line: int
    comment: str = ""  # reason of a suppression
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """An installed checkov."""

    python: Path
    version: str

    def run(self, path: Path, *, plans: bool = False, without: Sequence[str] = ()) -> list[Record]:
        """Scan.

        Args:
            path: What to scan.
            plans: Whether it is plan JSON, a file or a folder of them, and not a folder of HCL.
            without: Folders below it that are not scanned.

        Raises:
            ScanError: If checkov does not end well, or one of its checks broke: it counts those as "unknown", which
                nobody sees.
        """
        # One path a run: of several folders, checkov loses what the later ones gave.
        target = ["--framework", "terraform_plan" if plans else "terraform", "-d" if path.is_dir() else "-f", str(path)]
        options = ["--external-checks-dir", str(PLUGIN), "--skip-download", "-o", "json", *target]
        options += [part for folder in without for part in ("--skip-path", f"{re.escape(str(path / folder))}/")]
        # An empty home and working folder: a .checkov.yaml of the user would change what is scanned.
        with tempfile.TemporaryDirectory(prefix="scan-") as home:
            env = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
            env |= {"HOME": home, "LOG_LEVEL": "WARNING"}
            env |= {"DOWNLOAD_EXTERNAL_MODULES": "false", "BC_SKIP_MAPPING": "TRUE"}
            try:
                done = subprocess.run(
                    [str(self.python), "-I", "-B", "-m", "checkov.main", *options],
                    cwd=home,
                    env=env,
                    capture_output=True,
                    text=True,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    timeout=_SCAN_SECONDS,
                )
            except subprocess.TimeoutExpired:
                raise ScanError(f"checkov did not end within {_SCAN_SECONDS:.0f} s") from None
        if done.returncode not in _DONE:
            raise ScanError(f"checkov failed (exit code {done.returncode}):\n{_tail(done.stderr or done.stdout)}")
        if broken := sorted(set(_BROKEN.findall(done.stderr))):
            raise ScanError(f"checks broke, so results are missing: {', '.join(broken)}\n{_tail(done.stderr)}")
        return list(_records(done.stdout))


def scanner(*, tools: Path = TOOLS, progress: Callable[[str], None] = lambda _: None) -> Scanner:
    """Return checkov, installed if need be.

    Args:
        tools: Folder for its environments, of which the one in use stays.
        progress: Gets a line before something takes long.

    Raises:
        ScanError: If it cannot be installed.
    """
    text = REQUIREMENTS.read_text(encoding="utf-8")
    version = re.search(r"^checkov==(\S+)", text, re.MULTILINE)
    if version is None:
        raise ScanError(f"{REQUIREMENTS.relative_to(ROOT)}: checkov is not pinned in it; see requirements.in")
    # An environment knows the folder it is in and the Python that it was made with.
    key = cache.key([text, sys.version, sys.base_prefix, str(tools.resolve())])
    home = tools / key
    python = home / "bin" / "python"
    tools.mkdir(parents=True, exist_ok=True)
    with tools.with_name(f"{tools.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests and a scan may come at the same time
        if not (home / "installed").is_file():
            progress(f"installing checkov {version[1]} into {_short(home)} (once; needs a package index)")
            _install(home)
            for other in tools.iterdir():
                if other != home:
                    shutil.rmtree(other, ignore_errors=True)
    return Scanner(python=python, version=version[1])


def _install(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)  # half an installation: one that was interrupted
    try:
        uv = find_uv()
    except BundleError as error:
        raise ScanError(str(error)) from None
    steps = (
        ["venv", "--no-project", "--python", sys.executable, str(home)],
        ["pip", "install", "--python", str(home / "bin" / "python"), "--require-hashes", "-r", str(REQUIREMENTS)],
    )
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "UV_PYTHON", "PYTHONPATH")}
    for step in steps:
        try:
            done = subprocess.run(
                [uv, "--quiet", *step], env=env, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
            )
            said = (_tail(done.stderr) or f"  uv ended with {done.returncode}") if done.returncode else ""
        except subprocess.TimeoutExpired:
            said = f"it took longer than {_INSTALL_SECONDS:.0f} s"
        if said:
            shutil.rmtree(home, ignore_errors=True)
            raise ScanError(
                f"checkov cannot be installed:\n{said}\n"
                "It comes from the Python package index, once. Behind a proxy or with an index of your own, set "
                "HTTPS_PROXY or UV_DEFAULT_INDEX, and run make scan again."
            )
    (home / "installed").touch()


def _records(text: str) -> list[Record]:
    found = []
    for document in _documents(text):
        results: dict[str, list[dict[str, Any]]] = document.get("results", {})
        if errors := results.get("parsing_errors"):
            raise ScanError(f"checkov cannot read {', '.join(map(str, errors))}; does `make validate` pass?")
        for kind in ("passed", "failed", "skipped"):
            found += [_record(kind, entry) for entry in results.get(f"{kind}_checks", [])]
    return found


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """Checkov prints one report, or a list of them."""
    try:
        document = json.loads(text)
    except ValueError:
        raise ScanError(f"checkov printed no JSON:\n{_tail(text)}") from None
    yield from document if isinstance(document, list) else [document]


def _record(kind: str, entry: dict[str, Any]) -> Record:
    return Record(
        check=entry["check_id"],
        name=entry["check_name"],
        result=kind,
        address=entry["resource"],
        file=Path(entry["file_abs_path"]),
        line=max(1, int((entry.get("file_line_range") or [1])[0])),
        comment=str((entry.get("check_result") or {}).get("suppress_comment") or ""),
        details=tuple(str(line) for line in entry.get("details") or ()),
    )


def _tail(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-15:])


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
