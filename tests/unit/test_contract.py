"""An agent and a platform of different contracts: nothing starts, and the message says what to do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clinic_agent.contract import CONTRACT_VERSION, WrongContract, check_contract
from clinic_agent.settings import Settings
from clinic_agent.version import agent_version

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = {
    "TOKEN_ISSUER": "https://issuer.example",
    "TOKEN_JWKS_URL": "https://issuer.example/jwks.json",
    "TOKEN_CLIENT_ID": "client",
    "BROKER_FUNCTION": "arn:aws:lambda:eu-west-1:111122223333:function:broker",
    "GATEWAY_URL": "https://gateway.example/mcp",
    "PLATFORM_NAME": "clinic-test",
    "AWS_REGION": "eu-west-1",
}


def test_the_agent_and_terraform_name_one_contract() -> None:
    text = (ROOT / "terraform" / "modules" / "contract" / "main.tf").read_text()
    assert re.findall(r"^ *version *= *(.*)$", text, re.MULTILINE) == [str(CONTRACT_VERSION)]


def test_the_platforms_own_contract_passes() -> None:
    check_contract({"PLATFORM_CONTRACT": str(CONTRACT_VERSION)})


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {},
            "PLATFORM_CONTRACT: not set, and this agent needs contract 1. Apply the platform's newer version first, "
            "which sets it; or publish an agent from before contract 1.",
        ),
        (
            {"PLATFORM_CONTRACT": "0"},
            "PLATFORM_CONTRACT: the platform offers contract 0, this agent needs contract 1. Apply the platform's "
            "newer version first; or publish an agent of contract 0.",
        ),
        (
            {"PLATFORM_CONTRACT": "2"},
            "PLATFORM_CONTRACT: the platform offers contract 2, this agent needs contract 1. Publish an agent of "
            "contract 2; or go back to a platform of contract 1.",
        ),
        (
            {"PLATFORM_CONTRACT": "1.0"},
            "PLATFORM_CONTRACT: '1.0' is no number, and this agent needs contract 1. Terraform sets it; apply the "
            "platform again.",
        ),
    ],
    ids=["missing", "older", "newer", "no number"],
)
def test_another_contract_is_refused_with_both_numbers_and_what_to_do(
    environment: dict[str, str], message: str
) -> None:
    with pytest.raises(WrongContract) as caught:
        check_contract(environment)
    assert str(caught.value) == message
    with pytest.raises(WrongContract):
        Settings.from_environment({**RUNTIME, **environment})


def python(program: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-west-1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("handler", ["broker", "claims", "interceptor", "tools"])
def test_a_function_does_not_even_start_on_a_platform_of_another_contract(handler: str) -> None:
    program = f"import clinic_agent.lambdas.{handler}"
    refused = python(program, {"PLATFORM_CONTRACT": "2"})
    assert refused.returncode != 0
    assert "PLATFORM_CONTRACT: the platform offers contract 2, this agent needs contract 1." in refused.stderr
    assert python(program, {"PLATFORM_CONTRACT": "1"}).returncode == 0


def test_the_runtime_app_ends_with_the_reason_before_it_listens() -> None:
    refused = python("from clinic_agent.app import main; main()", {**RUNTIME, "PORT": "1"})
    assert refused.returncode == 1
    assert refused.stderr.strip().splitlines()[-1] == (
        "clinic-agent: PLATFORM_CONTRACT: not set, and this agent needs contract 1. Apply the platform's newer version "
        "first, which sets it; or publish an agent from before contract 1."
    )


def test_the_version_is_read_once_and_not_at_import() -> None:
    program = (
        "import importlib.metadata as m; real = m.version; calls = []\n"
        "m.version = lambda name: (calls.append(name), real(name))[1]\n"
        "import clinic_agent.agent, clinic_agent.app, clinic_agent.version as v\n"
        "mine = [n for n in calls if n == 'clinic-agent']\n"
        "v.agent_version(); v.agent_version()\n"
        "print(len(mine), len([n for n in calls if n == 'clinic-agent']), v.agent_version())"
    )
    done = python(program, {})
    assert done.stdout.split() == ["0", "1", agent_version()], done.stderr
