"""What has to be true of bucket and plan before an endpoint moves."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.publishing.artifact_store import Upload
from scripts.releases import release_checks, release_file
from scripts.releases.release_checks import (
    Change,
    changes,
    check_moves_only,
    check_moves_to,
    check_published,
    differences,
)
from scripts.releases.release_file import ReleaseError
from tests.unit import release_support as support
from tests.unit.publish_support import MemoryS3, artifact

ENDPOINT = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime_endpoint.this"


# --- the bucket -------------------------------------------------------------------------------------------------------


def publish(s3: MemoryS3, folder: Path, version: str) -> dict[str, Any]:
    """Put a version into the bucket; returns its manifest."""
    from scripts.publishing.artifact_store import Store

    store = Store(s3=s3, bucket="artifacts", version=version)
    content = support.manifest(version)
    for role in ("runtime", "lambda"):
        made = artifact(folder / f"{role}.zip", f"{role} {version}".encode())
        content["artifacts"][role]["sha256"] = made.sha256
        key = content["artifacts"][role]["key"]
        store.put(Upload(key=key, sha256=made.sha256, size=1, body=made.path, content_type="application/zip"))
    made = artifact(folder / "manifest.json", json.dumps(content).encode())
    key = f"{support.FOLDER}/{version}/manifest-linux-arm64.json"
    store.put(Upload(key=key, sha256=made.sha256, size=1, body=made.path, content_type="application/json"))
    return content


@pytest.fixture
def s3(tmp_path: Path) -> MemoryS3:
    made = MemoryS3()
    publish(made, tmp_path, "0.1.0")
    return made


def check(s3: MemoryS3, current: release_file.Release, version: str) -> None:
    check_published(s3, bucket="artifacts", release=current, version=version)


def test_a_published_version_passes_an_older_one_too(s3: MemoryS3, tmp_path: Path) -> None:
    current = release_file.with_published(support.release(), publish(s3, tmp_path, "0.3.0"))
    check(s3, current, "0.3.0")
    check(s3, current, "0.1.0")


def test_a_version_that_was_never_published_is_refused(s3: MemoryS3) -> None:
    with pytest.raises(ReleaseError, match=r"VERSION: 0\.2\.0 was never published: s3://artifacts/.*0\.2\.0/manifest"):
        check(s3, support.release(), "0.2.0")


def test_a_release_file_with_other_checksums_than_the_manifest_is_refused(s3: MemoryS3, tmp_path: Path) -> None:
    publish(s3, tmp_path, "0.2.0")
    with pytest.raises(ReleaseError, match=r"release\.artifacts\.runtime: .* one of them was changed by hand"):
        check(s3, support.release(), "0.2.0")


@pytest.mark.parametrize("role", ["runtime", "lambda"])
def test_a_bundle_whose_checksum_changed_is_refused(s3: MemoryS3, role: str) -> None:
    key = f"{support.FOLDER}/0.1.0/{role}-linux-arm64-py311.zip"
    s3.objects[key]["ChecksumSHA256"] = "b3RoZXI="
    with pytest.raises(ReleaseError, match=f"the {role} bundle's checksum changed since 0.1.0 was published"):
        check(s3, support.release(), "0.1.0")
    del s3.objects[key]
    with pytest.raises(ReleaseError, match=f"the {role} bundle of 0.1.0 is gone, or may not be read"):
        check(s3, support.release(), "0.1.0")


def test_a_manifest_that_was_exchanged_is_refused(s3: MemoryS3) -> None:
    s3.objects[f"{support.FOLDER}/0.1.0/manifest-linux-arm64.json"]["Body"] = b"{}"
    with pytest.raises(ReleaseError, match="is not what its publisher noted"):
        check(s3, support.release(), "0.1.0")


def test_a_key_that_publishing_never_makes_is_refused() -> None:
    odd = support.document()
    odd["release"]["artifacts"]["runtime"]["key"] = "bundle.zip"
    with pytest.raises(ReleaseError, match=r"release\.artifacts\.runtime\.key: 'bundle\.zip' is no key"):
        release_checks.manifest_key(release_file.parse(odd), "0.1.0")


# --- the plan ---------------------------------------------------------------------------------------------------------


def planned(address: str, actions: list[str], **change: Any) -> dict[str, Any]:
    return {"address": address, "mode": "managed", "change": {"actions": actions, **change}}


MOVE = planned(
    f'{ENDPOINT}["live"]',
    ["update"],
    before={"name": "live", "agent_runtime_version": "1", "arn": "a"},
    after={"name": "live", "agent_runtime_version": "2", "arn": None},
    after_unknown={"arn": True, "tags": {}},
)
IDLE = planned("module.x.aws_s3_bucket.this", ["no-op"], before={}, after={})
READ = {**planned("data.aws_partition.this", ["read"]), "mode": "data"}


def test_the_move_of_the_endpoint_alone_passes() -> None:
    found = changes({"resource_changes": [IDLE, MOVE, READ]})
    assert [str(change) for change in found] == [f'{ENDPOINT}["live"] (update of agent_runtime_version)']
    check_moves_only(found, endpoint="live")


@pytest.mark.parametrize(
    "other",
    [
        planned("aws_kms_key.this", ["delete", "create"]),
        planned(f'{ENDPOINT}["candidate"]', ["update"], before={"agent_runtime_version": "1"}, after={}),
        planned(f'{ENDPOINT}["live"]', ["create"]),
        planned(f'{ENDPOINT}["live"]', ["update"], before={"tags": {}}, after={"tags": {"a": "b"}}),
        planned("aws_iam_role.this", ["update"], before={"a": 1}, after={"a": 1}, after_unknown={"a": True}),
    ],
)
def test_whatever_else_would_change_is_refused_and_listed(other: dict[str, Any]) -> None:
    found = changes({"resource_changes": [MOVE, other]})
    with pytest.raises(ReleaseError) as refusal:
        check_moves_only(found, endpoint="live")
    assert "the plan would change more than endpoint live" in str(refusal.value)
    assert f"\n  {found[1]}\n" in str(refusal.value)


def test_a_plan_that_moves_nothing_is_refused_unless_nothing_is_to_move() -> None:
    check_moves_only([], endpoint=None)
    with pytest.raises(ReleaseError, match="the plan does not move live"):
        check_moves_only([], endpoint="live")
    with pytest.raises(ReleaseError, match=r"would change more than endpoint \(none\)"):
        check_moves_only(changes({"resource_changes": [MOVE]}), endpoint=None)


def moving(*changed: dict[str, Any], **endpoints: str) -> dict[str, Any]:
    resources = [
        {
            "address": f'{ENDPOINT}["{name}"]',
            "mode": "managed",
            "values": {"name": name, "agent_runtime_version": number},
        }
        for name, number in endpoints.items()
    ]
    return {"resource_changes": list(changed), "planned_values": {"root_module": {"resources": resources}}}


def test_endpoints_may_be_there_already_but_nothing_else_may_change() -> None:
    wanted = {"live": "2", "candidate": "1"}
    assert [str(one) for one in check_moves_to(moving(MOVE, **wanted), endpoints=wanted)] == [
        f'{ENDPOINT}["live"] (update of agent_runtime_version)'
    ]
    assert check_moves_to(moving(IDLE, **wanted), endpoints=wanted) == []
    with pytest.raises(ReleaseError, match="the plan lets endpoints serve"):
        check_moves_to(moving(MOVE, live="2", candidate="2"), endpoints=wanted)
    tier = planned("module.x.aws_iam_role.this", ["update"], before={"a": 1}, after={"a": 2})
    with pytest.raises(ReleaseError, match=r"would change more than endpoints.*\n.*aws_iam_role"):
        check_moves_to(moving(MOVE, tier, **wanted), endpoints=wanted)


def plan_from_nothing(**values: dict[str, Any]) -> dict[str, Any]:
    resources = [{"address": address, "mode": "managed", "values": given} for address, given in values.items()]
    module = {"child_modules": [{"resources": resources}], "resources": []}
    return {"planned_values": {"root_module": module}}


def test_two_plans_from_nothing_are_compared_by_their_values() -> None:
    before = plan_from_nothing(a={"v": 1}, b={"v": 1, "w": 2}, c={})
    after = plan_from_nothing(a={"v": 1}, b={"v": 2, "w": 2}, d={})
    assert differences(before, before) == []
    assert differences(before, after) == [
        Change(address="b", action="update", attributes=("v",)),
        Change(address="c", action="delete"),
        Change(address="d", action="create"),
    ]
