"""What a turn costs in calls and objects, counted in process against the running emulator; and credentials that end."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.endpoint
import botocore.session
import pytest

from clinic_agent.app.application import build_assistant, warm_loader
from clinic_agent.app.service import Assistant
from clinic_agent.credentials import Grant, LambdaBroker, TenantSession
from clinic_agent.gateway.transport import Transport
from clinic_agent.identity import SigningKeys, TokenVerifier, TrustedIssuer
from clinic_agent.settings import Settings
from scripts.clients.runtime import new_session_id
from scripts.tours.tenant_credentials import client, execution_role
from tests.conftest import Platform


def settings(platform: Platform) -> Settings:
    stack = platform.stack
    return Settings(
        token_issuer=stack["issuer"],
        token_jwks_url=f"{stack['aws_endpoint_url']}/{stack['user_pool_id']}/.well-known/jwks.json",
        token_client_id=stack["client_id"],
        broker_function=stack["functions"]["broker"],
        gateway_url=stack["gateway_url"],
        platform_name=stack.get("name_prefix", "clinic-local"),
        region=stack["region"],
    )


@pytest.fixture
def assistant(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Assistant:
    """The production parts, in this process, with the execution role's credentials."""
    credentials = execution_role(platform.stack)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", credentials["SessionToken"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", platform.stack["aws_endpoint_url"])
    return build_assistant(settings(platform))


class Counter:
    """Counts what must not be made again, and keeps the calls to AWS and to the Gateway in order."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.calls: list[str] = []


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    counter = Counter()
    session_init, create_client = boto3.Session.__init__, botocore.session.Session.create_client
    new_context, make_request = ssl.SSLContext.__new__, botocore.endpoint.Endpoint.make_request

    def counting_init(self: Any, *args: Any, **kwargs: Any) -> None:
        counter.made.append("session")
        session_init(self, *args, **kwargs)

    def counting_client(self: Any, *args: Any, **kwargs: Any) -> Any:
        counter.made.append(f"client {args[0] if args else kwargs.get('service_name')}")
        return create_client(self, *args, **kwargs)

    def counting_context(cls: Any, *args: Any, **kwargs: Any) -> Any:
        counter.made.append("SSL context")
        return new_context(cls, *args, **kwargs)

    def recording(self: Any, operation_model: Any, request_dict: Any) -> Any:
        counter.calls.append(operation_model.name)
        return make_request(self, operation_model, request_dict)

    post = Transport.post

    def posting(self: Any, message: Any, headers: Any) -> Any:
        counter.calls.append(message["method"])
        return post(self, message, headers)

    monkeypatch.setattr(Transport, "post", posting)
    monkeypatch.setattr(boto3.Session, "__init__", counting_init)
    monkeypatch.setattr(botocore.session.Session, "create_client", counting_client)
    monkeypatch.setattr(ssl.SSLContext, "__new__", counting_context)
    monkeypatch.setattr(botocore.endpoint.Endpoint, "make_request", recording)
    return counter


def _ask(assistant: Assistant, token: str, session_id: str, prompt: str) -> list[dict[str, Any]]:
    async def collect() -> list[dict[str, Any]]:
        stream = assistant.turn(
            payload={"prompt": prompt}, authorization=f"Bearer {token}", session_id=session_id, request_id="count-1"
        )
        return [event async for event in stream]

    return asyncio.run(collect())


@pytest.mark.parametrize(("clinic_id", "reads"), [("clinic-a", 1), ("hospital-a", 2)])
def test_a_cached_turn_makes_nothing_and_few_calls(
    platform: Platform, assistant: Assistant, counter: Counter, clinic_id: str, reads: int
) -> None:
    token, session_id = platform.access_token(clinic_id), new_session_id()
    patient = platform.canaries["clinics"][clinic_id]["patient_id"]
    first = _ask(assistant, token, session_id, f"Tell me about patient {patient}.")
    assert first[-1]["type"] == "done"
    assert "Invoke" in counter.calls
    assert [call for call in counter.calls if "/" in call or call == "initialize"] == [
        *("initialize", "notifications/initialized", "tools/list", "tools/call")
    ]
    assert counter.made  # the counters count
    counter.made.clear()
    counter.calls.clear()
    second = _ask(assistant, token, session_id, f"Tell me about patient {patient} again.")
    assert second[-1]["type"] == "done"
    assert counter.made == []
    before_the_model = counter.calls[: counter.calls.index("ConverseStream")]
    assert len(before_the_model) == reads <= 2
    assert counter.calls == [*before_the_model, "ConverseStream", "tools/call", "ConverseStream", "CreateEvent"]


def test_credentials_are_renewed_by_the_real_broker_in_the_middle_of_a_request(platform: Platform) -> None:
    chosen = settings(platform)
    keys = SigningKeys(chosen.token_jwks_url)
    verifier = TokenVerifier(TrustedIssuer(issuer=chosen.token_issuer, client_id=chosen.token_client_id), keys)
    real = LambdaBroker(
        client=client(platform.stack, "lambda", execution_role(platform.stack)), function=chosen.broker_function
    )
    grants: list[Grant] = []

    class ShortLived:
        """The real broker, but its first credentials are about to expire."""

        def grant(self, token: str) -> Grant:
            from dataclasses import replace

            grant = real.grant(token)
            if not grants:
                grant = replace(grant, expires_at=datetime.now(UTC) + timedelta(seconds=30))
            grants.append(grant)
            return grant

    tenant = verifier.verify(platform.access_token("clinic-a"))
    session = TenantSession(tenant=tenant, broker=ShortLived(), loader=warm_loader(), region=chosen.region)
    s3 = session.boto3.client("s3", endpoint_url=platform.stack["aws_endpoint_url"])
    prefix = "clinics/clinic-a/documents/"
    for _ in range(3):
        assert s3.list_objects_v2(Bucket=platform.stack["buckets"]["documents"], Prefix=prefix)["KeyCount"] > 0
    assert len(grants) == 2
    assert grants[1].expires_at > datetime.now(UTC) + timedelta(seconds=600)
