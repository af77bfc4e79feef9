"""The running platform for the tests that need one: started once a test session, in a folder of its own."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.clients.runtime import Session, load_stack, sign_in
from scripts.tours.assistant import load_canaries, load_models
from scripts.tours.isolation import Owner, user_id_of
from scripts.tours.tenant_credentials import client

KEPT_SECONDS = 180


@dataclass(repr=False)  # it holds tokens, and pytest prints what a failing test had at hand
class Platform:
    """A running platform, and what tests do with it."""

    stack: dict[str, Any]
    state_dir: Path
    canaries: dict[str, Any]
    _tokens: dict[str, tuple[float, dict[str, str]]] = field(default_factory=dict)

    def users(self, clinic_id: str) -> list[dict[str, Any]]:
        return [
            user for key in ("users", "suspended_users") for user in self.stack[key] if user["clinic_id"] == clinic_id
        ]

    def tokens(self, user: dict[str, Any]) -> dict[str, str]:
        """Sign in and keep the tokens for some minutes, less than they live."""
        signed_in_at, tokens = self._tokens.get(user["username"], (0.0, {}))
        if not tokens or time.monotonic() - signed_in_at > KEPT_SECONDS:
            tokens = sign_in(self.stack, user["username"], user["password"])
            self._tokens[user["username"]] = time.monotonic(), tokens
        return tokens

    def access_token(self, clinic_id: str, number: int = 0) -> str:
        return self.tokens(self.users(clinic_id)[number])["AccessToken"]

    def session(self, clinic_id: str, number: int = 0) -> Session:
        return Session(self.stack, self.access_token(clinic_id, number))

    def owner(self, clinic_id: str, number: int = 0) -> Owner:
        user = self.users(clinic_id)[number]
        canary = self.canaries["clinics"][clinic_id]
        return Owner(
            clinic_id=clinic_id,
            tier=user["tier"],
            user_id=user_id_of(self.tokens(user)["AccessToken"]),
            document_id=canary["document_id"],
            patient_id=canary["patient_id"],
            model_id=load_models()[user["tier"]],
        )

    def root(self, service: str) -> Any:
        return client(self.stack, service)

    @property
    def secret(self) -> dict[str, str]:
        return {"X-Local-Secret": (self.state_dir / "secret").read_text().strip()}

    def fail(self, faults: dict[str, Any]) -> None:
        """Make services of the emulator fail; {} ends it."""
        url = f"{self.stack['aws_endpoint_url']}/_local/faults"
        httpx.put(url, json=faults, headers=self.secret, timeout=5).raise_for_status()

    def model(self, mode: str, **more: Any) -> None:
        """Make the offline model behave: normal, slow, throttled, down, break."""
        url = f"{self.stack['model_url']}/control"
        httpx.post(url, json={"mode": mode, **more}, headers=self.secret, timeout=5).raise_for_status()

    def log(self, part: str = "runtime") -> str:
        return (self.state_dir / "logs" / f"{part}.log").read_text()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what stays together if several processes run: what needs the running platform, and what is in one file."""
    for item in items:
        shared = "platform" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("platform" if shared else str(item.path)))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    clinics, injections = load_canaries()
    canaries = {"clinics": clinics, "injections": injections}
    # Tests against a platform that `make up` started: quick while writing.
    running = os.environ.get("PLATFORM_STATE_DIR")
    if running:
        yield Platform(stack=dict(load_stack(Path(running) / "stack.json")), state_dir=Path(running), canaries=canaries)
        return
    from scripts.up import running_stack

    state_dir = tmp_path_factory.mktemp("platform")
    with running_stack(state_dir, progress=print) as stack:
        yield Platform(stack=dict(stack), state_dir=state_dir, canaries=canaries)


@pytest.fixture
def faults(platform: Platform) -> Iterator[Callable[[dict[str, Any]], None]]:
    yield platform.fail
    platform.fail({})


@pytest.fixture
def model(platform: Platform) -> Iterator[Callable[..., None]]:
    yield platform.model
    platform.model("normal")
