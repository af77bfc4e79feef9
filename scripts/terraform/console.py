"""Evaluate a root's variables with `terraform console`: no provider, module or state is needed, so it is quick."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.terraform.cli import TerraformError
from scripts.terraform.diagnostics import Diagnostic, read_errors

_SECONDS: Final = 60.0
_ANSWER: Final = re.compile(r'^(?:"([A-Za-z0-9+/=]+)"|\(known after apply\))$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What terraform said."""

    values: Mapping[str, Any] | None = field(repr=False)  # by name; None if one has none, or there were errors
    errors: tuple[Diagnostic, ...]
    said: str = field(repr=False)  # all of it, on one line: warnings too
    failed: bool


def ask(root: Path, names: Sequence[str], *, env: Mapping[str, str]) -> Answer:
    """Evaluate variables of a root.

    Args:
        root: A folder with variables and files of values, and nothing that would have to be initialised.
        names: Of the variables.
        env: For terraform, with a `TF_DATA_DIR` of its own.

    Raises:
        TerraformError: If terraform cannot be run.
    """
    program = shutil.which("terraform", path=env.get("PATH"))
    if program is None:
        raise TerraformError("terraform is not on the PATH")
    # Base64, since the console writes strings as HCL, with its own escapes.
    wanted = ", ".join(f"{name} = var.{name}" for name in names)
    try:
        done = subprocess.run(
            [program, "console"],
            input=f"base64encode(jsonencode({{ {wanted} }}))\n",
            cwd=root,
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as failure:
        raise TerraformError(f"terraform console does not run ({type(failure).__name__})") from failure
    said = re.sub(r"\x1b\[[0-9;]*m", "", f"{done.stderr}\n{done.stdout}")
    errors = tuple(read_errors(said.splitlines()))
    found = _ANSWER.search(said)
    failed = bool(done.returncode or found is None or errors)
    values: dict[str, Any] | None = None
    if found is not None and found[1] and not failed:
        values = json.loads(base64.b64decode(found[1]))
    words = " ".join(re.sub(r"[\u2500-\u257f]", " ", said).split())
    return Answer(values=values, errors=errors, said=words, failed=failed)
