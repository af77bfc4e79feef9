"""Cognito user pools: what people may not do by themselves, and a claims function that fails.

The emulator lets anybody sign up in a pool where only administrators create users, and reset anybody's password with a
fixed code; it lets users write any attribute, and answers 500 when the function that makes the claims fails. AWS
refuses all of it with errors that a client can tell apart.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from local_aws.emulator.patching import wrap


class ClaimsFunctionError(Exception):
    """The pool's pre-token-generation function failed, so that no token is issued."""


def _error_message(failure: BaseException) -> str:
    """Find the function's own message in what the emulator raised about its failure."""
    text = str(failure).removeprefix("PreTokenGeneration error: ")
    try:
        body = json.loads(text)
    except ValueError:
        return text
    return str(body.get("errorMessage", text)) if isinstance(body, Mapping) else text


def _client_id(access_token: str) -> Any:
    """Read the client of a token that the emulator has verified."""
    body = access_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))).get("client_id")


def install() -> None:
    """Make sign-up and sign-in fail as on AWS."""
    from ministack.core.responses import error_response_json
    from ministack.services import cognito, lambda_svc

    @wrap(cognito, "_sign_up")
    def sign_up(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
        for _, pool in cognito._user_pools.items():
            only_admin = (pool.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly")
            if only_admin and data.get("ClientId") in pool["_clients"]:
                return error_response_json("NotAuthorizedException", "SignUp is not permitted for this user pool", 400)
        return original(data)

    @wrap(cognito, "_forgot_password")
    def forgot_password(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
        for _, pool in cognito._user_pools.items():
            mechanisms = (pool.get("AccountRecoverySetting") or {}).get("RecoveryMechanisms") or []
            by_admin = [mechanism.get("Name") for mechanism in mechanisms] == ["admin_only"]
            if by_admin and data.get("ClientId") in pool["_clients"]:
                return error_response_json("NotAuthorizedException", "Contact administrator to reset password.", 400)
        return original(data)

    @wrap(cognito, "_update_user_attributes")
    def update_user_attributes(original: Callable[..., Any], data: Mapping[str, Any]) -> Any:
        user, pool = cognito._user_pool_for_access_token(data.get("AccessToken", ""))
        if user:  # otherwise the emulator says what is wrong with the token
            client = pool["_clients"].get(_client_id(data["AccessToken"])) or {}
            writable = client.get("WriteAttributes")
            names = [attribute.get("Name") for attribute in data.get("UserAttributes") or []]
            if writable and not set(names) <= set(writable):
                message = "A client attempted to write unauthorized attribute"
                return error_response_json("NotAuthorizedException", message, 400)
        return original(data)

    @wrap(lambda_svc, "_execute_function_with_config_scope")
    def execute(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        # The emulator puts the body into its message as Python prints it; as JSON it can be read back.
        if isinstance(result, dict) and result.get("error") and isinstance(result.get("body"), dict):
            return {**result, "body": json.dumps(result["body"])}
        return result

    @wrap(cognito, "_apply_pretoken_trigger")
    def apply_trigger(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Exception as failure:
            message = f"PreTokenGeneration failed with error {_error_message(failure).removesuffix('.')}."
            raise ClaimsFunctionError(message) from failure

    @wrap(cognito, "handle_request")
    async def handle_request(original: Callable[..., Any], *args: Any) -> Any:
        try:
            return await original(*args)
        except ClaimsFunctionError as failure:
            return error_response_json("UserLambdaValidationException", str(failure), 400)
