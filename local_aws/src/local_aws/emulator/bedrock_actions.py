"""IAM actions and resources of Bedrock model calls.

`Converse` is authorised as `bedrock:InvokeModel` and `ConverseStream` as `bedrock:InvokeModelWithResponseStream`, on
the foundation model or, for ids such as `us.anthropic...`, on the inference profile. AWS also checks the foundation
model in every Region of a profile; that is one check here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from local_aws.emulator.patching import wrap

_CALL: Final = re.compile(r"/model/(.+)/(converse|converse-stream|invoke|invoke-with-response-stream)")
_ACTIONS: Final = {
    "converse": "InvokeModel",
    "invoke": "InvokeModel",
    "converse-stream": "InvokeModelWithResponseStream",
    "invoke-with-response-stream": "InvokeModelWithResponseStream",
}
_PROFILE: Final = re.compile(r"(us|us-gov|eu|apac|jp|au|global)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """A model call as its path names it."""

    model_id: str  # id or ARN
    operation: str  # converse, converse-stream, invoke or invoke-with-response-stream


def model_call(method: str, path: str) -> ModelCall | None:
    """Read a model call out of a path. Authorisation and execution both use this, so they cannot disagree."""
    match = _CALL.fullmatch(unquote(path)) if method == "POST" else None
    return ModelCall(model_id=match[1], operation=match[2]) if match else None


def model_arn(model_id: str, *, region: str, account_id: str) -> str:
    """Give the ARN that policies name a model by; an ARN is returned as it is."""
    if model_id.startswith("arn:"):
        return model_id
    if _PROFILE.match(model_id):
        return f"arn:aws:bedrock:{region}:{account_id}:inference-profile/{model_id}"
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def install() -> None:
    """Make the emulator authorise model calls by the names AWS uses."""
    from ministack.core import iam_actions

    @wrap(iam_actions, "extract_iam_action")
    def extract_iam_action(
        original: Callable[..., str | None], service: str, method: str, path: str, *rest: Any
    ) -> str | None:
        if service == "bedrock-runtime" and (call := model_call(method, path)):
            return f"bedrock:{_ACTIONS[call.operation]}"
        return original(service, method, path, *rest)

    @wrap(iam_actions, "extract_resource_arn")
    def extract_resource_arn(
        original: Callable[..., str],
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: Mapping[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        if service == "bedrock-runtime" and (call := model_call(method, path)):
            return model_arn(call.model_id, region=region, account_id=account_id)
        return original(service, method, path, headers, body, query, region, account_id)
