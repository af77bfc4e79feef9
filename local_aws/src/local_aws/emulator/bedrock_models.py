"""Model calls, answered by a real model server instead of canned text.

A server that is missing, down or overloaded is an error with the code AWS has for it; nothing falls back to a mock. Of
the operations that call a model only Converse and ConverseStream are served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from local_aws.emulator import guardrails
from local_aws.emulator.bedrock_actions import ModelCall, model_call
from local_aws.emulator.converse import Response, converse, converse_stream, parse
from local_aws.emulator.guarded_conversation import Guard
from local_aws.emulator.guardrail_actions import (
    InvalidGuardrailConfigError,
    apply_call,
    read_reference,
    refuse_to_apply,
)
from local_aws.emulator.model_server import ModelCallError, ModelServer, unavailable
from local_aws.emulator.patching import wrap


def _invalid(message: str) -> ModelCallError:
    return ModelCallError(message, code="ValidationException", status=400)


async def _answer(
    model: ModelServer | None, call: ModelCall, headers: Mapping[str, str], body: bytes, query: Any
) -> Response:
    """Answer a model call.

    Raises:
        ModelCallError: If AWS would refuse it, or the model does.
    """
    if not call.operation.startswith("converse"):
        raise _invalid("Only Converse and ConverseStream are emulated")
    request = parse(call.model_id, body)
    try:
        reference = read_reference(request)
    except InvalidGuardrailConfigError as failure:
        raise _invalid(str(failure)) from failure
    guard = None
    if reference:
        if denied := refuse_to_apply(reference, headers, query):
            return cast(Response, denied)
        guardrail = reference.find()
        if guardrail is None:
            raise _invalid("The guardrail identifier or version provided in the request does not exist.")
        guard = Guard(guardrail=guardrail, trace=request["guardrailConfig"].get("trace"))
    if model is None:
        raise unavailable("no model server was configured")
    answer = converse_stream if call.operation == "converse-stream" else converse
    return await answer(model, call.model_id, request, guard)


def install(model: ModelServer | None) -> None:
    """Answer model calls from `model`; without one they fail as unavailable."""
    from ministack.services import bedrock_runtime as bedrock

    guardrails.install()

    @wrap(bedrock, "handle_request")
    async def handle_request(
        original: Callable[..., Any], method: str, path: str, headers: Any, body: bytes, query: Any
    ) -> Response:
        if applied := apply_call(method, path):
            return cast(Response, bedrock._apply_guardrail(applied.identifier, applied.version, body))
        call = model_call(method, path)
        if call is None:
            return cast(Response, bedrock._error("ValidationException", f"{method} {path} is not emulated", 400))
        try:
            return await _answer(model, call, headers, body, query)
        except ModelCallError as failure:
            return cast(Response, bedrock._error(failure.code, str(failure), failure.status))
