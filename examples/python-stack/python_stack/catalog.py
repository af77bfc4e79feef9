"""The catalog of `terraform/catalog`: read, and checked by the JSON Schemas that lie beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from python_stack.errors import StackError


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Tiers, models and tools with their schemas, as the module `catalog` takes them, and what other modules read."""

    tiers: Mapping[str, Any] = field(repr=False)
    models: Mapping[str, Any] = field(repr=False)
    tools: Mapping[str, Any] = field(repr=False)
    tiers_schema: Mapping[str, Any] = field(repr=False)
    models_schema: Mapping[str, Any] = field(repr=False)
    tool_schema: Mapping[str, Any] = field(repr=False)
    quotas: Mapping[str, Any] = field(repr=False)  # what an account may use, for alarms
    policy_template: str = field(repr=False)  # Cedar, rendered by Terraform for each tier

    @classmethod
    def load(cls, folder: Path) -> "Catalog":
        """Read and check a catalog.

        What a schema cannot say (that a tier's model exists, that its tools are files) the module `catalog` checks at
        plan time, for this stack as for the HCL root.

        Raises:
            StackError: With everything that is wrong, a line each.
        """
        if not (folder / "tiers.yaml").is_file():
            raise StackError(f"catalog: {folder} must hold tiers.yaml; name the folder with --catalog")
        tiers_schema, models_schema, tool_schema, quotas_schema = (
            _json(folder / f"{name}.schema.json") for name in ("tiers", "models", "tool", "quotas")
        )
        tiers, models, quotas = (_yaml(folder / f"{name}.yaml") for name in ("tiers", "models", "quotas"))
        tools = {path.stem: _json(path) for path in sorted((folder / "tools").glob("*.json"))}
        problems = [
            *_problems(tiers, tiers_schema, file="tiers.yaml"),
            *_problems(models, models_schema, file="models.yaml"),
            *_problems(quotas, quotas_schema, file="quotas.yaml"),
            *(p for name, tool in tools.items() for p in _problems(tool, tool_schema, file=f"tools/{name}.json")),
        ]
        if problems:
            raise StackError("\n".join(problems))
        return cls(
            tiers=tiers,
            models=models,
            tools=tools,
            tiers_schema=tiers_schema,
            models_schema=models_schema,
            tool_schema=tool_schema,
            quotas=quotas,
            policy_template=(folder / "policies" / "tier.cedar.tftpl").read_text(encoding="utf-8"),
        )


def _problems(content: Any, schema: Mapping[str, Any], *, file: str) -> Iterator[str]:
    errors = Draft202012Validator(schema).iter_errors(content)
    for error in sorted(errors, key=lambda error: [str(part) for part in error.absolute_path]):
        where = ".".join([file, *map(str, error.absolute_path)])
        yield f"{where}: {error.message}"


def _yaml(path: Path) -> Any:
    # YAML 1.1, in which Terraform differs: an unquoted date or `on` is no text here. The schema refuses it then.
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise StackError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StackError(f"{path}: cannot be read as JSON: {error}") from error
