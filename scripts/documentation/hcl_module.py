"""Read what a Terraform module says of itself: inputs, outputs, requirements, resources, module calls. Offline.

python-hcl2 parses. Expressions are cut out of the text, at the positions of its syntax tree: the library itself would
print them anew, on one line and without comments, and a type has to be shown as its author wrote it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import hcl2
from lark import Token, Tree
from lark.exceptions import LarkError

_OPTIONS: Final = hcl2.SerializationOptions(
    with_comments=False, explicit_blocks=False, preserve_heredocs=False, preserve_scientific_notation=False
)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


class HclError(ValueError):
    """A file is no HCL, or says something in a way that is not read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """The value of an attribute."""

    text: str  # as it is written, comments and line breaks included
    references: frozenset[str]  # such as module.memory.memories or local.tags; what a heredoc refers to is not seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An input of a module."""

    name: str
    description: str  # empty if there is none
    type: str | None  # as it is written, comments and line breaks included
    required: bool  # without a default; a default of null makes it optional
    default: Any  # None too if required


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output of a module."""

    name: str
    description: str  # empty if there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource or data source block."""

    type: str  # such as aws_kms_key
    name: str
    managed: bool  # False for a data source
    provider: str  # local name, such as aws, with its alias: aws.replica


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCall:
    """A call of another module."""

    name: str
    source: str
    version: str | None
    inputs: Mapping[str, Expression]  # by argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An entry of required_providers."""

    name: str  # local name
    source: str  # such as hashicorp/aws
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HclModule:
    """A folder of Terraform files, each list in the order of its files and lines."""

    folder: Path
    variables: tuple[Variable, ...]
    outputs: tuple[Output, ...]
    resources: tuple[Resource, ...]
    calls: tuple[ModuleCall, ...]
    providers: tuple[Provider, ...]
    required_version: tuple[str, ...]
    backends: tuple[str, ...]  # kinds, such as s3
    locals: Mapping[str, Expression]  # by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block at the top of a file."""

    path: Path
    line: int
    kind: str  # such as variable
    labels: tuple[str, ...]
    body: Mapping[str, Any]  # as python-hcl2 reads it, for `literal`
    expressions: Mapping[str, Expression]  # by attribute

    @property
    def where(self) -> str:
        """For messages."""
        return f'{self.path}:{self.line}: {self.kind} "{self.labels[-1] if self.labels else ""}"'


def read_module(folder: Path) -> HclModule:
    """Read the `*.tf` files of a folder, as Terraform does: not those below it.

    Raises:
        HclError: If a file cannot be parsed, or a description or default is no literal.
    """
    blocks = [block for path in sorted(folder.glob("*.tf")) for block in read_blocks(path)]
    settings = [block for block in blocks if block.kind == "terraform"]
    return HclModule(
        folder=folder,
        variables=tuple(_variable(block) for block in blocks if block.kind == "variable"),
        outputs=tuple(
            Output(name=block.labels[0], description=_text(block, "description"))
            for block in blocks
            if block.kind == "output"
        ),
        resources=tuple(_resource(block) for block in blocks if block.kind in {"resource", "data"}),
        calls=tuple(_call(block) for block in blocks if block.kind == "module"),
        providers=tuple(provider for block in settings for provider in _providers(block)),
        required_version=tuple(
            _text(block, "required_version") for block in settings if "required_version" in block.body
        ),
        backends=tuple(
            kind.strip('"') for block in settings for entry in block.body.get("backend", []) for kind in entry
        ),
        locals={name: value for block in blocks if block.kind == "locals" for name, value in block.expressions.items()},
    )


def read_blocks(path: Path) -> Iterator[Block]:
    """Read the blocks at the top of a file.

    Raises:
        HclError: If it cannot be parsed.
    """
    text = path.read_text(encoding="utf-8")
    try:
        tree = hcl2.parses_to_tree(text)
        content = hcl2.serialize(hcl2.transform(tree), serialization_options=_OPTIONS)
    except LarkError as error:
        raise HclError(f"{path}: no HCL that python-hcl2 can read: {str(error).strip()}") from error
    # The library groups blocks by kind and keeps their order within one.
    seen: dict[str, int] = {}
    for node in _trees(tree.children[0], "block"):
        kind, *labels = [_name(child) for child in node.children if isinstance(child, Tree) and child.data != "body"]
        (body_tree,) = _trees(node, "body")
        body = content[kind][seen.get(kind, 0)]
        seen[kind] = seen.get(kind, 0) + 1
        for label in labels:
            body = body[label if label in body else f'"{label}"']
        expressions = {
            _name(attribute.children[0]): _expression(attribute.children[-1], text)
            for attribute in _trees(body_tree, "attribute")
        }
        yield Block(path=path, line=node.meta.line, kind=kind, labels=tuple(labels), body=body, expressions=expressions)


