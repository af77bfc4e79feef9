"""The client context of a Lambda call: header `X-Amz-Client-Context`, which Python handlers see as on AWS.

The emulator drops it. AgentCore Gateway tells a Lambda target everything but the tool's arguments there. As on AWS the
context reaches the function in synchronous calls only, and a function that is called without one sees None.
"""

from __future__ import annotations

import base64
import binascii
import contextvars
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from local_aws.emulator.patching import PatchTargetError, wrap

MAX_BYTES: Final = 3583
"""Longest client context, in base64. Source: `ClientContext` of `Invoke`, Lambda API reference."""

_HEADER: Final = "x-amz-client-context"
_INVOCATION_TYPE: Final = "x-amz-invocation-type"
_CARRIED: Final = "client_context"
"""Name by which the context travels beside the variables of durable calls; the worker exports only those."""

_UNSET: Final = '            "client_context": None,\n'
_SET: Final = f'            "client_context": _client_context(_ms_durable.get({_CARRIED!r})),\n'
_START: Final = "def run():\n"
_CLASSES: Final = '''
class _Fields:
    """An object with fixed attributes; those that the caller did not give are None."""

    names = ()

    def __init__(self, given):
        for name in self.names:
            setattr(self, name, given.get(name))


class _Client(_Fields):
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class _ClientContext(_Fields):
    names = ("custom", "env", "client")


def _client_context(given):
    if given is None:
        return None
    context = _ClientContext(given)
    context.client = _Client(context.client) if isinstance(context.client, dict) else None
    return context


'''

_context: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("client_context", default=None)


class InvalidClientContextError(Exception):
    """The header is none that Lambda takes; the text says why and quotes nothing."""


def parse_client_context(header: str | None) -> dict[str, Any] | None:
    """Read the header's value; None if there is no header.

    Raises:
        InvalidClientContextError: If it is too long, no base64 or no JSON object.
    """
    if header is None:
        return None
    if len(header) > MAX_BYTES:
        raise InvalidClientContextError(f"Client context must be at most {MAX_BYTES} bytes of Base64.")
    try:
        found = json.loads(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise InvalidClientContextError("Client context must be a valid Base64-encoded JSON object.")
    return found


def show_client_context(script: str) -> str:
    """Make the emulator's worker script give the context to handlers.

    Raises:
        PatchTargetError: If the script does not build its context object where it did in the supported version.
    """
    for expected in (_UNSET, _START):
        if script.count(expected) != 1:
            raise PatchTargetError(owner="ministack.core.lambda_runtime", name=expected.strip())
    return script.replace(_UNSET, _SET).replace(_START, _CLASSES + _START)


def install() -> None:
    """Make the emulator pass the context on."""
    from ministack.core import lambda_runtime
    from ministack.core.responses import error_response_json
    from ministack.services import lambda_svc

    lambda_runtime._PYTHON_WORKER_SCRIPT = show_client_context(lambda_runtime._PYTHON_WORKER_SCRIPT)

    @wrap(lambda_svc, "_invoke")
    async def invoke(
        original: Callable[..., Any], name: str, event: Any, headers: Mapping[str, str], *args: Any, **kwargs: Any
    ) -> Any:
        named = {header.lower(): value for header, value in headers.items()}
        try:
            given = parse_client_context(named.get(_HEADER))
        except InvalidClientContextError as failure:
            return error_response_json("InvalidRequestContentException", str(failure), 400)
        token = _context.set(given if named.get(_INVOCATION_TYPE, "RequestResponse") == "RequestResponse" else None)
        try:
            return await original(name, event, headers, *args, **kwargs)
        finally:
            _context.reset(token)

    @wrap(lambda_runtime.Worker, "invoke")
    def invoke_worker(original: Callable[..., Any], worker: Any, *args: Any, **kwargs: Any) -> Any:
        carried = {**(kwargs.get("durable") or {}), _CARRIED: _context.get()}
        return original(worker, *args, **{**kwargs, "durable": carried})
