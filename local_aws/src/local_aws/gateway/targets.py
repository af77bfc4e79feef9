"""Targets: a Lambda function, called with the bare arguments, or the web-search connector."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from local_aws.gateway.lambda_client import LambdaClient, LambdaError, LambdaTimeoutError
from local_aws.gateway.mcp_errors import invalid_arguments, target_failed, target_timeout
from local_aws.gateway.recorded import Target, Tool
from local_aws.gateway.tool_schema import InvalidArgumentsError
from local_aws.gateway.web_search import WebSearch

logger = logging.getLogger(__name__)

_RESTRICTED: Final = ("authorization", "mcp-session-id", "host", "content-length")
_RESTRICTED_PREFIX: Final = "x-amz"


def propagated(allowed: Sequence[str], headers: Mapping[str, str]) -> dict[str, str]:
    """Choose the headers that a target may see.

    Args:
        allowed: The target's recorded `allowed_request_headers`. The names come out as they are spelled there.
        headers: After the interceptor, by lower-case name.
    """
    return {
        name: headers[name.lower()]
        for name in allowed
        if name.lower() in headers
        and name.lower() not in _RESTRICTED
        and not name.lower().startswith(_RESTRICTED_PREFIX)
    }


async def call_target(
    target: Target,
    tool: Tool,
    *,
    arguments: Mapping[str, Any],
    headers: Mapping[str, str],
    gateway_id: str,
    request_id: str,
    message_id: str | int | None,
    functions: LambdaClient,
    web_search: WebSearch,
    seconds: float,
) -> dict[str, Any]:
    """Run a tool.

    Returns:
        The result of `tools/call`.

    Raises:
        McpRefusal: If the tool cannot be run, or does not answer in time.
    """
    if target.lambda_arn is None:
        try:
            return _result(web_search.search(arguments))
        except InvalidArgumentsError as failure:
            raise invalid_arguments(tool.wire_name, str(failure)) from failure
    custom = {
        "bedrockAgentCoreToolName": tool.wire_name,
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": request_id,
        "bedrockAgentCoreMcpMessageId": str(message_id),
        "bedrockAgentCoreGatewayId": gateway_id,
        "bedrockAgentCoreTargetId": target.id,
        "bedrockAgentCorePropagatedHeaders": propagated(target.allowed_headers, headers),
        "bedrockAgentCorePropagatedQueryParameters": {},
    }
    try:
        answer = await functions.invoke(target.lambda_arn, arguments, seconds=seconds, custom=custom)
    except LambdaTimeoutError as failure:
        logger.warning("request_id=<%s>, error=<%s> | target timed out", request_id, failure)
        raise target_timeout(tool.wire_name) from failure
    except LambdaError as failure:
        logger.warning("request_id=<%s>, error=<%s> | target failed", request_id, failure)
        raise target_failed(tool.wire_name) from failure
    return _result(answer)


def _result(answer: Any) -> dict[str, Any]:
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    structured = {"structuredContent": answer} if isinstance(answer, dict) else {}
    return {"content": [{"type": "text", "text": text}], **structured, "isError": False}
