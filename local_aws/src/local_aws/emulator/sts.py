"""AssumeRole as STS does it: limits of tags and durations, transitive tags, source identity.

The emulator takes any tag value and any duration, drops `TransitiveTagKeys` and does not know `SourceIdentity`.
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from local_aws.emulator.patching import wrap
from local_aws.emulator.sts_limits import (
    AssumeRoleRequest,
    InvalidParameterError,
    check_duration,
    check_names,
    check_tags,
)

_ISSUED_KEY: Final = re.compile(rb"<AccessKeyId>(\w+)</AccessKeyId>|\"AccessKeyId\":\s*\"(\w+)\"")
_DEFAULT_MAX_SECONDS: Final = 3600


@dataclass(slots=True, kw_only=True)
class _Assuming:
    """The AssumeRole call that is being evaluated."""

    request: AssumeRoleRequest
    source_identity: str | None  # requested or inherited
    identity_denied: bool = False

    @property
    def condition_keys(self) -> dict[str, Any]:
        keys = {
            "sts:sourceidentity": self.source_identity,
            "sts:transitivetagkeys": list(self.request.transitive_keys) or None,
        }
        return {key: value for key, value in keys.items() if value is not None}


_assuming: contextvars.ContextVar[_Assuming | None] = contextvars.ContextVar("assuming", default=None)


def _parameters(headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]) -> dict[str, Any]:
    """Read the parameters the way the emulator does."""
    found: dict[str, Any] = dict(query)
    if "amz-json" in headers.get("content-type", ""):
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        data = json.loads(body or b"{}")
        found |= {name: value if isinstance(value, list) else [str(value)] for name, value in data.items()}
        return found | {"Action": [action]}
    return found | parse_qs(body.decode("utf-8", errors="replace"))


def _read_request(parameters: dict[str, Any]) -> AssumeRoleRequest:
    from ministack.services import sts

    tags, _ = sts._session_tags(parameters, check=False)
    listed = parameters.get("TransitiveTagKeys") or [
        value[0] for name, value in parameters.items() if re.fullmatch(r"TransitiveTagKeys\.member\.\d+", name)
    ]
    return AssumeRoleRequest(
        session_name=sts._p(parameters, "RoleSessionName"),
        source_identity=sts._p(parameters, "SourceIdentity") or None,
        duration_seconds=sts._p(parameters, "DurationSeconds") or None,
        tags={tag["Key"]: tag["Value"] for tag in tags},
        transitive_keys=tuple(listed),
    )


def _inherited_tags(session: Mapping[str, Any]) -> list[dict[str, str]]:
    keys = {key.lower() for key in session.get("TransitiveTagKeys") or ()}
    return [tag for tag in session.get("SessionTags") or [] if tag["Key"].lower() in keys]


def _role_max_seconds(role_arn: str) -> int:
    from ministack.services import iam

    parts = role_arn.split(":")
    role = iam._roles.get_scoped(parts[4], None, role_arn.rsplit("/", 1)[-1]) if len(parts) > 5 else None
    return int((role or {}).get("MaxSessionDuration") or _DEFAULT_MAX_SECONDS)


def _complete(session: dict[str, Any], caller: Mapping[str, Any], assuming: _Assuming) -> None:
    """Store what the emulator does not: what the new session inherits and hands on."""
    inherited = _inherited_tags(caller)
    session["SessionTags"] = inherited + list(session.get("SessionTags") or [])
    session["TransitiveTagKeys"] = [*(tag["Key"] for tag in inherited), *assuming.request.transitive_keys]
    session["SourceIdentity"] = assuming.source_identity


def _with_source_identity(body: bytes, source_identity: str | None, *, as_json: bool) -> bytes:
    if source_identity is None:
        return body
    if as_json:
        return json.dumps({**json.loads(body), "SourceIdentity": source_identity}).encode()
    element = f"<SourceIdentity>{escape(source_identity)}</SourceIdentity></AssumeRoleResult>"
    return body.replace(b"</AssumeRoleResult>", element.encode())


def install() -> None:
    """Make the emulator's AssumeRole, and what its sessions carry, like those of STS."""
    from ministack.core import iam_evaluator
    from ministack.services import sts

    @wrap(iam_evaluator, "evaluate_trust_policy")
    def evaluate_trust_policy(
        original: Callable[..., bool], document: Any, caller_arn: str, context: Any = None
    ) -> bool:
        assuming = _assuming.get()
        if assuming is None or context is None:
            return original(document, caller_arn, context)
        context = replace(context, service_context={**context.service_context, **assuming.condition_keys})
        if not original(document, caller_arn, context):
            return False
        if context.action == "sts:AssumeRole" and assuming.source_identity is not None:
            allowed = original(document, caller_arn, replace(context, action="sts:SetSourceIdentity"))
            assuming.identity_denied = not allowed
            return allowed
        return True

    @wrap(iam_evaluator, "_principal_keys")
    def principal_keys(original: Callable[..., dict[str, Any]], credential: Any) -> dict[str, Any]:
        keys = original(credential)
        session = sts._sessions.get(credential.access_key_id) or {}
        return {**keys, "aws:sourceidentity": session["SourceIdentity"]} if session.get("SourceIdentity") else keys

    @wrap(sts, "handle_request")
    async def handle_request(
        original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any
    ) -> Any:
        try:
            parameters = _parameters(headers, body, query)
        except ValueError:
            return await original(method, path, headers, body, query)
        if sts._p(parameters, "Action") != "AssumeRole":
            return await original(method, path, headers, body, query)
        caller = sts._sessions.get(sts.extract_access_key_id(headers, query)) or {}
        request = _read_request(parameters)
        kept = caller.get("SourceIdentity")
        try:
            check_names(request)
            check_tags(request, inherited=[tag["Key"] for tag in _inherited_tags(caller)])
            check_duration(
                request,
                chained=":assumed-role/" in caller.get("Arn", ""),
                role_max_seconds=_role_max_seconds(sts._p(parameters, "RoleArn")),
            )
            if kept and request.source_identity not in (None, kept):
                raise InvalidParameterError("The source identity of a session cannot be changed")
        except InvalidParameterError as failure:
            return sts._error(400, "ValidationError", escape(str(failure)), ns="sts")
        assuming = _Assuming(request=request, source_identity=request.source_identity or kept)
        token = _assuming.set(assuming)
        try:
            status, answer_headers, answer = await original(method, path, headers, body, query)
        finally:
            _assuming.reset(token)
        content = answer if isinstance(answer, bytes) else answer.encode()
        if assuming.identity_denied:
            content = content.replace(b"perform: sts:AssumeRole", b"perform: sts:SetSourceIdentity")
        if status == 200 and (issued := _ISSUED_KEY.search(content)):
            _complete(sts._sessions[(issued[1] or issued[2]).decode()], caller, assuming)
            as_json = "amz-json" in headers.get("content-type", "")
            content = _with_source_identity(content, assuming.source_identity, as_json=as_json)
        return status, answer_headers, content
