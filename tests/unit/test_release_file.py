"""The release file: what may be in it, and how releases follow each other."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.releases import release_file
from scripts.releases.release_file import CANDIDATE, LIVE, NoReleaseError, Release, ReleaseError
from tests.unit.release_support import document, manifest, release

# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_was_written_and_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "release.auto.tfvars.json"
    release_file.save(release(), path)
    first = path.read_bytes()
    assert release_file.load(path) == release()
    assert json.loads(first) == document()
    release_file.save(release_file.load(path), path)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_that_is_not_there_says_how_it_comes_to_be(tmp_path: Path) -> None:
    with pytest.raises(NoReleaseError, match="nothing was published here; run `make publish-agent`"):
        release_file.load(tmp_path / "missing.json")


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "missing-folder" / "release.json"
    with pytest.raises(ReleaseError, match="cannot be written"):
        release_file.save(release(), path)
    (tmp_path / "file").mkdir()
    with pytest.raises(ReleaseError, match="cannot be written"):
        release_file.save(release(), tmp_path / "file")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent_version": "2"}, "release.agent_version: must be a semantic version such as 0.2.0; got '2'"),
        ({"agent_version": None}, "release.agent_version: must be a semantic version such as 0.2.0; got None"),
        ({"contract_version": "1"}, "release.contract_version: must be a whole number from 1 to 9999; got '1'"),
        ({"contract_version": True}, "release.contract_version: must be a whole number from 1 to 9999; got True"),
        ({"artifacts": None}, "release.artifacts: must be an object; got NoneType"),
        (
            {"candidate_share_percent": 101},
            "release.candidate_share_percent: must be a whole number from 0 to 100; got 101",
        ),
        (
            {"candidate_share_percent": 0.5},
            "release.candidate_share_percent: must be a whole number from 0 to 100; got 0.5",
        ),
        ({"runtime_versions": []}, "release.runtime_versions: must be an object; got list"),
        (
            {"runtime_versions": {"0": "0.1.0"}},
            "release.runtime_versions: '0' is no name that may stand here ([1-9][0-9]{0,4})",
        ),
        (
            {"endpoints": {"live": "1"}},
            "release.endpoints.candidate: is missing; every environment has live and candidate",
        ),
        (
            {"endpoints": {"live": "3", "candidate": "1"}},
            "release.endpoints.live: '3' is no runtime version that was applied here, which are 1, 2",
        ),
        (
            {"runtime_versions": {}, "endpoints": {"live": "2", "candidate": "1"}},
            "release.endpoints.live: '2' is no runtime version that was applied here, which are 1",
        ),
        (
            {"previous": {"live": "9"}},
            "release.previous.live: '9' is no runtime version that was applied here, which are 1, 2",
        ),
        ({"previous": {"beta": "1"}}, "release.previous.beta: is no endpoint, which are live, candidate"),
        ({"endpoints": {"live": 1, "candidate": "1"}}, "release.endpoints.live: must be of the form"),
        ({"candidate_share": 1}, "release.candidate_share: is no field here, which are agent_version, artifacts"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    path.write_text(json.dumps(document(**change)))
    with pytest.raises(ReleaseError) as refusal:
        release_file.load(path)
    assert str(refusal.value).removeprefix(f"{path}: ").startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "file: must be an object; got list"),
        ("{}", "release: must be an object; got NoneType"),
        ('{"release": {}, "other": 1}', "file.other: is no field here, which are release"),
    ],
)
def test_what_is_no_release_file_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(content)
    with pytest.raises(ReleaseError) as refusal:
        release_file.load(tmp_path / "release.json")
    assert message in str(refusal.value)


def test_a_wrong_checksum_is_named() -> None:
    wrong = document()
    wrong["release"]["artifacts"]["lambda"]["sha256"] = "A" * 64
    with pytest.raises(ReleaseError) as refusal:
        release_file.parse(wrong)
    assert str(refusal.value) == f"release.artifacts.lambda.sha256: must be a SHA-256 in hex; got {'A' * 64!r}"


# --- publish and apply ------------------------------------------------------------------------------------------------


def test_the_first_release_waits_for_its_first_apply() -> None:
    first = release_file.with_published(None, manifest("0.1.0"))
    assert (first.endpoints, first.runtime_versions) == ({"live": "1", "candidate": "1"}, {})
    assert first.agent_version_of(LIVE) is None
    assert release_file.parse(first.to_json()) == first
    applied = first.with_applied("1", "0.1.0")
    assert applied.agent_version_of(LIVE) == "0.1.0"
    assert applied.with_applied("1", "0.1.0") == applied


def test_publishing_moves_no_endpoint() -> None:
    newer = release_file.with_published(release(), manifest("0.3.0"))
    assert (newer.agent_version, newer.artifacts.lambda_.sha256) == ("0.3.0", "c" * 64)
    assert newer.endpoints == release().endpoints
    assert newer.runtime_versions == release().runtime_versions


def test_other_checksums_under_the_same_version_are_refused() -> None:
    newer = release_file.with_published(release(), manifest("0.3.0"))
    assert release_file.with_published(newer, manifest("0.3.0")) == newer
    with pytest.raises(ReleaseError, match=r"are not those of the manifest of 0\.3\.0"):
        release_file.with_published(newer, manifest("0.3.0", digit="d"))


@pytest.mark.parametrize("missing", ["version", "contract_version", "runtime", "lambda_runtime", "artifacts"])
def test_a_manifest_that_lacks_something_is_refused(missing: str) -> None:
    content = manifest("0.3.0")
    del content[missing]
    with pytest.raises(ReleaseError) as refusal:
        release_file.with_published(None, content)
    assert str(refusal.value).startswith(f"manifest.{missing}: must be ")


def test_a_runtime_version_never_changes() -> None:
    with pytest.raises(ReleaseError, match=r"runtime_versions\.2: is '0\.2\.0', but the runtime's tag says '0\.3\.0'"):
        release().with_applied("2", "0.3.0")
    with pytest.raises(ReleaseError, match="newest_version: must be a number"):
        release().with_applied("0", "0.3.0")


def test_versions_are_kept_in_the_order_of_their_numbers() -> None:
    assert list(release().with_applied("10", "0.3.0").with_applied("9", "0.2.0").runtime_versions) == [
        *("1", "2", "9", "10")
    ]


# --- promote and roll back --------------------------------------------------------------------------------------------


def test_a_promotion_moves_one_endpoint_and_remembers_what_it_served() -> None:
    promoted = release().promoted("0.2.0", CANDIDATE, share_percent=20)
    assert promoted == release(
        endpoints={"live": "1", "candidate": "2"}, previous={"candidate": "1"}, candidate_share_percent=20
    )
    assert promoted.promoted("0.2.0", CANDIDATE, share_percent=50).candidate_share_percent == 50
    assert promoted.promoted("0.2.0", CANDIDATE, share_percent=50).previous == {"candidate": "1"}


def test_a_promotion_to_live_ends_the_canary_and_so_does_a_rollback() -> None:
    canary = release().promoted("0.2.0", CANDIDATE, share_percent=20)
    live = canary.promoted("0.2.0", LIVE)
    assert (live.endpoints[LIVE], live.previous[LIVE], live.candidate_share_percent) == ("2", "1", 0)
    assert live.rolled_back(LIVE).agent_version_of(LIVE) == "0.1.0"
    again = live.promoted("0.2.0", CANDIDATE, share_percent=20).rolled_back(LIVE)
    assert again.candidate_share_percent == 0, "the candidate serves what was just found bad"


def test_the_newest_runtime_version_of_an_agent_is_promoted() -> None:
    """The same agent with other settings is another runtime version."""
    both = release(runtime_versions={"2": "0.2.0", "9": "0.2.0", "10": "0.2.0", "1": "0.1.0"})
    assert both.promoted("0.2.0", LIVE).endpoints[LIVE] == "10"
    on_nine = release(runtime_versions=both.runtime_versions, endpoints={"live": "9", "candidate": "1"})
    assert on_nine.promoted("0.2.0", LIVE).endpoints[LIVE] == "10"


def test_a_rollback_is_used_up() -> None:
    live = release().promoted("0.2.0", LIVE)
    back = live.rolled_back(LIVE)
    assert (back.endpoints, back.previous) == ({"live": "1", "candidate": "1"}, {})
    with pytest.raises(ReleaseError, match="ENDPOINT: live was not promoted, or not since its last rollback"):
        back.rolled_back(LIVE)


REFUSALS: list[tuple[Callable[[Release], Release], str]] = [
    (lambda one: one.promoted("0.9.0", LIVE), "VERSION: 0.9.0 was never published to this environment, which knows"),
    (lambda one: one.promoted("latest", LIVE), "VERSION: must be a semantic version such as 0.2.0; got 'latest'"),
    (lambda one: one.promoted("0.1.0", LIVE), "ENDPOINT: live serves 0.1.0 (runtime version 1) already"),
    (lambda one: one.promoted("0.1.0", CANDIDATE), "ENDPOINT: candidate serves 0.1.0 (runtime version 1) already"),
    (lambda one: one.promoted("0.2.0", "beta"), "ENDPOINT: 'beta' is none of candidate, live"),
    (lambda one: one.promoted("0.2.0", LIVE, share_percent=5), "SHARE: only the candidate has one"),
    (lambda one: one.promoted("0.2.0", CANDIDATE, share_percent=-1), "SHARE: must be a percentage from 0 to 100"),
    (lambda one: one.rolled_back("beta"), "ENDPOINT: 'beta' is none of candidate, live"),
    (
        lambda one: release_file.with_published(one, manifest("0.3.0")).promoted("0.3.0", LIVE),
        "VERSION: 0.3.0 is published, but no runtime version runs it yet; run `make apply`",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSALS)
def test_what_may_not_be_is_refused(change: Callable[[Release], Release], message: str) -> None:
    with pytest.raises(ReleaseError) as refusal:
        change(release())
    assert str(refusal.value).startswith(message)


# --- another contract -------------------------------------------------------------------------------------------------


def raised() -> Release:
    """0.2.0 of contract 1 runs, 0.3.0 of contract 2 is published."""
    return release_file.with_published(release(), manifest("0.3.0", contract=2))


def test_a_release_of_another_contract_moves_all_endpoints_with_its_apply() -> None:
    assert release().coming is None
    assert (raised().coming, raised().endpoints) == ("3", release().endpoints)
    moved = raised().promoted("0.3.0", LIVE, with_apply=True)
    assert moved.endpoints == {"live": "3", "candidate": "3"}
    assert (moved.previous, moved.candidate_share_percent) == ({"live": "1", "candidate": "1"}, 0)
    assert release_file.parse(moved.to_json()) == moved
    moved.check_endpoints()
    applied = moved.with_applied("3", "0.3.0")
    assert applied.runtime_contracts == {"1": 1, "2": 1, "3": 2}
    assert (applied.coming, applied.agent_version_of(LIVE)) == (None, "0.3.0")
    assert release_file.parse(applied.to_json()) == applied
    # And back: the number after, of contract 1 again.
    back = release_file.with_published(applied, manifest("0.3.1", "d")).promoted("0.3.1", LIVE, with_apply=True)
    assert back.endpoints == {"live": "4", "candidate": "4"}


def test_files_of_before_contracts_were_recorded_know_them_when_another_comes() -> None:
    old = release(runtime_contracts={})
    assert old.coming is None
    assert release_file.with_published(old, manifest("0.3.0", contract=2)).runtime_contracts == {"1": 1, "2": 1}


ACROSS: list[tuple[Callable[[], object], str]] = [
    (lambda: raised().promoted("0.3.0", LIVE), "VERSION: 0.3.0 is of contract 2 and changes the platform's"),
    (lambda: raised().check_endpoints(), "release.endpoints: must serve agents of contract 2, which this apply brings"),
    (
        lambda: raised().promoted("0.3.0", CANDIDATE, with_apply=True),
        "ENDPOINT: must be live with --with-apply",
    ),
    (lambda: raised().promoted("0.2.0", LIVE, with_apply=True), "VERSION: must be 0.3.0 with --with-apply"),
    (lambda: raised().promoted("0.3.0", LIVE, share_percent=5, with_apply=True), "SHARE: only the candidate has one"),
    (lambda: release().promoted("0.2.0", LIVE, with_apply=True), "--with-apply: is for a release that changes"),
    (
        lambda: raised().promoted("0.3.0", LIVE, with_apply=True).promoted("0.3.0", LIVE, with_apply=True),
        "ENDPOINT: all wait for runtime version 3 already",
    ),
    (
        lambda: (
            raised().promoted("0.3.0", LIVE, with_apply=True).with_applied("3", "0.3.0", whole=True).rolled_back(LIVE)
        ),
        "ENDPOINT: runtime version 1 (0.1.0) is of contract 1, and the functions are of contract 2",
    ),
    (
        lambda: (
            raised()
            .promoted("0.3.0", LIVE, with_apply=True)
            .with_applied("3", "0.3.0", whole=True)
            .promoted("0.2.0", LIVE)
        ),
        "VERSION: runtime version 2 (0.2.0) is of contract 1, and the functions are of contract 2",
    ),
    (lambda: release(endpoints={"live": "3", "candidate": "3"}), "release.endpoints.live: '3' is no runtime version"),
    (lambda: release(runtime_contracts={"9": 1}), "release.runtime_contracts.9: is no number of release.runtime"),
    (lambda: release(runtime_contracts={"1": "1"}), "release.runtime_contracts.1: must be a whole number from 1 to"),
    (lambda: release(runtime_contracts=[]), "release.runtime_contracts: must be an object; got list"),
]


@pytest.mark.parametrize(("change", "message"), ACROSS)
def test_what_would_serve_nobody_is_refused(change: Callable[[], object], message: str) -> None:
    with pytest.raises(ReleaseError) as refusal:
        change()
    assert str(refusal.value).startswith(message)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("promote"), st.sampled_from(["0.1.0", "0.2.0", "0.3.0"]), st.sampled_from([LIVE, CANDIDATE])),
        st.tuples(st.just("roll back"), st.just(""), st.sampled_from([LIVE, CANDIDATE])),
        st.tuples(st.just("apply"), st.sampled_from(["0.2.0", "0.3.0"]), st.just("")),
    ),
    max_size=12,
)


@given(steps)
def test_whatever_is_done_the_file_stays_valid_and_only_one_endpoint_moves(done: list[tuple[str, str, str]]) -> None:
    state = release()
    for action, version, endpoint in done:
        try:
            if action == "promote":
                after = state.promoted(version, endpoint)
            elif action == "roll back":
                after = state.rolled_back(endpoint)
            else:
                after = state.with_applied(str(len(state.runtime_versions) + 1), version)
        except ReleaseError:
            continue
        moved = {name for name in state.endpoints if state.endpoints[name] != after.endpoints[name]}
        assert moved == (set() if action == "apply" else {endpoint})
        assert release_file.parse(after.to_json()) == after
        state = after


def test_what_the_functions_are_of_is_known_after_a_whole_apply_only() -> None:
    """A runtime version is made early in an apply; the functions may still be of before when it fails after that."""
    halfway = raised().promoted("0.3.0", LIVE, with_apply=True).with_applied("3", "0.3.0")
    assert halfway.functions_contract == 1
    assert halfway.rolled_back(LIVE).endpoints[LIVE] == "1", "the functions still serve it"
    assert release_file.parse(halfway.to_json()) == halfway
    alone = raised().with_applied("3", "0.3.0")
    with pytest.raises(
        ReleaseError, match=r"runtime version 3 \(0\.3\.0\) is of contract 2, which the functions will be"
    ):
        alone.promoted("0.3.0", LIVE)
    whole = halfway.with_applied("3", "0.3.0", whole=True)
    assert whole.functions_contract == 2
    with pytest.raises(ReleaseError, match="and the functions are of contract 2"):
        whole.rolled_back(LIVE)
    assert release().functions_contract is None, "files of before say nothing, and the newest version counts"
    with pytest.raises(ReleaseError, match=r"release\.functions_contract: must be a whole number"):
        release(functions_contract="1")


def test_a_newest_version_of_another_contract_that_nobody_serves_keeps_no_apply_back() -> None:
    """The runtime alone was applied; then the release file went back to what functions and endpoints are of."""
    before = release(functions_contract=1)
    newer = release_file.with_published(before, manifest("0.3.0", contract=2)).with_applied("3", "0.3.0")
    back = replace(before, runtime_versions=newer.runtime_versions, runtime_contracts=newer.runtime_contracts)
    back.check_endpoints()
    assert back.coming is None
    assert back.promoted("0.2.0", LIVE).endpoints[LIVE] == "2"
