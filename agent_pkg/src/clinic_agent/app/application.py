"""Puts the app together from the environment and serves it."""

import gc
import logging
import os
import sys
import uuid
from typing import Any, Final

import boto3
import botocore.loaders
import botocore.session
from bedrock_agentcore import BedrockAgentCoreApp
from botocore.config import Config
from starlette.middleware import Middleware

from clinic_agent.app.request_gate import RequestGate
from clinic_agent.app.service import Assistant
from clinic_agent.app.turn_response import TurnResponse
from clinic_agent.contract import WrongContract
from clinic_agent.credentials import Broker, Grant, LambdaBroker, TenantSessions
from clinic_agent.guard import SessionPin, TenancyGuard
from clinic_agent.identity import SigningKeys, TokenVerifier, TrustedIssuer
from clinic_agent.metering import MetricsLog
from clinic_agent.settings import MissingSetting, Settings
from clinic_agent.version import agent_version
from clinic_agent.workspace import Workspaces

DEFAULT_PORT: Final = 8080
"""Where AgentCore Runtime expects the agent. Source: AgentCore HTTP protocol contract."""
SERVICES_OF_EVERY_TURN: Final = ("lambda", "bedrock-agentcore", "bedrock-runtime")


def build_app(assistant: Assistant) -> BedrockAgentCoreApp:
    """Build the AgentCore app around an assistant."""
    app = BedrockAgentCoreApp(middleware=[Middleware(RequestGate)])
    # It gives its logger a level of its own, below which `configure_logging` cannot get.
    app.logger.setLevel(logging.ERROR)

    @app.entrypoint
    async def invoke(payload: Any, context: Any) -> TurnResponse:  # the SDK looks for the name "context"
        request_id = str(uuid.uuid4())
        headers = context.request_headers or {}

        def turn() -> Any:
            return assistant.turn(
                payload=payload,
                authorization=headers.get("Authorization"),
                session_id=context.session_id,
                request_id=request_id,
            )

        # Run where the answer is sent, not here: the SDK calls handlers in a loop of their own.
        return TurnResponse(turn, request_id=request_id)

    return app


def build_assistant(settings: Settings) -> Assistant:
    """Put the production parts together. Makes no request: keys, credentials and clients come with the first one."""
    loader = warm_loader()
    keys = SigningKeys(settings.token_jwks_url)
    trusted = TrustedIssuer(issuer=settings.token_issuer, client_id=settings.token_client_id)
    broker = _LazyLambdaBroker(settings, loader)
    sessions = TenantSessions(broker=broker, loader=loader, region=settings.region)
    guard = TenancyGuard(verifier=TokenVerifier(trusted, keys), sessions=sessions, pin=SessionPin())
    metrics = MetricsLog(platform=settings.platform_name)
    parts = Workspaces(settings=settings, usage_sink=metrics.turn)
    return Assistant(guard=guard, parts=parts, refusal_sink=metrics.refusal)


def warm_loader() -> botocore.loaders.Loader:
    """Make the loader of service models that all clients share, with those of every turn read already.

    Reading a model takes longer than a turn; it is public data of AWS, fit to be part of a snapshot.
    """
    loader = botocore.loaders.create_loader()
    for service in SERVICES_OF_EVERY_TURN:
        loader.load_service_model(service, "service-2")
        loader.load_service_model(service, "endpoint-rule-set-1")
    loader.load_data_with_path("endpoints")
    loader.load_data_with_path("partitions")
    return loader


class _LazyLambdaBroker:
    """The broker's client, made with the first request: the execution role's credentials must not be in a snapshot."""

    def __init__(self, settings: Settings, loader: botocore.loaders.Loader) -> None:
        self._settings = settings
        self._loader = loader
        self._broker: Broker | None = None

    def grant(self, token: str) -> Grant:
        if self._broker is None:
            session = botocore.session.get_session()
            session.register_component("data_loader", self._loader)
            client = boto3.Session(botocore_session=session, region_name=self._settings.region).client(
                "lambda",
                config=Config(
                    connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2}
                ),
            )
            self._broker = LambdaBroker(client=client, function=self._settings.broker_function)
        return self._broker.grant(token)


def configure_logging() -> None:
    """Log to standard output. The framework's debug lines hold prompts, so it starts at WARNING; ours start at INFO."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    # What goes wrong in Strands we log ourselves, by class; its own lines quote tool inputs, and tracebacks.
    logging.getLogger("strands").setLevel(logging.CRITICAL)
    logging.getLogger("clinic_agent").setLevel(logging.INFO)
    sdk = logging.getLogger("bedrock_agentcore")
    sdk.setLevel(logging.ERROR)  # at INFO it writes session ids, at WARNING what the client sent as baggage
    sdk.propagate = False


def main() -> None:
    """Serve on `PORT` (8080 if not set). Exits with 1 and a message if the contract is another or a setting missing."""
    configure_logging()
    try:
        settings = Settings.from_environment(os.environ)
    except (WrongContract, MissingSetting) as error:
        sys.exit(f"clinic-agent: {error}")
    agent_version()  # read once, here and not in the first answer
    app = build_app(build_assistant(settings))
    # All that was imported stays: a full collection would walk it, for 300-400 ms, in the middle of some answer.
    gc.collect()
    gc.freeze()
    app.run(port=int(os.environ.get("PORT", DEFAULT_PORT)))
