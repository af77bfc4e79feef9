"""What unit tests build requests from: an issuer of our own, a broker that grants, a model that follows a script."""

import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from strands.models import Model

from clinic_agent.credentials import Grant, TierSettings
from clinic_agent.identity import SigningKeys, TenantContext, TokenVerifier, TrustedIssuer
from clinic_agent.memory import Turn

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_TestPool1"
CLIENT_ID = "client-of-the-platform"
USER_A = "11111111-2222-4333-8444-555555555555"
USER_B = "99999999-2222-4333-8444-555555555555"
SESSION_ID = "session-0123456789-0123456789-0123456789"
DAY = 86_400  # seconds; tokens made when tests are collected have to last until the last one has run


@dataclass
class Issuer:
    """Signs tokens and publishes its keys, as a Cognito user pool does."""

    issuer: str = ISSUER
    private: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    fetches: int = 0
    down: bool = False

    def __post_init__(self) -> None:
        self.rotate("key-1")

    def rotate(self, kid: str) -> None:
        self.private[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def document(self) -> Mapping[str, Any]:
        self.fetches += 1
        if self.down:
            raise OSError("unreachable")
        keys = []
        for kid, key in self.private.items():
            entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            keys.append({**entry, "kid": kid, "use": "sig", "alg": "RS256"})
        return {"keys": keys}

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "sub": USER_A,
            "iss": self.issuer,
            "client_id": CLIENT_ID,
            "token_use": "access",
            "tier": "basic",
            "clinic_id": "clinic-a",
            "tiers": ["basic"],
            "iat": now,
            "exp": now + DAY,
            "jti": str(uuid.uuid4()),
        }
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not ...}

    def token(self, *, kid: str = "key-1", **changes: Any) -> str:
        return jwt.encode(self.claims(**changes), self.private[kid], algorithm="RS256", headers={"kid": kid})

    def verifier(self) -> TokenVerifier:
        keys = SigningKeys("https://issuer.example/jwks.json", fetch=self.document)
        return TokenVerifier(TrustedIssuer(issuer=ISSUER, client_id=CLIENT_ID), keys)


TIER = TierSettings(
    model_id="mistral.ministral-3-8b-instruct",
    memory_id="clinic_local_basic-abcdef1234",
    max_output_tokens=1000,
    context_window=128_000,
    long_term_memory=False,
    history_turns=5,
    guardrail_id="guardrail1",
    guardrail_version="3",
    guardrail_message="This was stopped by the clinic's safety rules.",
    price_input_usd_per_million=0.15,
    price_output_usd_per_million=0.60,
)


def tenant(**changes: Any) -> TenantContext:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": CLIENT_ID,
        "tier": "basic",
        "clinic_id": "clinic-a",
        "user_id": USER_A,
        "expires_at": int(time.time()) + 600,
        "token": "the-token",
    }
    return TenantContext(**{**values, **changes})


@dataclass
class FakeBroker:
    """Grants whatever it is asked for, and notes the tokens."""

    lives: list[float] = field(default_factory=lambda: [900.0])  # seconds, per grant; the last one repeats
    tier: TierSettings = TIER
    error: Exception | None = None
    tokens: list[str] = field(default_factory=list)

    def grant(self, token: str) -> Grant:
        self.tokens.append(token)
        if self.error:
            raise self.error
        life = self.lives[min(len(self.tokens), len(self.lives)) - 1]
        return Grant(
            access_key_id=f"ASIA{len(self.tokens):04}",
            secret_access_key="secret",
            session_token=f"session-of-{token[-8:]}",
            expires_at=datetime.now(UTC) + timedelta(seconds=life),
            tier=self.tier,
        )


@dataclass
class FakeMemory:
    """Remembers in a list; fails when told to."""

    turns: list[Turn] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    fail_read: Exception | None = None
    fail_write: Exception | None = None
    written: list[Turn] = field(default_factory=list)

    def recent_turns(self, session_id: str, limit: int) -> Sequence[Turn]:
        if self.fail_read:
            raise self.fail_read
        return self.turns[-limit:]

    def preferences(self) -> Sequence[str]:
        if self.fail_read:
            raise self.fail_read
        return self.records

    def remember(self, session_id: str, turn: Turn, *, request_id: str) -> None:
        if self.fail_write:
            raise self.fail_write
        self.written.append(turn)


@dataclass
class FixedTools:
    """A toolbox that needs no call, or fails when told to."""

    tools: Sequence[Any] = ()
    fail: Exception | None = None
    listed: bool = True
    loads: int = 0

    def cached(self) -> Sequence[Any] | None:
        return self.tools if self.listed else None

    def load(self) -> Sequence[Any]:
        self.loads += 1
        if self.fail:
            raise self.fail
        return self.tools


Script = Sequence[Any]  # one entry a model call: text, (tool name, arguments), or an exception to raise


class ScriptedModel(Model):
    """A model that says what it was told to say, and keeps what it was asked."""

    def __init__(
        self, *script: Any, usage: tuple[int, int] = (100, 10), pause: Any = None, stop_reason: str = "end_turn"
    ) -> None:
        self.script = list(script)
        self.stop_reason = stop_reason  # of answers
        self.usage = usage
        self.pause = pause
        self.calls: list[dict[str, Any]] = []

    def update_config(self, **config: Any) -> None:
        pass

    def get_config(self) -> Any:
        return {}

    def structured_output(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        raise NotImplementedError

    async def stream(
        self, messages: Any, tool_specs: Any = None, system_prompt: str | None = None, **kwargs: Any
    ) -> AsyncIterable[Any]:
        self.calls.append({"messages": json.loads(json.dumps(messages)), "system": system_prompt, "tools": tool_specs})
        step = self.script[min(len(self.calls), len(self.script)) - 1]
        if isinstance(step, Exception):
            raise step
        yield {"messageStart": {"role": "assistant"}}
        if isinstance(step, tuple):
            name, arguments = step
            use = {"toolUseId": f"use-{len(self.calls)}", "name": name}
            yield {"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": use}}}
            yield {
                "contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": json.dumps(arguments)}}}
            }
            yield {"contentBlockStop": {"contentBlockIndex": 0}}
            yield {"messageStop": {"stopReason": "tool_use"}}
        else:
            for piece in step.split("|"):
                if self.pause:
                    await self.pause()
                yield {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": piece}}}
            yield {"contentBlockStop": {"contentBlockIndex": 0}}
            yield {"messageStop": {"stopReason": self.stop_reason}}
        total = sum(self.usage)
        usage = {"inputTokens": self.usage[0], "outputTokens": self.usage[1], "totalTokens": total}
        yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 1}}}
