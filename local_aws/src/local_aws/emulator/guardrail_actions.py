"""IAM and guardrails: the condition key `bedrock:GuardrailIdentifier`, and who may apply a guardrail.

A model call carries the key if its `guardrailConfig` names a guardrail, by id or ARN: the ARN and the version, as
`<arn>:<version>`, or the bare ARN for the draft. So a policy can deny calls without the guardrail, or with another.
Besides, such a call needs `bedrock:ApplyGuardrail` on the guardrail's ARN, as the API of that name does.
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from local_aws.emulator.bedrock_actions import model_call
from local_aws.emulator.guardrail_store import DRAFT, GuardrailReference
from local_aws.emulator.patching import wrap

APPLY: Final = "bedrock:ApplyGuardrail"
_APPLY_PATH: Final = re.compile(r"/guardrail/(?P<identifier>.+)/version/(?P<version>[^/]+)/apply/?")
_IDENTIFIER: Final = re.compile(r"[a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,7}|DRAFT")
_KEY: Final = "bedrock:guardrailidentifier"

_named: contextvars.ContextVar[str | None] = contextvars.ContextVar("guardrail_identifier", default=None)


class InvalidGuardrailConfigError(Exception):
    """The request's `guardrailConfig` names no guardrail with its version."""


def read_reference(request: Any) -> GuardrailReference | None:
    """Read which guardrail a Converse request names; None if it names none.

    Authorisation and execution both use this, so they cannot disagree.

    Raises:
        InvalidGuardrailConfigError: If AWS would refuse what is there.
    """
    config = request.get("guardrailConfig") if isinstance(request, Mapping) else None
    if config is None:
        return None
    if not isinstance(config, Mapping):
        raise InvalidGuardrailConfigError("guardrailConfig must be an object")
    identifier, version = config.get("guardrailIdentifier") or "", config.get("guardrailVersion") or ""
    if identifier == version == "":
        return None
    if not isinstance(identifier, str) or not _IDENTIFIER.fullmatch(identifier):
        raise InvalidGuardrailConfigError("guardrailIdentifier must be the id or the ARN of a guardrail")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise InvalidGuardrailConfigError("guardrailVersion must be a number or DRAFT")
    return GuardrailReference(identifier=identifier, version=version)


def apply_call(method: str, path: str) -> GuardrailReference | None:
    """Read an ApplyGuardrail call out of a path."""
    match = _APPLY_PATH.fullmatch(unquote(path)) if method == "POST" else None
    return GuardrailReference(identifier=match["identifier"], version=match["version"]) if match else None


def guardrail_arn(identifier: str) -> str:
    """Give the ARN that policies name a guardrail by; an ARN is returned as it is."""
    from ministack.services import bedrock

    return identifier if identifier.startswith("arn:") else str(bedrock._guardrail_arn(identifier))


def condition_value(reference: GuardrailReference) -> str:
    """Give the value of the condition key."""
    arn = guardrail_arn(reference.identifier)
    return arn if reference.version == DRAFT else f"{arn}:{reference.version}"


def refuse_to_apply(reference: GuardrailReference, headers: Mapping[str, str], query: Any) -> Any:
    """Check that the caller of a model may apply the guardrail; gives AWS's answer if not, else None."""
    from ministack.core.iam_actions import access_denied_response, identity_denial_message
    from ministack.core.iam_evaluator import enforce
    from ministack.core.responses import get_region
    from ministack.core.router import extract_access_key_id

    arn = guardrail_arn(reference.identifier)
    service = "bedrock-runtime"
    denied = enforce(extract_access_key_id(headers, query), APPLY, service, get_region(), resource_arn=arn)
    if not denied:
        return None
    principal = getattr(denied, "principal_arn", "")
    message = identity_denial_message(APPLY, principal, arn, getattr(denied, "decision", "") == "Deny")
    return access_denied_response(service, APPLY, principal, "", message=message, headers=dict(headers))


def install() -> None:
    """Give the emulator's authorisation of Bedrock calls what concerns guardrails."""
    from ministack.core import iam_actions

    @wrap(iam_actions, "extract_iam_action")
    def extract_iam_action(
        original: Callable[..., str | None],
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
    ) -> str | None:
        _named.set(None)
        if service == "bedrock-runtime" and apply_call(method, path):
            return APPLY
        call = model_call(method, path) if service == "bedrock-runtime" else None
        if call and call.operation.startswith("converse"):  # InvokeModel does not read this part of a body
            try:
                reference = read_reference(json.loads(body or b"{}"))
            except (ValueError, InvalidGuardrailConfigError):
                reference = None  # malformed: no policy that asks for a guardrail allows it
            _named.set(condition_value(reference) if reference else None)
        return original(service, method, path, headers, body, query)

    @wrap(iam_actions, "extract_resource_arn")
    def extract_resource_arn(original: Callable[..., str], service: str, method: str, path: str, *rest: Any) -> str:
        if service == "bedrock-runtime" and (reference := apply_call(method, path)):
            return guardrail_arn(reference.identifier)
        return original(service, method, path, *rest)

    @wrap(iam_actions, "request_tag_context")
    def request_tag_context(original: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
        named = _named.get()
        return {**original(*args), **({_KEY: named} if named else {})}
