"""A small client of the platform: sign in, start a session, ask, read the stream. What an application would do."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
import httpx
from botocore import UNSIGNED
from botocore.config import Config

from scripts.clients.canary import LIVE, endpoint_of

SESSION_HEADER: Final = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
ANSWER_SECONDS: Final = 120.0
"""Longest silence of the runtime that a client bears; a cold start is part of it."""

_SIGN_IN_SECONDS: Final = 20

Stack = Mapping[str, Any]


class NoStack(Exception):
    """There is no running platform to talk to."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} does not exist: no platform is running here. Start one with `make up`.")


def load_stack(path: Path) -> Stack:
    """Read `.local/stack.json`.

    Raises:
        NoStack: If it does not exist.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise NoStack(path) from None
    return content


def sign_in(stack: Stack, username: str, password: str) -> dict[str, str]:
    """Sign in by password and return the tokens (`AccessToken`, `IdToken`, `RefreshToken`).

    Password sign-in is switched on for the laptop only; elsewhere users come through the code flow with PKCE.

    Raises:
        botocore.exceptions.ClientError: If Cognito refuses.
    """
    return _tokens(stack, "USER_PASSWORD_AUTH", {"USERNAME": username, "PASSWORD": password})


def renew(stack: Stack, refresh_token: str) -> dict[str, str]:
    """Return new tokens (`AccessToken`, `IdToken`) for a refresh token.

    Raises:
        botocore.exceptions.ClientError: If Cognito refuses.
    """
    return _tokens(stack, "REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": refresh_token})


def _tokens(stack: Stack, flow: str, parameters: Mapping[str, str]) -> dict[str, str]:
    cognito = boto3.client(
        "cognito-idp",
        endpoint_url=stack["aws_endpoint_url"],
        region_name=stack["region"],
        config=Config(
            signature_version=UNSIGNED,
            connect_timeout=_SIGN_IN_SECONDS,
            read_timeout=_SIGN_IN_SECONDS,
            retries={"total_max_attempts": 1},
        ),
    )
    answer = cognito.initiate_auth(ClientId=stack["client_id"], AuthFlow=flow, AuthParameters=dict(parameters))
    tokens: dict[str, str] = answer["AuthenticationResult"]
    return tokens


def new_session_id() -> str:
    """Make a session id: long and random, so that nobody can guess another's. 52 characters."""
    return f"session-{secrets.token_hex(22)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one question."""

    status: int
    events: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None  # of the HTTP body, or of the last event

    @property
    def text(self) -> str:
        """The answer's text."""
        return "".join(event["text"] for event in self.events if event["type"] == "text")

    @property
    def tools(self) -> list[str]:
        """The tools that were used, in order."""
        return [event["name"] for event in self.events if event["type"] == "tool" and event["status"] == "started"]

    @property
    def agent_version(self) -> str | None:
        """The version of the agent that answered; None if the answer did not end well."""
        return next((event.get("agent_version") for event in self.events if event["type"] == "done"), None)

    @property
    def code(self) -> str | None:
        """The error code, None if all went well."""
        return self.error["code"] if self.error else None


class Session:
    """A conversation of one user.

    Args:
        stack: Content of stack.json.
        access_token: The user's; None to send none.
        session_id: Of a session to go on with; None begins a new one.
        endpoint: That session's. None chooses one, which is right for a new session only: whoever goes on with one
            that began at the candidate has to say so, whatever share the candidate has by now.
    """

    def __init__(
        self, stack: Stack, access_token: str | None, *, session_id: str | None = None, endpoint: str | None = None
    ) -> None:
        self.access_token = access_token
        self.session_id = session_id or new_session_id()
        self.endpoint = endpoint or endpoint_of(stack, self.session_id)
        self.url: str = stack["runtime_url"] if self.endpoint == LIVE else stack["runtime_urls"][self.endpoint]

    def headers(self) -> dict[str, str]:
        """Return the headers of an invocation."""
        bearer = {"Authorization": f"Bearer {self.access_token}"} if self.access_token is not None else {}
        return {"Content-Type": "application/json", SESSION_HEADER: self.session_id, **bearer}

    def stream(self, prompt: str) -> Iterator[dict[str, Any]]:
        """Ask, and yield the events as they come; a refusal comes as one `error` event."""
        body = json.dumps({"prompt": prompt})
        with httpx.stream("POST", self.url, content=body, headers=self.headers(), timeout=ANSWER_SECONDS) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                yield {"type": "error", "status": response.status_code, **_error_of(response)}
                return
            for line in response.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def ask(self, prompt: str) -> Answer:
        """Ask, and wait for the whole answer."""
        return self.send(json.dumps({"prompt": prompt}).encode())

    def send(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send any body, and wait for the whole answer."""
        given = self.headers() if headers is None else headers
        return answer_of(httpx.post(self.url, content=body, headers=given, timeout=ANSWER_SECONDS))


def answer_of(response: httpx.Response) -> Answer:
    """Read a whole response of the runtime.

    Raises:
        ValueError, KeyError, TypeError: If it is a stream of something else than events.
    """
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        return Answer(status=response.status_code, error=_error_of(response))
    lines = [line for line in response.text.splitlines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    failed = events[-1] if events and events[-1]["type"] == "error" else None
    return Answer(status=response.status_code, events=events, error=failed)


def _error_of(response: httpx.Response) -> dict[str, Any]:
    try:
        error = response.json()["error"]
        return error if isinstance(error, dict) else {"code": "unknown", "message": str(error)}
    except (ValueError, KeyError, TypeError):
        return {"code": "unknown", "message": response.text[:200]}
