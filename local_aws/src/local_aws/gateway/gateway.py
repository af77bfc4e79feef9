"""One gateway as it was recorded: what it is made of, and what it does with a tool call. Replaced as a whole."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.agentcore.authorizer import JwtAuthorizer
from local_aws.gateway.clock import PolicyClock
from local_aws.gateway.decisions import DecisionLog
from local_aws.gateway.engine import Decision, PolicyEngine
from local_aws.gateway.interceptor import Answered, Intercepted, intercept
from local_aws.gateway.lambda_client import LambdaClient
from local_aws.gateway.mcp_errors import invalid_arguments, tool_denied, unknown_tool
from local_aws.gateway.messages import Message
from local_aws.gateway.principal import Principal
from local_aws.gateway.recorded import GatewayConfig
from local_aws.gateway.targets import call_target
from local_aws.gateway.tool_schema import InvalidArgumentsError
from local_aws.gateway.web_search import WebSearch

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sent the request that is being answered, and with what headers after the interceptor."""

    principal: Principal
    headers: Mapping[str, str] = field(repr=False)
    request_id: str
    message_id: str | int | None


class Gateway:
    """Answers tool calls.

    Args:
        config: What Terraform recorded.
        authorizer: From `config.authorizer`.
        functions: Calls Lambda as `config.role_arn`.
        web_search: The connector.
        clock: What policies take for the current time.
        decisions: Where decisions are recorded.
        target_seconds: Time-out of targets.
        interceptor_seconds: Time-out of the interceptor.

    Raises:
        InvalidConfigError: If a policy does not fit the tools.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        authorizer: JwtAuthorizer,
        functions: LambdaClient,
        web_search: WebSearch,
        clock: PolicyClock,
        decisions: DecisionLog,
        target_seconds: float,
        interceptor_seconds: float,
    ) -> None:
        self.config = config
        self.authorizer = authorizer
        self._functions = functions
        self._web_search = web_search
        self._clock = clock
        self._decisions = decisions
        self._target_seconds = target_seconds
        self._interceptor_seconds = interceptor_seconds
        self._tools = config.tools
        self._targets = {target.name: target for target in config.targets}
        self._engine = PolicyEngine(config.policies, tools=self._tools.values(), gateway_arn=config.arn)
        self._listed = {
            name: {"name": name, "description": tool.description, "inputSchema": tool.schema.json_schema()}
            for name, tool in self._tools.items()
        }
        if not config.enforce:
            logger.warning(
                "gateway=<%s>, mode=<LOG_ONLY> | POLICIES ARE NOT ENFORCED: what they would deny is let through",
                config.id,
            )

    async def intercept(self, message: Message, *, raw: str, headers: Mapping[str, str]) -> Intercepted | Answered:
        """Show a request to the interceptor; see `interceptor.intercept`."""
        return await intercept(
            self.config.interceptor,
            self._functions,
            raw=raw,
            message=message,
            headers=headers,
            seconds=self._interceptor_seconds,
        )

    def list_tools(self, caller: Caller) -> list[dict[str, Any]]:
        """Return the tools that the caller may call with some arguments, in the order of their names."""
        found = []
        for name in sorted(self._tools):
            decision = self._engine.may_call(caller.principal, tool=name, now=self._clock.now())
            self._record(decision, caller, tool=name, operation="tools/list")
            if decision.allowed or not self.config.enforce:
                found.append(self._listed[name])
        return found

    async def call_tool(self, caller: Caller, *, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Decide a call, and run the tool.

        Returns:
            The result of `tools/call`.

        Raises:
            McpRefusal: If it is refused, or the tool fails.
        """
        tool = self._tools.get(name)
        if tool is None:
            raise unknown_tool()
        try:
            values = tool.schema.cedar_value(arguments, path="")
        except InvalidArgumentsError as failure:
            # Who may not call it at all learns that, and not what it takes.
            decision = self._engine.may_call(caller.principal, tool=name, now=self._clock.now())
            if decision.allowed or not self.config.enforce:
                raise invalid_arguments(name, str(failure)) from failure
        else:
            decision = self._engine.decide(caller.principal, tool=name, arguments=values, now=self._clock.now())
        self._record(decision, caller, tool=name, operation="tools/call")
        if not decision.allowed and self.config.enforce:
            raise tool_denied(name)
        return await call_target(
            self._targets[tool.target],
            tool,
            arguments=arguments,
            headers=caller.headers,
            gateway_id=self.config.id,
            request_id=caller.request_id,
            message_id=caller.message_id,
            functions=self._functions,
            web_search=self._web_search,
            seconds=self._target_seconds,
        )

    def _record(self, decision: Decision, caller: Caller, *, tool: str, operation: str) -> None:
        self._decisions.write(
            decision,
            operation=operation,
            request_id=caller.request_id,
            subject=caller.principal.subject,
            tool=tool,
            gateway_arn=self.config.arn,
            policy_time=self._clock.now(),
            enforced=self.config.enforce,
        )


class GatewayHolder:
    """Holds the gateway that answers, until another one takes its place."""

    def __init__(self, gateway: Gateway) -> None:
        self.current = gateway
