"""The smoke test on a running platform: as the laptop's own, and as an environment of which only outputs are known."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.clients.runtime import sign_in
from tests.conftest import Platform

ROOT = Path(__file__).parents[2]
# Each test starts sessions of several users: a process each, and on a busy machine seconds each.
pytestmark = pytest.mark.timeout(360)


def smoke(*arguments: str, users: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "SMOKE_USERS"}
    if users is not None:
        env["SMOKE_USERS"] = str(users)
    command = [sys.executable, "-m", "scripts.smoke", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=330, check=False)


def outputs_of(platform: Platform, **changes: Any) -> dict[str, Any]:
    """What Terraform would print of an environment that is this platform."""
    kept = {
        name: platform.stack[name]
        for name in ("region", "client_id", "issuer", "runtime_url", "gateway_url", "aws_endpoint_url")
    }
    return {name: {"value": value, "sensitive": False} for name, value in {**kept, **changes}.items()}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


def person(platform: Platform, clinic_id: str, number: int = 0, *, tokens: bool) -> dict[str, str]:
    user = platform.users(clinic_id)[number]
    found = {name: user[name] for name in ("username", "clinic_id", "tier")}
    if not tokens:
        return {**found, "password": user["password"]}
    signed_in = sign_in(platform.stack, user["username"], user["password"])
    return {**found, "access_token": signed_in["AccessToken"], "id_token": signed_in["IdToken"]}


def refreshed(platform: Platform, clinic_id: str) -> dict[str, str]:
    user = platform.users(clinic_id)[0]
    found = {name: user[name] for name in ("username", "clinic_id", "tier")}
    return {**found, "refresh_token": sign_in(platform.stack, user["username"], user["password"])["RefreshToken"]}


def foreign_token(platform: Platform) -> str:
    """A genuine token of the same pool and the same user, through another app client."""
    cognito, user = platform.root("cognito-idp"), platform.users("clinic-a")[0]
    made = cognito.create_user_pool_client(
        UserPoolId=platform.stack["user_pool_id"],
        ClientName="not-the-platform's",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )
    client_id = made["UserPoolClient"]["ClientId"]
    try:
        return sign_in({**platform.stack, "client_id": client_id}, user["username"], user["password"])["AccessToken"]
    finally:
        cognito.delete_user_pool_client(UserPoolId=platform.stack["user_pool_id"], ClientId=client_id)


def test_the_running_laptop_passes(platform: Platform) -> None:
    done = smoke("--env", "local", "--state", str(platform.state_dir))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 unexpected" in done.stdout
    assert "calls AccessDenied" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_environment_passes_with_users_from_a_file(platform: Platform, tmp_path: Path) -> None:
    outputs = write(tmp_path / "outputs.json", outputs_of(platform))
    users = [
        person(platform, "clinic-a", tokens=True),
        person(platform, "clinic-a", 1, tokens=False),
        refreshed(platform, "clinic-b"),
        person(platform, "hospital-a", tokens=False),
    ]
    foreign = foreign_token(platform)
    file = write(tmp_path / "users.json", {"users": users, "refused_tokens": {"foreign": foreign}})
    done = smoke("--env", "dev", "--outputs", str(outputs), users=file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 unexpected" in done.stdout
    # The execution role cannot be had from outside, so nothing is claimed of it.
    assert "not run here: a tenant's credentials reach no other tenant's things" in done.stdout
    assert "by boto3" not in done.stdout
    assert "uses a token of another pool or client, at the runtime" in done.stdout
    for secret in [
        foreign,
        *(user[name] for user in users for name in ("access_token", "refresh_token", "password") if name in user),
    ]:
        assert secret not in done.stdout + done.stderr


def test_what_the_platform_does_not_say_is_unexpected(platform: Platform, tmp_path: Path) -> None:
    outputs = write(tmp_path / "outputs.json", outputs_of(platform))
    users = [person(platform, clinic, tokens=False) for clinic in ("clinic-a", "clinic-b", "hospital-a")]
    wrong = {
        "question": "When do we open?",
        "answer_contains": "ZEBRA-0000",
        "patient_id": "P-9998",
        "patient_contains": "?!",
    }
    file = write(tmp_path / "users.json", {"users": users, "expectations": {"clinic-b": wrong}})
    done = smoke("--env", "dev", "--outputs", str(outputs), users=file)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("UNEXPECTED")]
    assert [line.partition(": ")[2] for line in lines] == [
        "asks for an own document: wrong answer an answer without what the own document says",
        "reads an own patient: refused 200 not_found",
    ]


def test_an_endpoint_that_serves_another_version_than_released_is_unexpected(
    platform: Platform, tmp_path: Path
) -> None:
    release = json.loads((ROOT / "terraform/envs/release.sample.tfvars.json").read_text())
    release["release"].update(runtime_versions={"1": "99.0.0"}, endpoints={"live": "1", "candidate": "1"}, previous={})
    write(tmp_path / "release.auto.tfvars.json", release)
    outputs = write(tmp_path / "outputs.json", outputs_of(platform))
    users = [person(platform, clinic, tokens=False) for clinic in ("clinic-a", "clinic-b", "hospital-a")]
    done = smoke("--env", "dev", "--outputs", str(outputs), users=write(tmp_path / "users.json", {"users": users}))
    assert done.returncode == 1, done.stdout + done.stderr
    version = platform.session("clinic-a").ask("hello").agent_version or "none"
    assert f"expected 99.0.0, got {version}" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("password", "told"), [("wrong", "users[0]: sign-in was refused (NotAuthorizedException)"), (None, "SMOKE_USERS")]
)
def test_it_does_not_begin_without_users_who_can_sign_in(
    platform: Platform, tmp_path: Path, password: str | None, told: str
) -> None:
    outputs = write(tmp_path / "outputs.json", outputs_of(platform))
    users = [person(platform, clinic, tokens=False) for clinic in ("clinic-a", "clinic-b", "hospital-a")]
    file = write(tmp_path / "users.json", {"users": [{**users[0], "password": password}, *users[1:]]})
    done = smoke("--env", "dev", "--outputs", str(outputs), users=file if password else None)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
