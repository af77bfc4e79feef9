"""Print a module's tables as `terraform-docs markdown table` does, so that a team that uses it sees no difference.

What is followed is its documented default: all sections, sorted by name, anchors, underscores escaped, types and
defaults of more than one line in <pre>. Tables are spaced as its newest versions space them: `| ---- |`.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from scripts.documentation.hcl_module import HclModule, Provider, Resource

_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s<>\"`]+")
_EMPHASIS: Final = re.compile(r"(?<!\S)_(?! )([^_\n]*[^_\s])_(?!\S)")
_KEPT: Final = "\0"  # stands for an underscore that is markup; no text file holds it


class TableError(ValueError):
    """A text would break the table."""


def tables(module: HclModule) -> str:
    """Print all tables of a module, without a line break at the end.

    Raises:
        TableError: If a cell has a pipe in code, where neither terraform-docs nor Markdown lets it be escaped.
    """
    inputs = sorted(module.variables, key=lambda variable: variable.name)
    outputs = sorted(module.outputs, key=lambda output: output.name)
    calls = sorted(module.calls, key=lambda call: call.name)
    sections = [
        _section("Requirements", ("Name", "Version"), _requirements(module)),
        _section("Providers", ("Name", "Version"), _providers(module)),
        _section(
            "Modules",
            ("Name", "Source", "Version"),
            [(_anchor("module", call.name), call.source, call.version or "n/a") for call in calls],
        ),
        _section("Resources", ("Name", "Type"), _resources(module)),
        _section(
            "Inputs",
            ("Name", "Description", "Type", "Default", "Required"),
            [
                (
                    _anchor("input", variable.name),
                    _prose(variable.description, where=f'variable "{variable.name}": description'),
                    _code(variable.type or "any", where=f'variable "{variable.name}": type'),
                    "n/a"
                    if variable.required
                    else _code(_json(variable.default), where=f'variable "{variable.name}": default'),
                    "yes" if variable.required else "no",
                )
                for variable in inputs
            ],
        ),
        _section(
            "Outputs",
            ("Name", "Description"),
            [
                (
                    _anchor("output", output.name),
                    _prose(output.description, where=f'output "{output.name}": description'),
                )
                for output in outputs
            ],
        ),
    ]
    return "\n\n".join(sections)


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(row) for row in rows]
    if not lines:
        return f"## {title}\n\nNo {title.lower()}."
    rules = [":------:" if column == "Required" else "-" * max(len(column), 4) for column in columns]
    return "\n".join([f"## {title}", "", _row(columns), _row(rules), *lines])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _requirements(module: HclModule) -> list[tuple[str, str]]:
    core = [(_anchor("requirement", "terraform"), version) for version in module.required_version]
    providers = sorted(module.providers, key=lambda provider: provider.name)
    return [*core, *((_anchor("requirement", p.name), p.version) for p in providers if p.version)]


def _providers(module: HclModule) -> list[tuple[str, str]]:
    """List the providers of the resources: what is required but not used is no row here."""
    versions = {provider.name: provider.version for provider in module.providers}
    used = sorted({resource.provider for resource in module.resources})
    return [(_anchor("provider", name), versions.get(name.partition(".")[0]) or "n/a") for name in used]


def _resources(module: HclModule) -> list[tuple[str, str]]:
    providers = {provider.name: provider for provider in module.providers}
    ordered = sorted(module.resources, key=lambda resource: (not resource.managed, f"{resource.type}.{resource.name}"))
    return [
        (
            f"[{resource.type}.{resource.name}]({_registry(resource, providers)})",
            "resource" if resource.managed else "data source",
        )
        for resource in ordered
    ]


def _registry(resource: Resource, providers: Mapping[str, Provider]) -> str:
    name = resource.provider.partition(".")[0]
    provider = providers.get(name)
    source = provider.source if provider else f"hashicorp/{name}"
    # A pin has a page of its own, a range has the newest one's.
    exact = re.fullmatch(r"(?:= ?)?(\d[\w.-]*)", (provider.version if provider else None) or "")
    version = exact[1] if exact else "latest"
    kind = "resources" if resource.managed else "data-sources"
    page = resource.type.removeprefix(f"{name}_")
    return f"https://registry.terraform.io/providers/{source}/{version}/docs/{kind}/{page}"


def _anchor(kind: str, name: str) -> str:
    shown = name.replace("_", "\\_")
    return f'<a name="{kind}_{name}"></a> [{shown}](#{kind}\\_{shown})'


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _code(text: str, *, where: str) -> str:
    if "|" in text:
        raise TableError(f"{where}: a pipe in code cannot be escaped in a table; write it without one")
    if "\n" in text:
        return f"<pre>{text.strip().replace(chr(10), '<br/>')}</pre>"
    return f"`{text}`"


def _prose(text: str, *, where: str) -> str:
    def inline_code(code: str) -> str:
        if "|" in code:
            raise TableError(f"{where}: a pipe in code cannot be escaped in a table; write it without backticks")
        return f"`{code}`"

    def fenced_code(code: str) -> str:
        return _code(f"\n{code}", where=where)

    def plain(part: str) -> str:
        return _segments(part.strip(), "`", other=_escaped, code=inline_code)

    return _segments(text.strip(), "```", other=plain, code=fenced_code) or "n/a"


def _escaped(text: str) -> str:
    marked = _EMPHASIS.sub(lambda found: f"{_KEPT}{found[1]}{_KEPT}", text)
    escaped = marked.replace("|", "\\|").replace("_", "\\_").replace(_KEPT, "_")
    escaped = _URL.sub(lambda found: found[0].replace("\\", ""), escaped)
    return re.sub(r"(?:  )?\n", "<br/>", escaped)


def _segments(text: str, mark: str, *, other: Callable[[str], str], code: Callable[[str], str]) -> str:
    """Convert what is between marks as code, and the rest otherwise."""
    parts = text.split(mark)
    return "".join(code(part) if i % 2 else other(part) for i, part in enumerate(parts) if part)
