"""Weakens the tenant role that Terraform rendered, one condition at a time, and attacks it: each must be noticed."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.isolation import DENIED, Attack, clients_of, tenant_attacks, wholesale_attacks
from scripts.tenant_credentials import of_tenant
from tests.conftest import Platform

Documents = dict[str, dict[str, Any]]  # by policy name or ARN


class TenantRole:
    """The role's policies, as they are in force."""

    def __init__(self, platform: Platform) -> None:
        self.iam = platform.root("iam")
        self.name = platform.stack["roles"]["tenant"].rsplit("/", 1)[-1]
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


# Conditions without which nothing changes, because a second lock stands behind: the DenyWithout… statements repeat
# the tags, GetItem and Query never come without a leading key (Scan and PartiQL are not granted), and a key decrypts
# nothing by itself. tests/terraform compares the rendered text of each.
REPEATED = ("Null aws:PrincipalTag/", "Null dynamodb:LeadingKeys", "kms:ViaService")


@pytest.fixture
def role(platform: Platform) -> Iterator[TenantRole]:
    role = TenantRole(platform)
    yield role
    for name, document in role.before.items():
        role.write(name, document)
    assert role.read() == role.before


def test_every_dropped_condition_lets_an_attack_through(platform: Platform, role: TenantRole) -> None:
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

    def successes() -> list[str]:
        return [attack.name for clinic, attack in attacks if attack.run(clients[clinic]) != DENIED]

    assert successes() == []
    survivors, caught = [], 0
    for name, document in role.before.items():
        for mutation, mutant in without_conditions(document):
            if any(repeated in mutation for repeated in REPEATED):
                continue
            role.write(name, mutant)
            if successes():
                caught += 1
            else:
                survivors.append(mutation)
        role.write(name, document)
    assert survivors == []
    assert caught >= 12
