"""Programs for operators find what they need in what an environment's apply gives."""

import json
import re
from pathlib import Path

import pytest

from scripts import onboard as onboarding
from scripts.smoke import target
from scripts.tenants.settings import read_settings
from scripts.terraform.environments import environments

ROOT = Path(__file__).parents[2]
ACCOUNT = "arn:aws:bedrock-agentcore:eu-west-1:111122223333"
VALUES = {
    "region": "eu-west-1",
    "user_pool_id": "eu-west-1_pool",
    "client_id": "client1",
    "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool",
    "runtime_url": "https://bedrock-agentcore.eu-west-1.amazonaws.com/runtimes/x/invocations?qualifier=live",
    "gateway_url": "https://x.gateway.bedrock-agentcore.eu-west-1.amazonaws.com/mcp",
    "tables": {"registry": "clinic-dev-euw1-registry", "patients": "clinic-dev-euw1-patients"},
    "buckets": {"documents": "clinic-dev-euw1-documents"},
    "memories": {"basic": {"id": "m-1", "arn": f"{ACCOUNT}:memory/m-1"}},
}


@pytest.mark.parametrize("name", environments())
def test_an_environment_has_the_outputs_that_programs_read(name: str) -> None:
    text = (ROOT / "terraform/envs" / name / "outputs.tf").read_text()
    assert {*VALUES, "production"} <= set(re.findall(r'^output "(\w+)"', text, re.MULTILINE))


def test_programs_read_the_outputs_of_an_environment(tmp_path: Path) -> None:
    file = tmp_path / "dev.outputs.json"
    outputs = {name: {"value": value, "sensitive": False, "type": "string"} for name, value in VALUES.items()}
    for content in (outputs, VALUES):
        file.write_text(json.dumps(content))
        settings = read_settings(file)
        assert (settings.on_laptop, settings.region, settings.tiers) == (False, "eu-west-1", frozenset({"basic"}))
        found = target(content, endpoint="candidate", source="x")
        assert found["runtime_url"].endswith("?qualifier=candidate")


@pytest.mark.parametrize(("env", "told"), [("nowhere", "must be one of dev, prod, staging"), ("", "got nothing")])
def test_onboarding_in_an_unknown_environment_is_refused(
    env: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert onboarding.main(["--env", env, "--clinic-id", "clinic-x", "--name", "X", "--tier", "basic"]) == 1
    assert told in capsys.readouterr().err


def test_onboarding_before_the_first_apply_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from scripts.terraform.environments import environment_named

    monkeypatch.setattr(onboarding, "environment_named", lambda name: environment_named(name, local=tmp_path))
    assert onboarding.main(["--env", "dev", "--clinic-id", "clinic-x", "--name", "X", "--tier", "basic"]) == 1
    assert "dev.outputs.json: missing; `make apply ENV=dev` writes it" in capsys.readouterr().err
