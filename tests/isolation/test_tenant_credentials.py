"""The scoped credentials of one clinic, used with boto3 from outside."""

import itertools
from dataclasses import replace

import pytest

from scripts.tours.isolation import (
    ALLOWED,
    DENIED,
    clients_of,
    execution_role_attacks,
    own_access,
    tenant_attacks,
    wholesale_attacks,
)
from scripts.tours.tenant_credentials import execution_role, of_tenant
from tests.conftest import Platform

ATTACKERS = ["clinic-a", "clinic-ab", "hospital-a"]
VICTIMS = ["clinic-ab", "clinic-b", "hospital-b", "hospital-a", "clinic-a"]


@pytest.mark.parametrize("clinic_id", ["clinic-a", "clinic-ab", "hospital-a"])
def test_a_tenants_credentials_are_good_for_its_own_things(platform: Platform, clinic_id: str) -> None:
    clients = clients_of(platform.stack, of_tenant(platform.stack, platform.access_token(clinic_id)))
    outcomes = {a.name: a.run(clients) for a in own_access(platform.stack, platform.owner(clinic_id))}
    assert set(outcomes.values()) == {ALLOWED}, outcomes
    assert len(outcomes) == 15


@pytest.mark.parametrize(("attacker", "victim"), [(a, v) for a, v in itertools.product(ATTACKERS, VICTIMS) if a != v])
def test_no_call_reaches_another_clinics_things(platform: Platform, attacker: str, victim: str) -> None:
    clients = clients_of(platform.stack, of_tenant(platform.stack, platform.access_token(attacker)))
    attacks = list(tenant_attacks(platform.stack, platform.owner(attacker), platform.owner(victim)))
    assert len(attacks) >= 23
    outcomes = {attack.name: attack.run(clients) for attack in attacks}
    assert set(outcomes.values()) == {DENIED}, outcomes


def test_what_another_clinic_has_and_what_nobody_has_are_denied_alike(platform: Platform) -> None:
    """No answer may tell whether another clinic has a document or a patient of that id."""
    stack, victim = platform.stack, platform.owner("clinic-b")
    clients = clients_of(stack, of_tenant(stack, platform.access_token("clinic-a")))
    unknown = replace(victim, document_id="no-such-document", patient_id="P-0000")
    real, made_up = (
        [attack.run(clients) for attack in tenant_attacks(stack, platform.owner("clinic-a"), owner)]
        for owner in (victim, unknown)
    )
    assert real == made_up
    assert set(real) == {DENIED}


def test_no_call_reaches_a_colleagues_memory(platform: Platform) -> None:
    clients = clients_of(platform.stack, of_tenant(platform.stack, platform.access_token("clinic-a", 0)))
    attacks = list(tenant_attacks(platform.stack, platform.owner("clinic-a", 0), platform.owner("clinic-a", 1)))
    assert len(attacks) == 12
    outcomes = {attack.name: attack.run(clients) for attack in attacks}
    assert set(outcomes.values()) == {DENIED}, outcomes


@pytest.mark.parametrize("attacker", ATTACKERS)
def test_no_call_reaches_for_everything(platform: Platform, attacker: str) -> None:
    clients = clients_of(platform.stack, of_tenant(platform.stack, platform.access_token(attacker)))
    outcomes = {a.name: a.run(clients) for a in wholesale_attacks(platform.stack, platform.owner(attacker))}
    assert set(outcomes.values()) == {DENIED}, outcomes
    assert len(outcomes) >= 20


@pytest.mark.parametrize("victim", ["clinic-a", "hospital-a"])
def test_code_in_the_microvm_reaches_no_tenants_things(platform: Platform, victim: str) -> None:
    clients = clients_of(platform.stack, dict(execution_role(platform.stack)))
    outcomes = {a.name: a.run(clients) for a in execution_role_attacks(platform.stack, platform.owner(victim))}
    assert set(outcomes.values()) == {DENIED}, outcomes
    assert len(outcomes) >= 32


def test_the_broker_serves_no_token_that_is_not_the_users_access_token(platform: Platform) -> None:
    user = platform.users("clinic-a")[0]
    for token in ("", "garbage", platform.tokens(user)["IdToken"]):
        with pytest.raises(PermissionError, match="invalid_token"):
            of_tenant(platform.stack, token)
