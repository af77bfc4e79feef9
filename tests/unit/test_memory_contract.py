"""The strings that fence memory are the same in the agent, in the memories' strategies and in the tenant role."""

import re
from pathlib import Path

from clinic_agent import keys
from scripts.bundle import ROOT
from tests.unit.support import USER_A

MODULES = ROOT / "terraform" / "modules"
CLINIC = "clinic-a"


def terraform(path: Path) -> str:
    """Read a source without its comments."""
    return re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE)


def template(strategy: str) -> str:
    """Return the namespace template of a strategy, as the memory module has it."""
    found = re.findall(
        rf'{strategy}\s*=\s*{{\s*type\s*=\s*"[A-Z_]+",\s*namespace_template\s*=\s*"([^"]+)"',
        terraform(MODULES / "memory" / "variables.tf"),
    )
    assert len(found) == 1
    return str(found[0])


def condition(key: str) -> str:
    """Return what the tenant role compares a condition key with, the session's tags filled in."""
    role = terraform(MODULES / "tenant_access" / "tenant_role.tf")
    found = re.findall(rf'"bedrock-agentcore:{re.escape(key)}"\s*=\s*"([^"]+)"', role)
    assert len(found) == 1
    tags = dict(re.findall(r'(_clinic|_user)\s*=\s*"(\$\${aws:PrincipalTag/\w+})"', role))
    assert tags == {"_clinic": "$${aws:PrincipalTag/ClinicId}", "_user": "$${aws:PrincipalTag/UserId}"}
    return str(found[0]).replace("${local._clinic}", CLINIC).replace("${local._user}", USER_A)


def test_the_agent_asks_for_the_namespace_that_the_strategy_writes_to() -> None:
    actor = keys.actor_id(CLINIC, USER_A)
    assert keys.preferences_namespace(CLINIC, USER_A) == template("preferences").replace("{actorId}", actor)


def test_the_role_compares_the_actor_that_the_agent_asks_for() -> None:
    assert condition("actorId") == keys.actor_id(CLINIC, USER_A)


def test_the_role_lets_the_agent_into_its_own_namespaces() -> None:
    role = terraform(MODULES / "tenant_access" / "tenant_role.tf")
    assert 'for key in ["namespace", "namespacePath"]' in role
    assert condition("${key}") == f"{keys.memory_path(CLINIC, USER_A)}*"
    assert keys.preferences_namespace(CLINIC, USER_A).startswith(keys.memory_path(CLINIC, USER_A))
