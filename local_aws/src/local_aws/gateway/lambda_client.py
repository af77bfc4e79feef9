"""Calls Lambda functions through the emulator, as the gateway's role: IAM decides whether it may."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_aws.agentcore.role_session import RoleSession, RoleSessionError

_MAX_CLIENT_CONTEXT: Final = 3583
"""Longest client context, in base64. Source: `Invoke`, Lambda API reference."""


class LambdaError(Exception):
    """The function did not answer as it should. The message is for the log: it may name the function, nothing more."""


class LambdaTimeoutError(LambdaError):
    """It did not answer in time."""


class LambdaClient:
    """Calls functions and waits for their answers.

    Args:
        endpoint_url: The emulator.
        region: For the signature.
        client: Shared by all calls, so that connections are kept.
        role: Session of the gateway's role.
    """

    def __init__(self, *, endpoint_url: str, region: str, client: httpx.AsyncClient, role: RoleSession) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._client = client
        self._role = role

    async def invoke(
        self, arn: str, payload: Mapping[str, Any], *, seconds: float, custom: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function.

        Args:
            arn: The function.
            payload: Its event.
            seconds: Until the call is given up; the function may go on.
            custom: The custom part of the client context; None sends no context.

        Returns:
            The decoded answer.

        Raises:
            LambdaTimeoutError: If it takes too long.
            LambdaError: If it cannot be called, fails, or answers something else than JSON.
        """
        headers = {"Content-Type": "application/json"}
        if custom is not None:
            context = base64.b64encode(json.dumps({"custom": custom}).encode()).decode()
            if len(context) > _MAX_CLIENT_CONTEXT:
                raise LambdaError(f"{arn}: the client context is over {_MAX_CLIENT_CONTEXT} bytes")
            headers["X-Amz-Client-Context"] = context
        url = f"{self._endpoint_url}/2015-03-31/functions/{quote(arn, safe='')}/invocations"
        body = json.dumps(payload).encode()
        try:
            # Around the whole call: httpx's own time-outs begin again with every piece of an answer.
            async with asyncio.timeout(seconds):
                signed = await self._signed(url, body, headers)
                response = await self._client.post(url, content=body, headers=signed, timeout=None)
        except TimeoutError as failure:
            raise LambdaTimeoutError(f"{arn}: no answer within {seconds:g} s") from failure
        except (httpx.HTTPError, RoleSessionError) as failure:
            raise LambdaError(f"{arn}: not reached ({type(failure).__name__})") from failure
        # The answers stay out of the log: an error's text may quote what the function was given.
        if response.status_code != httpx.codes.OK:
            raise LambdaError(f"{arn}: status {response.status_code}")
        if "x-amz-function-error" in response.headers:
            if _timed_out(response):
                raise LambdaTimeoutError(f"{arn}: the function took longer than it may")
            raise LambdaError(f"{arn}: the function failed")
        try:
            return response.json()
        except ValueError as failure:
            raise LambdaError(f"{arn}: the answer is no JSON") from failure

    async def _signed(self, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        session = await self._role.credentials()
        request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        credentials = Credentials(session.access_key_id, session.secret_access_key, session.token)
        SigV4Auth(credentials, "lambda", self._region).add_auth(request)
        return dict(request.headers.items())


def _timed_out(response: httpx.Response) -> bool:
    """Tell whether a function error is Lambda's own, for a function that took too long. Source: Lambda's Invoke API."""
    try:
        error = response.json()
    except ValueError:
        return False
    kind = error.get("errorType") if isinstance(error, dict) else None
    return kind == "Sandbox.Timedout"
