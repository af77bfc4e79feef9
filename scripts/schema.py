"""Write the recording provider's data file: schemas and rules of the types that our Terraform uses.

    python -m scripts.schema

The schemas are read from the provider's generated bindings, the rules from AWS's service models as botocore has them;
both wheels are pinned in `scripts/schemas/requirements.txt`, put below `build/`, and never imported.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local_aws.terraform_provider.data import FORMAT, data_file
from scripts.publishing import cache
from scripts.schemas.bindings import Bindings, BindingsError, Schema, read_bindings
from scripts.schemas.rules import SOURCES, RulesError, ServiceModel, derive

ROOT: Final = Path(__file__).resolve().parents[1]
REQUIREMENTS: Final = Path(__file__).with_name("schemas") / "requirements.txt"
TERRAFORM: Final = (ROOT / "terraform", ROOT / "tests", ROOT / "policy_checks")
"""Folders whose `*.tf` say which types are in use; tests and examples of checks too: they run on the same provider."""

_MODELS: Final = "botocore"
_BLOCK: Final = re.compile(r'^\s*(resource|data|ephemeral)\s+"(aws_\w+)"', re.MULTILINE)
_LINE: Final = 100  # characters, up to which a value of the data file stays on one line


class SchemaError(Exception):
    """The data file cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Types:
    """Type names without the kind."""

    resources: frozenset[str]
    data_sources: frozenset[str]


def types_in_use(folders: Iterable[Path] = TERRAFORM) -> Types:
    """Read the Terraform sources for the AWS types they use.

    Raises:
        SchemaError: If there is an ephemeral resource, which the recording provider does not serve.
    """
    found: dict[str, set[str]] = {"resource": set(), "data": set()}
    for folder in folders:
        for path in folder.rglob("*.tf"):
            if ".terraform" in path.parts:
                continue
            for kind, name in _BLOCK.findall(path.read_text(encoding="utf-8")):
                if kind == "ephemeral":
                    raise SchemaError(f"{path}: ephemeral {name}: the recording provider serves none")
                found[kind].add(name)
    return Types(resources=frozenset(found["resource"]), data_sources=frozenset(found["data"]))


def install(target: Path) -> None:
    """Unpack the pinned wheels, unless they are there.

    Args:
        target: Folder; named by what is in it, so that a changed pin makes another.

    Raises:
        SchemaError: If uv is missing or fails.
    """
    if target.is_dir():
        return
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise SchemaError("uv is not in this environment; run: make install")
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    options = ["--quiet", "--no-deps", "--no-build", "--require-hashes", "--python", sys.executable]
    args = [uv, "pip", "install", *options, "--target", str(draft), "-r", str(REQUIREMENTS)]
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise SchemaError(f"the pinned wheels cannot be installed:\n{done.stderr.strip()}")
    cache.keep(draft, target)


def document(bindings: Bindings, *, models: Path, pins: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Put schemas and rules together.

    Args:
        bindings: The schemas.
        models: The unpacked botocore.
        pins: Versions by package.

    Returns:
        The content of the data file, and the arguments that no service model knows.

    Raises:
        RulesError: If hand-written rules and service model do not go together.
    """
    resources: dict[str, Any] = {}
    unmapped: list[str] = []
    loaded: dict[str, ServiceModel] = {}
    for name, schema in sorted(bindings.resources.items()):
        resources[name] = _compact(schema)
        if source := SOURCES.get(name):
            model = loaded.setdefault(source.service, ServiceModel.load(models, source.service))
            derived = derive(name, schema, model, source=source)
            resources[name]["rules"] = derived.rules
            unmapped += [f"{name}.{path}" for path in derived.unmapped]
    return {
        "format": FORMAT,
        "provider": {"address": bindings.address, "version": bindings.version},
        "made_from": pins,
        "configuration": _compact(bindings.configuration),
        "resources": resources,
        "data_sources": {name: _compact(schema) for name, schema in sorted(bindings.data_sources.items())},
    }, unmapped


def render(value: Any, *, indent: int = 0) -> str:
    """Write JSON with short values on one line: small, and a change shows as the lines that it concerns."""
    short = json.dumps(value, ensure_ascii=False)
    if indent and len(short) + indent <= _LINE:
        return short
    pad, inner = " " * indent, " " * (indent + 1)
    if isinstance(value, dict) and value:
        items = [f"{inner}{json.dumps(key)}: {render(item, indent=indent + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{pad}}}"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return "[\n" + ",\n".join(inner + render(item, indent=indent + 1) for item in value) + f"\n{pad}]"
    return short


def _compact(schema: Schema) -> dict[str, Any]:
    """An attribute becomes its type and its flags, and what is empty is left out."""
    flags = ("required", "optional", "computed", "sensitive", "write_only")
    attributes = {
        name: [attribute["type"], *(flag for flag in flags if attribute.get(flag))]
        for name, attribute in sorted(schema["attributes"].items())
    }
    blocks = {}
    for name, nested in sorted(schema["block_types"].items()):
        blocks[name] = {key: nested[key] for key in ("nesting_mode", "min_items", "max_items") if key in nested}
        blocks[name] |= _compact(nested["block"])
    return {key: value for key, value in (("attributes", attributes), ("blocks", blocks)) if value}


def _pins() -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", REQUIREMENTS.read_text(), re.MULTILINE))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file, and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.schema", description=__doc__.partition("\n")[0])
    parser.add_argument("--unmapped", action="store_true", help="list the arguments that no service model knows")
    options = parser.parse_args(argv)
    try:
        types = types_in_use()
        wheels = ROOT / "build" / "schema" / cache.key([REQUIREMENTS.read_text()])
        install(wheels)
        (package,) = wheels.glob("cdktn_provider_aws/_jsii/*.jsii.tgz")
        bindings = read_bindings(package, resources=set(types.resources), data_sources=set(types.data_sources))
        content, unmapped = document(bindings, models=wheels / _MODELS, pins=_pins())
    except (SchemaError, BindingsError, RulesError) as error:
        print(f"schema: {error}", file=sys.stderr)
        return 1
    path = data_file(bindings.version)
    text = render(content) + "\n"
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)  # at once: a provider may be starting
    for old in path.parent.glob("schema-*.json"):
        if old != path:
            old.unlink()
    rules = sum(len(resource.get("rules", ())) for resource in content["resources"].values())
    print(
        f"{path.relative_to(ROOT)}: aws {bindings.version}, {len(types.resources)} resources, "
        f"{len(types.data_sources)} data sources, {rules} rules, {len(text) / 1024:.0f} KB"
    )
    if options.unmapped:
        print("No service model knows:", *unmapped, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
