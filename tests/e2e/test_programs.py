"""The programs that people run against a platform: the guided tour and the chat."""

import subprocess
import sys
from pathlib import Path

from scripts.tours.assistant import Tour
from tests.conftest import Platform

ROOT = Path(__file__).parents[2]


def test_every_attempt_of_the_guided_tour_ends_as_it_must(platform: Platform) -> None:
    tour = Tour(platform.stack, state_dir=platform.state_dir)
    conversations = list(tour.conversations())
    assert {c.tier for c in conversations} == {"basic", "premium"}
    assert all(c.answer.status == 200 and c.answer.text for c in conversations)
    attempts = list(tour.attempts())
    assert [(a.what, a.got) for a in attempts if not a.ok] == []
    assert len(attempts) >= 30
    assert {event["clinic_id"] for event in tour.usage()} >= {"clinic-a", "hospital-a"}


def chat(platform: Platform, typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.chat", "--stack", str(platform.state_dir / "stack.json"), *arguments]
    return subprocess.run(command, cwd=ROOT, input=typed, capture_output=True, text=True, timeout=60, check=False)


def test_chat_answers_as_the_chosen_user(platform: Platform) -> None:
    user = platform.users("hospital-a")[0]["username"]
    canary = platform.canaries["clinics"]["hospital-a"]
    done = chat(platform, f"{canary['question']}\n/new\nWhat did I ask before?\n/quit\n", "--user", user)
    assert done.returncode == 0, done.stderr
    assert canary["answer_contains"] in done.stdout
    assert canary["question"] not in done.stdout.partition(canary["answer_contains"])[2]


def test_chat_says_who_can_be_chosen(platform: Platform) -> None:
    done = chat(platform, "", "--user", "nobody@clinic-a.example")
    assert done.returncode == 2
    assert platform.users("clinic-a")[0]["username"] in done.stdout.replace("\n", "")


def test_chat_without_a_platform_says_how_to_start_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.chat", "--stack", str(tmp_path / "stack.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "make up" in done.stdout
