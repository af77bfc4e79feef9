"""Rebuild Terraform schemas from the generated Python bindings of a provider.

The wheel `cdktn-provider-aws` carries the TypeScript source of every type, as a source map. That text states name,
type, nesting and required/optional/computed of each attribute: what `terraform providers schema -json` would print,
without the provider's 700 MB.

What the bindings do not say, and so is not here: `sensitive`, `deprecated`, defaults, force-new, validators, how many
blocks may stand there. `write_only` is inferred from the `_wo` suffix that every such argument has.
"""

import base64
import json
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

Schema = dict[str, Any]
"""A block as in `terraform providers schema -json`: `attributes`, and `block_types` with `nesting_mode` and `block`."""


class BindingsError(Exception):
    """The bindings do not hold what is asked for, or cannot say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What the bindings say of one provider and of the wanted types."""

    address: str  # such as registry.terraform.io/hashicorp/aws
    version: str  # of the provider
    configuration: Schema = field(repr=False)  # of the provider block
    resources: Mapping[str, Schema] = field(repr=False)
    data_sources: Mapping[str, Schema] = field(repr=False)


_SOURCE_MAP: Final = re.compile(r"sourceMappingURL=data:application/json;base64,([A-Za-z0-9+/=]+)")
_TYPE_NAME: Final = re.compile(r'static tfResourceType = "(\w+)"')
_EXPORT: Final = re.compile(r"^ *export (class|function|interface) (\w+)", re.MULTILINE)
_MAIN: Final = re.compile(r"extends cdkt[fn]\.Terraform(Resource|DataSource|Provider)\b")
# One attribute: the comment with its flags, then its private field or, failing that, its getter.
_ATTRIBUTE: Final = re.compile(
    r"// (?P<name>\w+) - computed: (?P<computed>\w+), optional: (?P<optional>\w+), required: (?P<required>\w+)\n\s*"
    r"(?:private _\w+\??: ?(?P<type>[^;]*);[^\n]*\n"
    r'|private _\w+ = new (?P<cls>[\w.]+)\(this, "[^"]+"(?P<args>.*?)\);'
    r"|public get \w+\(\) \{\n\s*return (?P<getter>[^;]*);)"
)
# The same attribute in the function that writes HCL: only there is a list told from a set.
_HCL_ENTRY: Final = re.compile(
    r'(\w+): \{\s*value: .*?,\s*isBlock: (\w+),\s*type: "(\w+)",\s*storageClassType: "([\w.]+)",', re.DOTALL
)
_CLASS_SUFFIX: Final = re.compile(r"(OutputReference|List|Map)$")
_CONFIG_PROPERTY: Final = re.compile(r"#(\w+) \w+#\w+\}\n\s*\*/\n\s*readonly \w+(\??):")

_SCALARS: Final = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
_STORAGE: Final[dict[str, Any]] = {
    **_SCALARS,
    **{f"{name}{kind}": typ for name, typ in _SCALARS.items() for kind in ("List", "Map")},
    **{f"string{outer}{inner}": [outer.lower(), "string"] for outer in ("List", "Map") for inner in ("List", "Map")},
}
_LIBRARY: Final[dict[str, Any]] = {
    **{f"{name.capitalize()}Map": ["map", typ] for name, typ in _SCALARS.items()},
    **{f"{name.capitalize()}MapList": ["list", ["map", typ]] for name, typ in _SCALARS.items()},
}
_GETTERS: Final[dict[str, Any]] = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getNumberListAttribute": ["number"],
    "getListAttribute": ["string"],
    "interpolationForAttribute": "dynamic",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _HclEntry:
    is_block: bool
    kind: str  # simple, list, set, map, struct
    storage: str


