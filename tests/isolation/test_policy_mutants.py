"""Weakens what Terraform rendered, one condition, resource or Deny at a time, and attacks it: each must be noticed."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.tours.isolation import ALLOWED, DENIED, Attack, clients_of, role_attacks, tenant_attacks, wholesale_attacks
from scripts.tours.tenant_credentials import execution_role, of_tenant, outcome
from tests.conftest import Platform

Documents = dict[str, dict[str, Any]]  # by policy name or ARN


class RenderedRole:
    """A role's policies, as they are in force."""

    def __init__(self, platform: Platform, which: str = "tenant") -> None:
        self.iam = platform.root("iam")
        self.name = platform.stack["roles"][which].rsplit("/", 1)[-1]
        self.before = self.read()

    def read(self) -> Documents:
        found: Documents = {}
        for name in self.iam.list_role_policies(RoleName=self.name)["PolicyNames"]:
            found[name] = _document(self.iam.get_role_policy(RoleName=self.name, PolicyName=name)["PolicyDocument"])
        for attached in self.iam.list_attached_role_policies(RoleName=self.name)["AttachedPolicies"]:
            arn = attached["PolicyArn"]
            version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            answer = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)
            found[arn] = _document(answer["PolicyVersion"]["Document"])
        return found

    def write(self, name: str, document: dict[str, Any]) -> None:
        text = json.dumps(document)
        if not name.startswith("arn:"):
            self.iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=text)
            return
        for version in self.iam.list_policy_versions(PolicyArn=name)["Versions"]:
            if not version["IsDefaultVersion"]:
                self.iam.delete_policy_version(PolicyArn=name, VersionId=version["VersionId"])
        self.iam.create_policy_version(PolicyArn=name, PolicyDocument=text, SetAsDefault=True)


