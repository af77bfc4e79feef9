"""What the tests of the Gateway stand-in share: recorded state, a fake emulator, and the stand-in on a real port."""

import asyncio
import base64
import contextlib
import copy
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_aws.agentcore.serving import listen, serving
from local_aws.gateway.app import GatewayApp
from local_aws.gateway.clock import PolicyClock
from local_aws.gateway.decisions import DecisionLog
from local_aws.gateway.gateway import GatewayHolder
from local_aws.gateway.server import GatewayBuilder, build_app, emulator_client
from local_aws.gateway.settings import parse_settings
from tests.unit.runtime_standin_support import CLIENT, ISSUER, SECRET, Issuer

GATEWAY_ID = "clinic-local-gateway-0123456789"
GATEWAY = f"arn:aws:bedrock-agentcore:us-east-1:000000000000:gateway/{GATEWAY_ID}"
ENGINE = "clinic_local_policies-0123456789"
ROLE = "arn:aws:iam::000000000000:role/clinic-local-gateway"
INTERCEPTOR = "arn:aws:lambda:us-east-1:000000000000:function:interceptor"
TOOLS = "arn:aws:lambda:us-east-1:000000000000:function:tools"
GET_PATIENT, LIST_PATIENTS = "clinic-data___get_patient", "clinic-data___list_patients"
WEB_SEARCH = "web-search___WebSearch"
TOKEN_HEADER = "X-Clinic-Access-Token"
TIERS = ["basic", "premium"]
ISSUED = Issuer()

Function = Callable[[dict[str, Any], dict[str, Any] | None], Awaitable[Any]]


def statement(tier: str, *tools: str, hours: tuple[int, int] | None = None, more: str = "") -> str:
    """Cedar text as the catalog's template renders it."""
    actions = ", ".join(f'AgentCore::Action::"{tool}"' for tool in tools)
    times = "" if hours is None else " && ".join(
        ["", f'context.system.now.toTime() >= duration("{hours[0]}h")',
         f'context.system.now.toTime() < duration("{hours[1]}h")']
    )  # fmt: skip
    return (
        f"permit (principal is AgentCore::OAuthUser, action in [{actions}], "
        f'resource == AgentCore::Gateway::"{GATEWAY}") when {{ principal.hasTag("tier") && '
        f'principal.getTag("tier") == "{tier}"{times}{more} }};'
    )


POLICIES = {
    "basic": statement("basic", GET_PATIENT, LIST_PATIENTS, hours=(6, 20)),
    "premium": statement("premium", GET_PATIENT, LIST_PATIENTS, WEB_SEARCH),
}


def claim(name: str, kind: str, operator: str, **value: Any) -> dict[str, Any]:
    """A `custom_claim` block."""
    return {
        "inbound_token_claim_name": name,
        "inbound_token_claim_value_type": kind,
        "authorizing_claim_match_value": [{"claim_match_operator": operator, "claim_match_value": [value]}],
    }


def argument(name: str, kind: str, *, required: bool = False, **more: Any) -> dict[str, Any]:
    """A `property` block."""
    return {"name": name, "type": kind, "required": required, "description": None, "items": [], "property": [], **more}