class Module:
    """The generated TypeScript of one resource, one data source or the provider's configuration.

    Args:
        text: One or more files of it, joined.

    Raises:
        BindingsError: If the text is not what the generator writes.
    """

    def __init__(self, text: str) -> None:
        parts: dict[str, dict[str, str]] = {"class": {}, "function": {}, "interface": {}}
        heads = list(_EXPORT.finditer(text))
        ends = [head.start() for head in heads[1:]] + [len(text)]
        for head, end in zip(heads, ends, strict=True):
            parts[head[1]][head[2]] = text[head.start() : end]
        self._classes, self._functions, self._interfaces = parts["class"], parts["function"], parts["interface"]
        named = [name for name, body in self._classes.items() if _MAIN.search(body[:400])]
        if len(named) != 1:
            raise BindingsError(
                f"not one generated class but {len(named)}: the bindings have another form than expected"
            )
        self._main = named[0]

    def schema(self) -> Schema:
        """Return the schema of the type.

        Raises:
            BindingsError: If an attribute's type cannot be told.
        """
        body = self._classes[self._main]
        entries = _hcl_entries(body[body.find("synthesizeHclAttributes") :])
        try:
            return self._block(body, entries, self._interfaces.get(f"{self._main}Config", ""))
        except RecursionError as error:
            raise BindingsError(
                f"{self._main}: its blocks contain themselves, and the bindings do not say how deep"
            ) from error

    def _struct_entries(self, struct: str) -> dict[str, _HclEntry]:
        # The second name: a large type keeps its structs in a namespace.
        for name in (struct, self._main + struct):
            if body := self._functions.get(f"{name[0].lower()}{name[1:]}ToHclTerraform"):
                return _hcl_entries(body)
        return {}

    def _object_type(self, struct: str) -> list[Any]:
        entries = self._struct_entries(struct)
        members = _ATTRIBUTE.finditer(self._classes[f"{struct}OutputReference"])
        return ["object", {m["name"]: self._attribute_type(m, entries) for m in members}]

    def _attribute_type(self, match: re.Match[str], entries: Mapping[str, _HclEntry]) -> Any:
        if match["cls"]:
            cls = match["cls"].rpartition(".")[2]
            if match["cls"].startswith("cdkt"):
                return _LIBRARY[cls]
            inner = self._object_type(_CLASS_SUFFIX.sub("", cls))
            if cls.endswith("List"):
                return ["set" if match["args"].strip().startswith(", true") else "list", inner]
            return ["map", inner] if cls.endswith("Map") else inner
        if match["getter"]:
            for getter, typ in _GETTERS.items():
                if getter in match["getter"]:
                    return typ if isinstance(typ, str) else ["set" if "Fn.tolist" in match["getter"] else "list", *typ]
        entry = entries.get(match["name"])
        if entry and entry.storage in _STORAGE and entry.kind in ("simple", "list", "set", "map"):
            return _STORAGE[entry.storage] if entry.kind == "simple" else [entry.kind, _STORAGE[entry.storage]]
        raise BindingsError(f"{self._main}: the type of {match['name']} cannot be told")

    def _block(self, body: str, entries: Mapping[str, _HclEntry], interface: str) -> Schema:
        block_names = set(re.findall(r"\* (\w+) block\n", interface))
        attributes: Schema = {}
        block_types: Schema = {}
        for match in _ATTRIBUTE.finditer(body):
            name = match["name"]
            entry = entries.get(name)
            if name in block_names and entry and entry.is_block:
                block_types[name] = self._nested_block(match, entry.kind)
                continue
            flags = [flag for flag in ("computed", "optional", "required") if match[flag] == "true"]
            attributes[name] = {"type": self._attribute_type(match, entries), **dict.fromkeys(flags, True)}
            if name.endswith("_wo") and match["optional"] == "true":
                attributes[name] |= {"sensitive": True, "write_only": True}
        return {"attributes": attributes, "block_types": block_types}

    def _nested_block(self, match: re.Match[str], kind: str) -> Schema:
        cls = match["cls"].rpartition(".")[2] if match["cls"] else None
        named = re.sub(r"\[\].*", "", match["type"] or "").strip().rpartition(".")[2]
        struct = _CLASS_SUFFIX.sub("", cls) if cls else named
        entries, interface = self._struct_entries(struct), self._interfaces.get(struct, "")
        body = self._classes.get(f"{struct}OutputReference")
        nested: Schema = {
            "nesting_mode": "single" if kind == "struct" else kind,
            "block": self._block(body, entries, interface) if body else _config_block(interface, entries),
        }
        if kind in ("list", "set"):
            if cls and cls.endswith("OutputReference"):
                nested["max_items"] = 1
            if match["required"] == "true":
                nested["min_items"] = 1
        return nested


