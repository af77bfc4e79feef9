"""The tour must not be content with a platform that answers nothing."""

from pathlib import Path
from typing import Any

import pytest

from scripts.clients.runtime import Answer, Session
from scripts.tours import assistant as tour
from scripts.tours.assistant import Tour, load_canaries


@pytest.mark.parametrize("dead", [Answer(status=503, error={"code": "down"}), Answer(status=200, events=[])], ids=str)
def test_a_dead_platform_passes_no_attempt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dead: Answer) -> None:
    clinics, _ = load_canaries()
    users = [
        {"username": f"user{number}@{clinic}", "password": "x", "clinic_id": clinic, "tier": "basic"}
        for clinic in clinics
        for number in range(2)
    ]
    stack: dict[str, Any] = {"runtime_url": "http://127.0.0.1:9", "users": users, "suspended_users": []}
    monkeypatch.setattr(tour, "sign_in", lambda *_: {"AccessToken": "a.b.c", "IdToken": "d.e.f"})
    monkeypatch.setattr(Session, "send", lambda *_: dead)
    walk = Tour(stack, state_dir=tmp_path)
    attempts = [*walk._own_answers(), *walk._other_clinics_things()]
    assert len(attempts) >= 10
    assert [attempt.what for attempt in attempts if attempt.ok] == []