def lambda_tool(name: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    """An `inline_payload` block."""
    schema = {"type": "object", "description": None, "items": [], "property": list(arguments)}
    return {"name": name, "description": f"Tool {name}.", "input_schema": [schema], "output_schema": []}


def state(
    url: str,
    *,
    policies: dict[str, str] | None = None,
    gateway: dict[str, Any] | None = None,
    tools: list[dict[str, Any]] | None = None,
    headers: list[str] | None = None,
) -> dict[str, Any]:
    """A document of `terraform show -json`, as the AgentCore root gives it."""
    own: dict[str, Any] = {
        "name": "clinic-local-gateway",
        "gateway_id": GATEWAY_ID,
        "gateway_arn": GATEWAY,
        "role_arn": ROLE,
        "protocol_type": "MCP",
        "authorizer_type": "CUSTOM_JWT",
        "authorizer_configuration": [
            {
                "custom_jwt_authorizer": [
                    {
                        "discovery_url": f"{url}/pool/.well-known/openid-configuration",
                        "allowed_clients": [CLIENT],
                        "allowed_audience": None,
                        "allowed_scopes": None,
                        "allowed_workload_configuration": [],
                        "private_endpoint": [],
                        "custom_claim": [
                            claim("token_use", "STRING", "EQUALS", match_value_string="access"),
                            claim("tiers", "STRING_ARRAY", "CONTAINS_ANY", match_value_string_list=TIERS),
                        ],
                    }
                ]
            }
        ],
        "interceptor_configuration": [
            {
                "interception_points": ["REQUEST"],
                "interceptor": [{"lambda": [{"arn": INTERCEPTOR}]}],
                "input_configuration": [{"pass_request_headers": True}],
            }
        ],
        "policy_engine_configuration": [
            {"arn": f"arn:aws:bedrock-agentcore:us-east-1:000000000000:policy-engine/{ENGINE}", "mode": "ENFORCE"}
        ],
        "protocol_configuration": [
            {"mcp": [{"session_configuration": [{"session_timeout_in_seconds": 900}], "supported_versions": None}]}
        ],
        **(gateway or {}),
    }
    default_tools = [
        lambda_tool("get_patient", argument("patient_id", "string", required=True)),
        lambda_tool("list_patients", argument("limit", "integer"), argument("cursor", "string")),
    ]
    function = {
        "name": "clinic-data",
        "target_id": "TARGET0001",
        "gateway_identifier": GATEWAY_ID,
        "metadata_configuration": [{"allowed_request_headers": headers or [TOKEN_HEADER, "X-Clinic-Request-Id"]}],
        "credential_provider_configuration": [{"gateway_iam_role": [{"region": None, "service": None}]}],
        "target_configuration": [
            {"mcp": [{"lambda": [{"lambda_arn": TOOLS, "tool_schema": [{"inline_payload": tools or default_tools}]}]}]}
        ],
    }
    connector = {
        "name": "web-search",
        "target_id": "TARGET0002",
        "gateway_identifier": GATEWAY_ID,
        "metadata_configuration": [],
        "target_configuration": [
            {
                "mcp": [
                    {
                        "lambda": [],
                        "connector": [{"source": [{"connector_id": "web-search"}], "enabled": ["WebSearch"]}],
                    }
                ]
            }
        ],
    }
    engine = {
        "policy_engine_id": ENGINE,
        "policy_engine_arn": f"arn:aws:bedrock-agentcore:us-east-1:000000000000:policy-engine/{ENGINE}",
    }
    resources = [
        ("aws_bedrockagentcore_gateway", "this", own),
        ("aws_bedrockagentcore_gateway_target", "function", function),
        ("aws_bedrockagentcore_gateway_target", "connector", connector),
        ("aws_bedrockagentcore_policy_engine", "this", engine),
    ]
    for name, text in (POLICIES if policies is None else policies).items():
        policy = {
            "policy_engine_id": ENGINE,
            "policy_id": f"{name}-0123456789",
            "name": name,
            "definition": [{"cedar": [{"statement": text}]}],
        }
        resources.append(("aws_bedrockagentcore_policy", name, policy))
    return {
        "format_version": "1.0",
        "values": {
            "root_module": {
                "resources": [
                    {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "values": values}
                    for kind, name, values in resources
                ]
            }
        },
    }


def token(*, tier: str = "basic", clinic: str = "clinic-a", user: str = "user-1", **claims: Any) -> str:
    """A user's access token."""
    return ISSUED.token(sub=user, **{"tier": tier, "tiers": [tier], "clinic_id": clinic, **claims})


async def pass_through(event: dict[str, Any], _: dict[str, Any] | None) -> dict[str, Any]:
    """An interceptor as the platform's: the verified token goes to the target, the tenant headers do not."""
    request = event["mcp"]["gatewayRequest"]
    headers = {TOKEN_HEADER: request["headers"]["Authorization"].removeprefix("Bearer ")}
    return transformed({"headers": headers, "body": request["body"]})


def transformed(request: Any) -> dict[str, Any]:
    return {"interceptorOutputVersion": "1.0", "mcp": {"transformedGatewayRequest": request}}


async def tools_function(event: dict[str, Any], context: dict[str, Any] | None) -> dict[str, Any]:
    return {"event": event, "tool": (context or {})["custom"]["bedrockAgentCoreToolName"]}


@dataclass
class FakeEmulator:
    """Discovery, keys, service sessions and Lambda; the functions are Python."""

    url: str = ""
    functions: dict[str, Function] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    distrusted: set[str] = field(default_factory=set)  # roles that do not trust the service

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The platform's functions, and nothing recorded."""
        self.functions = {INTERCEPTOR: pass_through, TOOLS: tools_function}
        for recorded in (self.calls, self.authorizations, self.sessions):
            recorded.clear()
        self.distrusted.clear()

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/pool/.well-known/openid-configuration", self._discovery),
                Route("/keys", self._keys),
                Route("/_local/service-session", self._session, methods=["POST"]),
                Route("/2015-03-31/functions/{arn:path}/invocations", self._invoke, methods=["POST"]),
            ]
        )

    def called(self, arn: str) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
        return [(event, context) for name, event, context in self.calls if name == arn]

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse({"issuer": ISSUER, "jwks_uri": f"{self.url}/keys"})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [ISSUED.jwk()]})

    async def _session(self, request: Request) -> Response:
        asked = await request.json()
        if request.headers["x-local-secret"] != SECRET or asked["role_arn"] in self.distrusted:
            return JSONResponse({}, 403)
        self.sessions.append(asked)
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return JSONResponse(
            {"AccessKeyId": "ASIAGATEWAY", "SecretAccessKey": "s", "Token": "session-token", "Expiration": expiry}
        )

    async def _invoke(self, request: Request) -> Response:
        arn = unquote(request.path_params["arn"])
        encoded = request.headers.get("x-amz-client-context")
        context = None if encoded is None else json.loads(base64.b64decode(encoded))
        event = await request.json()
        self.calls.append((arn, event, context))
        self.authorizations.append(request.headers["authorization"])
        answer = await self.functions[arn](event, context)
        return answer if isinstance(answer, Response) else JSONResponse(answer)