def read_bindings(package: Path, *, resources: set[str], data_sources: set[str]) -> Bindings:
    """Read the schemas of some types.

    Args:
        package: The `*.jsii.tgz` of the bindings.
        resources: Names of resource types.
        data_sources: Names of data sources.

    Raises:
        BindingsError: If a type is not there, or the bindings cannot say what it looks like.
    """
    wanted = {"resource": resources, "data": data_sources}
    found: dict[str, dict[str, Schema]] = {"resource": {}, "data": {}, "provider": {}}
    with package.open("rb") as stream:
        facts, modules = _modules(stream, wanted)
    for kind, name, text in modules:
        found[kind][name] = _checked(name, Module(text).schema())
    for kind, names in wanted.items():
        if missing := sorted(names - found[kind].keys()):
            raise BindingsError(f"no such {kind} type in provider {facts['version']}: {', '.join(missing)}")
    (configuration,) = found["provider"].values()
    configuration["attributes"].pop("alias", None)  # a meta-argument, no part of the schema
    return Bindings(
        address=facts["name"],
        version=facts["version"],
        configuration=configuration,
        resources=found["resource"],
        data_sources=found["data"],
    )


def _modules(stream: IO[bytes], wanted: Mapping[str, set[str]]) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    facts: dict[str, str] = {}
    sources: dict[str, tuple[str, str, str]] = {}  # folder -> kind, type, text
    extra: dict[str, list[str]] = {}
    with tarfile.open(fileobj=stream, mode="r|gz") as archive:
        for path, text in _files(archive, lambda path: path.startswith("package/")):
            if path == "package/package.json":
                facts = json.loads(text)["cdktn"]["provider"]
                continue
            match = re.fullmatch(r"package/lib/(?!ephemeral-)([^/]+)/index(-structs/\w+)?\.js", path)
            name = _TYPE_NAME.search(text) if match else None
            if match and match[2]:
                extra.setdefault(match[1], []).append(text)
            elif match and name:
                kind = {"provider": "provider", "data": "data"}.get(match[1].partition("-")[0], "resource")
                if kind == "provider" or name[1] in wanted[kind]:
                    sources[match[1]] = (kind, name[1], text)
    if not facts:
        raise BindingsError("no package.json that names the provider: not the bindings of cdktn")
    modules = []
    for folder, (kind, type_name, text) in sorted(sources.items()):
        more = [t for t in extra.get(folder, []) if "class " in t]
        modules.append((kind, type_name, "\n".join(map(_typescript, [text, *more]))))
    return facts, modules


def _files(archive: tarfile.TarFile, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    for member in archive:
        if wanted(member.name) and (member.name.endswith(".js") or member.name == "package/package.json"):
            content = archive.extractfile(member)
            if content is not None:
                yield member.name, content.read().decode()


def _typescript(compiled: str) -> str:
    match = _SOURCE_MAP.search(compiled)
    if match is None:
        raise BindingsError("a module has no source map: the bindings have another form than expected")
    return str(json.loads(base64.b64decode(match[1]))["sourcesContent"][0])


def _hcl_entries(body: str) -> dict[str, _HclEntry]:
    return {
        name: _HclEntry(is_block=is_block == "true", kind=kind, storage=storage)
        for name, is_block, kind, storage in _HCL_ENTRY.findall(body)
    }


def _config_block(interface: str, entries: Mapping[str, _HclEntry]) -> Schema:
    """Blocks of the provider's configuration have no class of their own, only an interface."""
    attributes: Schema = {}
    for name, optional in _CONFIG_PROPERTY.findall(interface):
        entry = entries[name]
        typ = _STORAGE[entry.storage] if entry.kind == "simple" else [entry.kind, _STORAGE[entry.storage]]
        attributes[name] = {"type": typ, "optional" if optional else "required": True}
    return {"attributes": attributes, "block_types": {}}


def _checked(name: str, schema: Schema) -> Schema:
    if re.search(r'"type": [^{}]*"dynamic"', json.dumps(schema)):  # where the bindings cut a deep type short
        raise BindingsError(f"{name}: the bindings cut its types short (`any`)")
    return schema