def literal(value: Any, *, where: str) -> Any:
    """Turn what python-hcl2 read into the value that Terraform takes it for.

    Args:
        value: From a `Block.body`.
        where: For messages.

    Raises:
        HclError: If it is an expression, which only Terraform could evaluate.
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            return int(value) if value.is_integer() else value  # 1.0 and 1 are the same number to Terraform
        case str():
            if value[:1] != '"' or value[-1:] != '"':
                raise HclError(f"{where} must be a literal, got the expression {value!r}")
            return _unescape(value[1:-1], where=where)
        case list():
            return [literal(item, where=where) for item in value]
        case Mapping():
            return {_key(key, where=where): literal(item, where=where) for key, item in value.items()}
        case _:
            raise HclError(f"{where} must be a literal, got {value!r}")


def _variable(block: Block) -> Variable:
    required = "default" not in block.body
    given = block.expressions.get("type")
    return Variable(
        name=block.labels[0],
        description=_text(block, "description"),
        type=given.text if given else None,
        required=required,
        default=None if required else _default(block),
    )


def _default(block: Block) -> Any:
    where = f"{block.where}: default"
    value = literal(block.body["default"], where=where)
    if "<<" not in block.expressions["default"].text:
        return value
    # The library leaves the last line break out, and does not say which of several strings is a heredoc.
    if not isinstance(value, str):
        raise HclError(f"{where} holds a heredoc in a collection; write it as a quoted string")
    return value + "\n" if block.expressions["default"].text.startswith("<<") else value


def _resource(block: Block) -> Resource:
    type_, name = block.labels
    given = block.expressions.get("provider")
    return Resource(
        type=type_,
        name=name,
        managed=block.kind == "resource",
        # Without the argument, the provider is the first word of the type.
        provider=given.text if given else type_.partition("_")[0],
    )


def _call(block: Block) -> ModuleCall:
    reserved = {"source", "version", "providers", "count", "for_each", "depends_on"}
    return ModuleCall(
        name=block.labels[0],
        source=_text(block, "source"),
        version=_text(block, "version") or None,
        inputs={name: value for name, value in block.expressions.items() if name not in reserved},
    )


def _providers(block: Block) -> Iterator[Provider]:
    for entries in block.body.get("required_providers", []):
        for name, entry in entries.items():
            value = literal(
                {k: v for k, v in entry.items() if k != "configuration_aliases"}
                if isinstance(entry, Mapping)
                else entry,
                where=f"{block.path}: required_providers: {name}",
            )
            given = value if isinstance(value, dict) else {"version": value}
            yield Provider(name=name, source=given.get("source", f"hashicorp/{name}"), version=given.get("version"))


def _text(block: Block, attribute: str) -> str:
    if attribute not in block.body:
        return ""
    value = literal(block.body[attribute], where=f"{block.where}: {attribute}")
    if not isinstance(value, str):
        raise HclError(f"{block.where}: {attribute} must be a string, got {value!r}")
    return value


def _key(key: str, *, where: str) -> str:
    """Read a key of an object: an identifier, a quoted string, or a number; in parentheses it is an expression."""
    if key.startswith("${"):
        raise HclError(f"{where} must be a literal, got the key {key!r}")
    return _unescape(key[1:-1], where=where) if key.startswith('"') else key


def _unescape(text: str, *, where: str) -> str:
    """Resolve the escapes of a quoted string."""
    found: list[str] = []
    at = 0
    while at < len(text):
        here, rest = text[at], text[at + 1 :]
        if text[at : at + 3] in {"$${", "%%{"}:
            found.append(here + "{")
            at += 3
        elif text[at : at + 2] in {"${", "%{"}:
            raise HclError(f"{where} must be a literal, got a template: {text!r}")
        elif here == "\\" and rest[:1] in _ESCAPES:
            found.append(_ESCAPES[rest[0]])
            at += 2
        elif here == "\\" and rest[:1] in {"u", "U"}:
            digits = 4 if rest[0] == "u" else 8
            found.append(chr(int(rest[1 : 1 + digits], 16)))
            at += 2 + digits
        else:
            found.append(here)
            at += 1
    return "".join(found)


def _expression(tree: Tree[Token] | Token, text: str) -> Expression:
    tokens = [tree] if isinstance(tree, Token) else list(tree.scan_values(lambda value: isinstance(value, Token)))
    chains: list[list[str]] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "NAME":
            if before is not None and before.type == "DOT" and chains:
                chains[-1].append(str(token))
            else:
                chains.append([str(token)])
    start, end = (tree.start_pos, tree.end_pos) if isinstance(tree, Token) else (tree.meta.start_pos, tree.meta.end_pos)
    return Expression(
        text=text[start:end].strip(), references=frozenset(".".join(chain) for chain in chains if len(chain) > 1)
    )


def _trees(tree: Tree[Token] | Token, data: str) -> Iterator[Tree[Token]]:
    if isinstance(tree, Tree):
        yield from (child for child in tree.children if isinstance(child, Tree) and child.data == data)


def _name(tree: Tree[Token] | Token) -> str:
    """Text of an identifier or of a quoted label."""
    tokens = [tree] if isinstance(tree, Token) else list(tree.scan_values(lambda value: isinstance(value, Token)))
    return "".join(str(token) for token in tokens).strip('"')