@dataclass
class StandIn:
    """A running stand-in."""

    url: str
    app: GatewayApp
    emulator: FakeEmulator
    state_path: Path
    log_dir: Path
    client: httpx.Client
    clock: PolicyClock
    loop: asyncio.AbstractEventLoop

    def reset(self) -> None:
        """Back to the beginning: state, functions, clock, and nothing recorded."""
        self.emulator.reset()
        self.write_state(state(self.emulator.url))
        self.control("POST", "reload").raise_for_status()
        self.set_clock(None)
        (self.log_dir / "decisions.log").write_bytes(b"")

    def post(self, body: Any, *, bearer: str | None = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **({} if bearer == "" else {"Authorization": f"Bearer {bearer or token()}"}),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.client.post(f"{self.url}/mcp", content=content, headers=sent)

    def call(self, tool: str, arguments: Any = None, *, bearer: str | None = None, **headers: str) -> httpx.Response:
        return self.post(call(tool, arguments), bearer=bearer, **headers)

    def tools(self, *, bearer: str | None = None) -> list[str]:
        answer = self.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, bearer=bearer)
        return [tool["name"] for tool in answer.json()["result"]["tools"]]

    def open_session(self, *, bearer: str | None = None) -> str:
        answer = self.post(initialize(), bearer=bearer)
        assert answer.status_code == 200, answer.text
        return answer.headers["mcp-session-id"]

    def set_clock(self, now: str | None) -> None:
        self.control("PUT", "clock", {"now": now}).raise_for_status()

    def control(self, method: str, path: str, body: Any = None, *, secret: str = SECRET) -> httpx.Response:
        headers = {"X-Local-Secret": secret}
        return self.client.request(method, f"{self.url}/_local/{path}", json=body, headers=headers)

    def write_state(self, document: dict[str, Any]) -> None:
        self.state_path.write_text(json.dumps(document))

    def decisions(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.log_dir / "decisions.log").read_text().splitlines()]


