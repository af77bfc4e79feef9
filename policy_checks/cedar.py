"""Read a Cedar statement as far as the checks need it: effect, scope, conditions. No comments, no text of strings."""

import re
from dataclasses import dataclass
from typing import Final

from policy_checks.iam import InvalidDocument

_TOKEN: Final = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|[^"/]+|/|"', re.DOTALL)
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One Cedar policy."""

    permit: bool  # or forbid
    principal: str  # the part of the scope, such as `principal is AgentCore::OAuthUser`
    action: str
    resource: str
    when: tuple[str, ...]
    unless: tuple[str, ...]

    @property
    def conditions(self) -> str:
        """All conditions as one text."""
        return "\n".join((*self.when, *self.unless))


def parse(text: str) -> list[Policy]:
    """Read the policies of a statement.

    Raises:
        InvalidDocument: If it is no Cedar.
    """
    tokens = [token for token in _TOKEN.findall(text) if not token.startswith("//")]
    if '"' in tokens:
        raise InvalidDocument("statement: a string is not closed")
    clean = "".join(tokens)
    clean = re.sub(r'@\w+\s*\(\s*"(?:[^"\\]|\\.)*"\s*\)', "", clean)
    found = []
    for statement in _split(clean, ";"):
        if not statement.strip():
            continue
        head = re.match(r"\s*(permit|forbid)\s*(?=\()", statement)
        if head is None:
            raise InvalidDocument("statement: begins with neither permit nor forbid")
        inside, rest = _balanced(statement[head.end() :])
        scope = [part.strip() for part in _split(inside, ",")]
        if len(scope) != 3 or [part.split()[0] if part else "" for part in scope] != [
            "principal",
            "action",
            "resource",
        ]:
            raise InvalidDocument("statement: its scope is not (principal, action, resource)")
        clauses: dict[str, list[str]] = {"when": [], "unless": []}
        while rest.strip():
            clause = re.match(r"\s*(when|unless)\s*(?=\{)", rest)
            if clause is None:
                raise InvalidDocument("statement: has something else than when and unless after its scope")
            body, rest = _balanced(rest[clause.end() :])
            clauses[clause.group(1)].append(body.strip())
        found.append(
            Policy(
                permit=head.group(1) == "permit",
                principal=scope[0],
                action=scope[1],
                resource=scope[2],
                when=tuple(clauses["when"]),
                unless=tuple(clauses["unless"]),
            )
        )
    if not found:
        raise InvalidDocument("statement: holds no policy")
    return found


def conjuncts(condition: str) -> list[str]:
    """Expressions that all have to be true for a condition to be; the condition itself if it is no conjunction."""
    text = condition.strip()
    while text.startswith("("):
        inside, rest = _balanced(text)
        if rest.strip():
            break
        text = inside.strip()
    # `if` takes all that follows into its last branch, and `||` is weaker than `&&`.
    if re.match(r"if\b", text) or len(_split(text, "||")) > 1:
        return [text]
    parts = _split(text, "&&")
    return [text] if len(parts) == 1 else [found for part in parts for found in conjuncts(part)]


def without_strings(text: str) -> str:
    """The text with empty strings in it, so that what somebody quotes is not taken for code."""
    return _STRING.sub('""', text)


def paths(text: str) -> list[str]:
    """Attributes of `context` that a text reads, each as a path such as `context.input.clinic_id`.

    `context["input"]`, spaces, `has` and brackets around the inner parts are no way round.
    """
    plain = re.sub(r'\[\s*"((?:[^"\\]|\\.)*)"\s*\]', r".\1", text)
    plain = re.sub(r'\bcontext\s+has\s+"?input"?(?![\w.])', "true", plain)  # asks for nothing in it
    plain = re.sub(r'\s+has\s+"?([\w.]+)"?', r".\1", plain)
    plain = without_strings(plain)
    plain = re.sub(r"\s*\.\s*", ".", plain)
    while (unwrapped := re.sub(r"\((\s*context[\w.]*\s*)\)", lambda m: m[1].strip(), plain)) != plain:
        plain = re.sub(r"\s*\.\s*", ".", unwrapped)
    return re.findall(r"\bcontext(?:\.\w+)*", plain)


def _balanced(text: str) -> tuple[str, str]:
    """Split after the bracket that closes the first one; answers inside and rest."""
    depth = 0
    position = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[()\[\]{}]|[^"()\[\]{}]+|"', text):
        if token.group() in "([{":
            depth += 1
        elif token.group() in ")]}":
            depth -= 1
        position = token.end()
        if depth == 0:
            return text[1 : position - 1], text[position:]
    raise InvalidDocument("statement: a bracket is not closed")


def _split(text: str, separator: str) -> list[str]:
    """Split at separators that are outside of brackets and strings."""
    parts, depth = [""], 0
    for token in re.finditer(rf'"(?:[^"\\]|\\.)*"|{re.escape(separator)}|.', text, re.DOTALL):
        one = token.group()
        if one in "([{":
            depth += 1
        elif one in ")]}":
            depth -= 1
        if one == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += one
    return parts
