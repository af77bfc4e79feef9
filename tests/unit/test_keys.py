import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clinic_agent import keys

USER = "11111111-2222-4333-8444-555555555555"
# Few letters, one of them the hyphen: joins that collide must be likely, or the property proves nothing.
clinics = st.text(alphabet="ab-", min_size=2, max_size=4).filter(keys.CLINIC_ID_PATTERN.fullmatch)
users = st.sampled_from([USER, USER.replace("1", "a"), USER.replace("5", "b")])


@given(one=st.tuples(clinics, users), other=st.tuples(clinics, users))
def test_joined_keys_of_two_owners_never_nest(one: tuple[str, str], other: tuple[str, str]) -> None:
    assume(one != other)
    assert keys.actor_id(*one) != keys.actor_id(*other)
    assert not keys.memory_path(*one).startswith(keys.memory_path(*other))
    if one[0] != other[0]:
        assert not keys.documents_prefix(one[0]).startswith(keys.documents_prefix(other[0]))
        assert keys.tenant_key(one[0]) != keys.tenant_key(other[0])


@given(st.text(max_size=40))
def test_no_text_outside_the_grammar_becomes_a_key(text: str) -> None:
    if all("a" <= char <= "z" or "0" <= char <= "9" or char == "-" for char in text):
        return
    with pytest.raises(keys.InvalidKey):
        keys.documents_prefix(text)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a",
        "-a",
        "a-",
        "Clinic-a",
        "clinic_a",
        "clinic a",
        "clinic/a",
        "clinic-a/",
        "../clinic-b",
        "clinic-%61",
        "clinic-\u0430",  # Cyrillic a
        "clinic-a\n",
        "clinic-a\x00",
        "*",
        "clinic-?",
        "${aws:PrincipalTag/ClinicId}",
        "a" * 33,
        "a" * 10_000,
        None,
        7,
        ["clinic-a"],
    ],
)
def test_bad_clinic_ids_are_refused(value: object) -> None:
    with pytest.raises(keys.InvalidKey):
        keys.check_clinic_id(value)


@pytest.mark.parametrize("value", ["b", "Basic", "basic-1", "1basic", "a" * 17, "basic\n", "", None])
def test_bad_tiers_are_refused(value: object) -> None:
    with pytest.raises(keys.InvalidKey):
        keys.check_tier(value)


@pytest.mark.parametrize("value", [USER.upper().replace("1", "A"), USER[:-1], f"{USER}\n", "dr.smith@clinic-a.example"])
def test_only_lower_case_uuids_are_users(value: object) -> None:
    with pytest.raises(keys.InvalidKey):
        keys.check_user_id(value)


def test_the_message_names_field_value_and_rule_and_shortens_the_value() -> None:
    with pytest.raises(keys.InvalidKey) as caught:
        keys.check_clinic_id("A" * 500)
    shown = "A" * 61 + "..."
    rule = "a clinic id: 2-32 lower-case letters, digits and hyphens, no hyphen first or last"
    assert str(caught.value) == f"clinic_id: '{shown}' is not {rule}"


@pytest.mark.parametrize(("length", "accepted"), [(32, False), (33, True), (100, True), (101, False)])
def test_session_ids_fit_runtime_and_memory(length: int, accepted: bool) -> None:
    if accepted:
        assert keys.check_session_id("s" * length)
    else:
        with pytest.raises(keys.InvalidKey):
            keys.check_session_id("s" * length)