def call(tool: str, arguments: Any = None, *, message_id: Any = 7) -> dict[str, Any]:
    params = {"name": tool, "arguments": {} if arguments is None else arguments}
    return {"jsonrpc": "2.0", "id": message_id, "method": "tools/call", "params": params}


def initialize(version: str = "2025-06-18") -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}


def error(answer: httpx.Response) -> tuple[int, int, str]:
    """HTTP status, JSON-RPC number and code of a refusal; its shape is checked on the way."""
    body = answer.json()
    data = body["error"]["data"]
    assert set(data) - {"tool"} == {"code", "retryable", "request_id"}, data
    assert data["request_id"] == answer.headers["x-amzn-requestid"]
    return answer.status_code, body["error"]["code"], data["code"]


@contextlib.contextmanager
def running(
    directory: Path,
    *,
    document: Callable[[str], dict[str, Any]] | None = None,
    secret: str = SECRET,
    **settings: Any,
) -> Iterator[StandIn]:
    """Serve the stand-in and its fake emulator, in one thread of their own."""
    ready: list[StandIn] = []
    started, stop = threading.Event(), threading.Event()
    failure: list[BaseException] = []

    async def serve() -> None:
        emulator = FakeEmulator()
        listener = listen(0)
        emulator.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        path = directory / "state.json"
        path.write_text(json.dumps((document or state)(emulator.url)))
        config = {
            "state": str(path),
            "aws_endpoint_url": emulator.url,
            "region": "us-east-1",
            "account_id": "000000000000",
            "log_dir": str(directory / "logs"),
            "policy_clock": "12:00",
            **settings,
        }
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(serving(emulator.app, listener))
            client = await stack.enter_async_context(emulator_client())
            parsed = parse_settings(config)
            log = stack.enter_context(contextlib.closing(DecisionLog(parsed.log_dir / "decisions.log")))
            clock = PolicyClock(parsed.policy_clock)
            builder = GatewayBuilder(settings=parsed, secret=secret, client=client, clock=clock, decisions=log)
            app = build_app(builder, GatewayHolder(await builder.build()))
            own = listen(0)
            url = f"http://127.0.0.1:{own.getsockname()[1]}"
            stack.enter_context(contextlib.closing(own))
            async with serving(app, own):
                ready.append(
                    StandIn(
                        url=url,
                        app=app,
                        emulator=emulator,
                        state_path=path,
                        log_dir=parsed.log_dir,
                        client=httpx.Client(trust_env=False, timeout=20),
                        clock=clock,
                        loop=asyncio.get_running_loop(),
                    )
                )
                started.set()
                while not stop.is_set():  # noqa: ASYNC110 - set by another thread
                    await asyncio.sleep(0.01)

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failure.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(20)
        if failure:
            raise failure[0]
        yield ready[0]
    finally:
        stop.set()
        thread.join(20)
        for stand_in in ready:
            stand_in.client.close()
    if failure:
        raise failure[0]


def changed(document: dict[str, Any], kind: str, **values: Any) -> dict[str, Any]:
    """A copy of a state with other values in the first resource of a type."""
    found = copy.deepcopy(document)
    resource = next(r for r in found["values"]["root_module"]["resources"] if r["type"] == kind)
    resource["values"].update(values)
    return found
