"""Credentials as an attacker would hold them: the execution role's (any code in a microVM has those) and a tenant's."""

import json
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from scripts.clients.runtime import Stack

DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_CONFIG: Final = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False, s3={"addressing_style": "path"})


def session(stack: Stack, credentials: dict[str, str] | None = None) -> boto3.Session:
    """Make a boto3 session on the laptop AWS, with given credentials or the emulator's root."""
    given = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given.get("SessionToken"),
        region_name=stack["region"],
    )


def client(stack: Stack, service: str, credentials: dict[str, str] | None = None) -> Any:
    """Make a boto3 client on the laptop AWS."""
    return session(stack, credentials).client(service, endpoint_url=stack["aws_endpoint_url"], config=_CONFIG)


def execution_role(stack: Stack) -> dict[str, str]:
    """Return credentials of the runtime's execution role. On AWS only the service gets them; here the root may."""
    sts = client(stack, "sts")
    answer = sts.assume_role(RoleArn=stack["roles"]["execution"], RoleSessionName="as-the-microvm")
    credentials: dict[str, str] = answer["Credentials"]
    return credentials


def of_tenant(stack: Stack, access_token: str) -> dict[str, str]:
    """Return credentials of a token's tenant, from the broker, called as the execution role.

    Raises:
        PermissionError: If the broker refuses; the message is its code.
    """
    function = client(stack, "lambda", execution_role(stack))
    response = function.invoke(FunctionName=stack["functions"]["broker"], Payload=json.dumps({"token": access_token}))
    answer = json.load(response["Payload"])
    if "credentials" not in answer:
        raise PermissionError(answer.get("error", {}).get("code", "unknown"))
    granted = answer["credentials"]
    return {
        "AccessKeyId": granted["access_key_id"],
        "SecretAccessKey": granted["secret_access_key"],
        "SessionToken": granted["session_token"],
    }


def outcome(call: Any, /, **arguments: Any) -> str:
    """Make a call and say `allowed`, `AccessDenied` or the other error code."""
    try:
        response = call(**arguments)
        for stream in (response.get("stream"), response.get("Body")):
            if stream is not None:
                stream.close()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return "AccessDenied" if code in DENIED else code
    return "allowed"
