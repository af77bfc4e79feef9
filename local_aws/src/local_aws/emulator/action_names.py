"""Which part of a request names the IAM action.

The emulator takes a query parameter `Action`, then the header `X-Amz-Target`, whatever the service: a call of `Scan`
with `?Action=GetItem` would be authorised as GetItem and executed as Scan. Only the part the service itself routes by
may count. AgentCore and Bedrock calls that no rule knows are refused instead of being served unauthorised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from local_aws.emulator.patching import wrap

_REST: Final = frozenset({"s3", "lambda", "bedrock-agentcore", "bedrock", "bedrock-runtime"})
_TARGET: Final = frozenset({"dynamodb", "cognito-idp", "logs", "kms", "secretsmanager", "ssm", "events"})
_FAIL_CLOSED: Final = frozenset({"bedrock-agentcore", "bedrock-runtime"})
UNKNOWN: Final = "UnsupportedByEmulator"
"""No such action exists on AWS: only the account's root and a grant of `*` have it."""


def install() -> None:
    """Make the emulator ignore action names from parts of the request the service does not route by."""
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
        if service in _REST or service in _TARGET:
            hidden = {"content-type", "x-amz-target"} if service in _REST else {"content-type"}
            headers = {name: value for name, value in headers.items() if name not in hidden}
            query = {name: value for name, value in query.items() if name != "Action"}
        action = original(service, method, path, headers, body, query)
        if action is None and service in _FAIL_CLOSED:
            return f"{service.removesuffix('-runtime')}:{UNKNOWN}"
        return action