def _document(value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return document


def without_conditions(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the document once for each condition key of an Allow, without that condition."""
    for number, statement in enumerate(document["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys:
                mutant = copy.deepcopy(document)
                del mutant["Statement"][number]["Condition"][operator][key]
                if not mutant["Statement"][number]["Condition"][operator]:
                    del mutant["Statement"][number]["Condition"][operator]
                yield f"{statement['Sid']}: {operator} {key}", mutant


def with_wider_resources(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the document once for each resource with a policy variable: without its last slash, and for all clinics."""
    for number, statement in enumerate(document["Statement"]):
        resource = statement["Resource"]
        if statement["Effect"] != "Allow" or not isinstance(resource, str) or "${" not in resource:
            continue
        for wider in (resource.replace("}/*", "}*"), resource[: resource.index("${")] + "*"):
            mutant = copy.deepcopy(document)
            mutant["Statement"][number]["Resource"] = wider
            yield f"{statement['Sid']}: resource {wider}", mutant


def without_the_tier_of_model_and_guardrail(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the document once for each tier whose model another tier could call, if it may apply its guardrail too."""
    statements = {statement["Sid"]: number for number, statement in enumerate(document["Statement"])}
    for sid in statements:
        if not sid.startswith("Model"):
            continue
        mutant = copy.deepcopy(document)
        for number in (statements[sid], statements[sid.replace("Model", "Guardrail", 1)]):
            del mutant["Statement"][number]["Condition"]["StringEquals"]["aws:PrincipalTag/Tier"]
        yield f"{sid} and its guardrail: StringEquals aws:PrincipalTag/Tier", mutant


# Conditions without which nothing changes, because a second lock stands behind: the DenyWithout… statements repeat
# the tags, GetItem and Query never come without a leading key (Scan and PartiQL are not granted), and a key decrypts
# nothing by itself. A model call names its tier's guardrail, which no other tier may apply: those two are weakened
# together. tests/terraform compares the rendered text of each.
REPEATED = (
    r".*Null aws:PrincipalTag/.*",
    r".*Null dynamodb:LeadingKeys",
    r".*kms:ViaService",
    r"Model[A-Z][a-z0-9]+: StringEquals aws:PrincipalTag/Tier",
)


@pytest.fixture
def role(platform: Platform) -> Iterator[RenderedRole]:
    role = RenderedRole(platform)
    yield role
    for name, document in role.before.items():
        role.write(name, document)
    assert role.read() == role.before


def test_every_weakened_statement_lets_an_attack_through(platform: Platform, role: RenderedRole) -> None:
    stack = platform.stack
    attackers = {clinic: platform.owner(clinic) for clinic in ("clinic-a", "hospital-a")}
    attacks: list[tuple[str, Attack]] = [
        (attacker, attack)
        for attacker, owner in attackers.items()
        for attack in [
            *tenant_attacks(stack, owner, platform.owner("clinic-ab" if attacker == "clinic-a" else "clinic-b")),
            *tenant_attacks(stack, owner, platform.owner("hospital-b")),
            *tenant_attacks(stack, owner, platform.owner(attacker, 1)),
            *wholesale_attacks(stack, owner),
        ]
    ]
    clients = {clinic: clients_of(stack, of_tenant(stack, platform.access_token(clinic))) for clinic in attackers}

    def outcomes() -> dict[str, str]:
        return {f"{clinic}: {attack.name}": attack.run(clients[clinic]) for clinic, attack in attacks}

    def successes() -> list[str]:
        # Only what really happened counts: a request that is let through and then found wrong would prove little.
        return [name for name, outcome in outcomes().items() if outcome == ALLOWED]

    assert set(outcomes().values()) == {DENIED}
    survivors: list[str] = []
    caught: list[str] = []
    for name, document in role.before.items():
        for mutation, mutant in [
            *without_conditions(document),
            *without_the_tier_of_model_and_guardrail(document),
            *with_wider_resources(document),
        ]:
            if any(re.fullmatch(repeated, mutation) for repeated in REPEATED):
                continue
            role.write(name, mutant)
            (caught if successes() else survivors).append(mutation)
        role.write(name, document)
    assert survivors == []
    assert len(caught) >= 20
    for tier in ("Basic", "Premium"):
        assert f"Model{tier}: StringEquals bedrock:GuardrailIdentifier" in caught
        assert f"Guardrail{tier}: StringEquals aws:PrincipalTag/Tier" in caught
        assert f"Model{tier} and its guardrail: StringEquals aws:PrincipalTag/Tier" in caught


class Trap:
    """A role that somebody made by mistake: it trusts a role of ours by name, and has no other fence."""

    name = "trap"

    def __init__(self, platform: Platform, trusted: str) -> None:
        self.iam = platform.root("iam")
        self.arn = f"arn:aws:iam::{platform.stack['account_id']}:role/{self.name}"
        actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        statement = {"Effect": "Allow", "Action": actions, "Principal": {"AWS": trusted}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=trust)

    def remove(self) -> None:
        self.iam.delete_role(RoleName=self.name)


@pytest.mark.parametrize("who", ["execution", "tenant"])
def test_a_deny_stands_between_the_microvm_and_a_role_that_trusts_it(platform: Platform, who: str) -> None:
    """On AWS a trust policy that names the role is enough, whatever the role itself is allowed."""
    stack = platform.stack
    owner = platform.owner("clinic-a")
    granted = execution_role(stack) if who == "execution" else of_tenant(stack, platform.access_token("clinic-a"))
    clients = clients_of(stack, dict(granted))
    trap = Trap(platform, stack["roles"][who])
    role = RenderedRole(platform, who)
    try:
        attacks = list(role_attacks(trap.arn, "a careless role", owner.user_id))
        assert [attack.run(clients) for attack in attacks] == [DENIED, DENIED]
        for name, document in role.before.items():
            left = [statement for statement in document["Statement"] if statement["Effect"] == "Allow"]
            role.write(name, {**document, "Statement": left})
        assert ALLOWED in [attack.run(clients) for attack in attacks]
    finally:
        for name, document in role.before.items():
            role.write(name, document)
        trap.remove()


BAD_TAGS: list[list[tuple[str, str]]] = [
    [],
    [("Tier", "basic"), ("ClinicId", "clinic-a")],
    [("ClinicId", "clinic-a"), ("UserId", "<user>")],
    [("Tier", "gold"), ("ClinicId", "clinic-a"), ("UserId", "<user>")],
    [("Tier", "basic"), ("ClinicId", ""), ("UserId", "<user>")],
    [("Tier", "basic"), ("ClinicId", "clinic-a"), ("UserId", "anybody")],
    [("Tier", "basic"), ("ClinicId", "clinic-a"), ("UserId", "<user>"), ("Admin", "true")],
    [("Tier", "basic"), ("ClinicId", "clinic-a"), ("ClinicId", "clinic-b"), ("UserId", "<user>")],
    [("Tier", "basic"), ("ClinicId", "clinic-*"), ("UserId", "<user>")],
]


@pytest.mark.parametrize("tags", BAD_TAGS, ids=str)
def test_even_the_broker_makes_no_session_with_other_tags(platform: Platform, tags: list[tuple[str, str]]) -> None:
    stack, user = platform.stack, platform.owner("clinic-a").user_id
    answer = platform.root("sts").assume_role(RoleArn=stack["roles"]["broker"], RoleSessionName="as-the-broker")
    sts = clients_of(stack, answer["Credentials"])("sts")
    given = [{"Key": key, "Value": value.replace("<user>", user)} for key, value in tags]
    wanted = {
        "RoleArn": stack["roles"]["tenant"],
        "RoleSessionName": "clinic-a@attack",
        **({"Tags": given} if given else {}),
    }
    assert outcome(sts.assume_role, **wanted) in (DENIED, "ValidationError", "InvalidParameterValue")
    good = [{"Key": k, "Value": v} for k, v in (("Tier", "basic"), ("ClinicId", "clinic-a"), ("UserId", user))]
    assert outcome(sts.assume_role, **{**wanted, "Tags": good}) == ALLOWED


def test_no_role_of_the_account_trusts_the_microvm_or_a_tenant(platform: Platform) -> None:
    roles = platform.stack["roles"]
    iam = platform.root("iam")
    for role in iam.list_roles()["Roles"]:
        trust = json.dumps(_document(role["AssumeRolePolicyDocument"]))
        assert roles["execution"] not in trust, role["RoleName"]
        assert f'"{roles["tenant"]}"' not in trust, role["RoleName"]
        if role["Arn"] != roles["tenant"]:
            assert roles["broker"] not in trust, role["RoleName"]
