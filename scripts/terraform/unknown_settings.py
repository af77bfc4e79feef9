"""Refuse settings of an environment that terraform would drop without an error: misspelt ones above all.

Terraform only warns of a value for a variable that is not declared, and it drops attributes that an object type does
not have. What was meant to be strict is then the default. Here the files of values are evaluated twice: as they are
written, and as the variables' types leave them. What is missing afterwards is refused.
"""

import difflib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from botocore.loaders import Loader

from scripts.terraform.cli import without_stray
from scripts.terraform.console import ask
from scripts.terraform.environments import Environment, EnvironmentProblem

_VALUES: Final = ("terraform.tfvars", "terraform.tfvars.json", "*.auto.tfvars", "*.auto.tfvars.json")
"""Files that terraform reads by itself."""
_UNDECLARED: Final = re.compile(r'does not declare a variable named "([^"]+)" but a value was found in file "([^"]+)"')
_RULE: Final = re.compile(r"^  validation \{\n.*?^  \}\n", re.MULTILINE | re.DOTALL)
_RELEASE: Final = "release"
"""Programs write it, check its fields themselves, and keep some there that terraform does not need."""
_ROUNDS: Final = 50
"""Terraform names two undeclared variables at a time."""


def check_settings(environment: Environment, *, env: Mapping[str, str]) -> None:
    """Check that terraform uses every setting of an environment, and that its Region is one.

    Args:
        environment: Whose files of values are read.
        env: To run terraform in.

    Raises:
        EnvironmentProblem: If it would drop one; the message names all of them, with what may have been meant.
        TerraformError: If terraform cannot be run.
    """
    with tempfile.TemporaryDirectory(prefix="settings-") as scratch:
        clean = without_stray(env) | {"TF_DATA_DIR": str(Path(scratch) / "data"), "TF_IN_AUTOMATION": "1"}
        declared = environment.variables()
        written, undeclared = _as_written(environment, Path(scratch) / "written", declared, clean)
        if written is None:  # a file of values cannot be read: the plan says why
            return
        typed = _as_typed(environment, Path(scratch) / "typed", written, clean)
    problems = [f"{name}: is no setting ({file}){_meant(name, declared)}" for name, file in undeclared.items()]
    problems += [
        f"{path}: is no setting{_meant(path.rpartition('.')[2], known)}"
        for name, value in (typed or {}).items()
        if name != _RELEASE
        for path, known in dropped(written[name], value, path=name)
    ]
    shown = f"terraform/envs/{environment.name}"
    if problems:
        one = len(problems) == 1
        raise EnvironmentProblem(
            f"{len(problems)} setting{' is' if one else 's are'} not known, and would be ignored:\n  "
            + "\n  ".join(problems)
            + f"\nWhat to do: correct or remove {'it' if one else 'them'}; {shown}/README.md lists all settings."
        )
    region, partition = written.get("region"), written.get("partition") or "aws"
    if isinstance(region, str) and (problem := region_problem(region, str(partition))):
        raise EnvironmentProblem(
            f"1 setting is refused:\n  {problem}\nWhat to do: change it in {shown}/terraform.tfvars."
        )


def dropped(written: Any, typed: Any, *, path: str) -> Iterator[tuple[str, list[str]]]:
    """Find attributes that a variable's type left out.

    Args:
        written: The value as the file has it.
        typed: The value as the variable has it.
        path: Of the value.

    Yields:
        The path of each, and the names that are known there.
    """
    if isinstance(written, Mapping) and isinstance(typed, Mapping):
        for name, value in written.items():
            if name not in typed:
                yield f"{path}.{name}", sorted(typed)
            else:
                yield from dropped(value, typed[name], path=f"{path}.{name}")
    elif isinstance(written, list) and isinstance(typed, list):
        # A set has lost its order, so elements are compared with what any of them has.
        known = {name: value for entry in typed if isinstance(entry, Mapping) for name, value in entry.items()}
        for number, value in enumerate(written):
            if isinstance(value, Mapping) and known:
                yield from dropped(value, known, path=f"{path}[{number}]")


def region_problem(region: str, partition: str) -> str | None:
    """Say what is wrong with a Region, or None. Its grammar is the variable's own affair.

    Source: partitions.json of the installed botocore.
    """
    partitions = Loader().load_data("partitions")["partitions"]
    regions = {name: entry["id"] for entry in partitions for name in entry["regions"] if not name.endswith("-global")}
    if region not in regions:
        close = difflib.get_close_matches(region, regions, n=1)
        hint = f"did you mean {close[0]}?" if close else "write a code such as us-east-1."
        return f"region: {region!r} is no AWS Region; {hint} (A Region newer than the installed botocore is not known.)"
    if regions[region] != partition:
        return f"partition: must be {regions[region]} for region {region}; got {partition!r}"
    return None


def _as_written(
    environment: Environment, root: Path, declared: Sequence[str], env: Mapping[str, str]
) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
    """Values without their types, null for those that no file has, and undeclared names with their files."""
    _copy_values(environment, root)
    undeclared: dict[str, str] = {}
    for _ in range(_ROUNDS):
        names = [*declared, *undeclared]
        text = "".join(f'variable "{name}" {{\n  default = null\n}}\n' for name in names)
        (root / "variables.tf").write_text(text, encoding="utf-8")
        answer = ask(root, declared, env=env)
        found = {name: file for name, file in _UNDECLARED.findall(answer.said) if name not in undeclared}
        undeclared |= found
        if answer.failed or not found:
            return answer.values, undeclared
    return None, undeclared


def _as_typed(
    environment: Environment, root: Path, written: Mapping[str, Any], env: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """Values as their types leave them, of those that a file has; rules of values are the plan's affair."""
    names = [name for name, value in written.items() if value is not None]
    _copy_values(environment, root)
    for path in environment.folder.glob("*.tf"):
        text = path.read_text(encoding="utf-8")
        if 'variable "' in text:
            kept = _RULE.sub("", "".join(re.findall(r'^variable ".*?^\}\n', text, re.MULTILINE | re.DOTALL)))
            (root / path.name).write_text(kept, encoding="utf-8")
    return ask(root, names, env=env).values if names else {}


def _copy_values(environment: Environment, root: Path) -> None:
    root.mkdir(mode=0o700)
    for pattern in _VALUES:
        for path in environment.folder.glob(pattern):
            shutil.copyfile(path, root / path.name)


def _meant(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; there are {', '.join(known)}" if len(known) <= 8 else ""
