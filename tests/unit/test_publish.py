"""Publishing against an S3 that does what S3 does with conditional writes and checksums, in memory."""

import base64
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts import publish as program
from scripts.bundle import Bundles
from scripts.publishing.artifact_store import PublishError
from scripts.publishing.manifest import Manifest
from scripts.publishing.source_tree import SourceTree, SourceTreeError
from scripts.publishing.target import Target, client, environment_target, laptop_target
from tests.unit.publish_support import COMMIT, SOURCE, MemoryS3, artifact, make_bundles, refusal

FOLDER = "agents/clinic-agent/1.2.3"
NAMES = [
    "clinic_agent-1.2.3-py3-none-any.whl",
    "runtime-linux-arm64-py311.zip",
    "lambda-linux-arm64-py311.zip",
    "sbom-runtime-linux-arm64.cdx.json",
    "sbom-lambda-linux-arm64.cdx.json",
    "provenance-linux-arm64.json",
    "SHA256SUMS-linux-arm64",
    "manifest-linux-arm64.json",
]


@pytest.fixture
def bundles(tmp_path: Path) -> Bundles:
    return make_bundles(tmp_path)


@pytest.fixture
def publish() -> Any:
    return functools.partial(program.publish, bucket="artifacts", source=SOURCE)


def outcomes(manifest: Manifest) -> set[str]:
    return {o.outcome for o in manifest.objects.values()}


def test_a_new_version_is_uploaded_with_the_manifest_last(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    manifest = publish(s3=s3, bundles=bundles)
    assert s3.puts == [f"{FOLDER}/{name}" for name in NAMES]
    assert outcomes(manifest) == {"uploaded"}
    assert manifest.outcome == "uploaded"


def test_the_manifest_says_what_terraform_needs_and_names_all_that_is_there(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    content = publish(s3=s3, bundles=bundles).to_json()
    assert content == s3.json(f"{FOLDER}/manifest-linux-arm64.json")
    artifacts, attestations = content.pop("artifacts"), content.pop("attestations")
    assert content == {
        "name": "clinic-agent",
        "version": "1.2.3",
        "contract_version": 1,
        "platform": "linux-arm64",
        "python": "3.11",
        "runtime": "PYTHON_3_11",
        "lambda_runtime": "python3.11",
        "architecture": "arm64",
        "lock_sha256": bundles.lock_sha256,
    }
    assert artifacts["runtime"] == {
        "key": f"{FOLDER}/runtime-linux-arm64-py311.zip",
        "sha256": bundles.runtime.sha256,
        "size": bundles.runtime.size,
        "entry_point": ["main.py"],
    }
    assert list(artifacts) == ["wheel", "runtime", "lambda"]
    assert list(attestations) == ["sbom_runtime", "sbom_lambda", "provenance", "checksums"]
    named = {entry["key"]: entry["sha256"] for entry in [*artifacts.values(), *attestations.values()]}
    assert named == {key: digest for key, digest in s3.digests().items() if "manifest" not in key}


def test_the_checksums_are_in_the_form_that_sha256sum_reads(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    lines = s3.objects[f"{FOLDER}/SHA256SUMS-linux-arm64"]["Body"].decode().splitlines()
    digests = {key.rpartition("/")[2]: digest for key, digest in s3.digests().items()}
    assert lines == [f"{digests[name]}  {name}" for name in sorted(NAMES[:6])]


def test_provenance_names_commit_lock_builder_and_every_subject(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    statement = s3.json(f"{FOLDER}/provenance-linux-arm64.json")
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {s["name"]: s["digest"]["sha256"] for s in statement["subject"]} == {
        key.rpartition("/")[2]: digest for key, digest in s3.digests().items() if key.rpartition("/")[2] in NAMES[:5]
    }
    definition = statement["predicate"]["buildDefinition"]
    assert definition["internalParameters"] == {
        "contractVersion": 1,
        "dirty": False,
        "committedAt": "2026-11-26T08:00:00Z",
    }
    assert definition["resolvedDependencies"] == [
        {"uri": f"git+https://git.example.com/team/platform@{COMMIT}", "digest": {"gitCommit": COMMIT}},
        {"name": "uv.lock", "digest": {"sha256": bundles.lock_sha256}},
        {"uri": "pkg:pypi/builder@1.0", "digest": {"sha256": "e" * 64}},
    ]
    assert set(statement["predicate"]["runDetails"]["builder"]["version"]) == {"python", "uv", "zlib"}


@pytest.mark.parametrize(
    "source",
    [
        SourceTree(commit=COMMIT, committed_at="2026-11-26T08:00:00Z", repository=None, dirty=("agent_pkg/x.py",)),
        program.UNKNOWN,
    ],
    ids=["changed", "unknown"],
)
def test_sources_that_no_commit_holds_are_marked(publish: Any, bundles: Bundles, source: SourceTree) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles, source=source)
    statement = s3.json(f"{FOLDER}/provenance-linux-arm64.json")
    assert statement["predicate"]["buildDefinition"]["internalParameters"]["dirty"] is True
    assert "timestamp" not in s3.json(f"{FOLDER}/sbom-lambda-linux-arm64.cdx.json")["metadata"]


def test_publishing_again_changes_nothing(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    s3.puts.clear()
    again = publish(s3=s3, bundles=bundles)
    assert s3.puts == []
    assert outcomes(again) == {"unchanged"}
    assert not again.before


def test_a_later_commit_that_changes_nothing_of_the_agent_finds_the_version_published(
    publish: Any, bundles: Bundles
) -> None:
    s3 = MemoryS3()
    first = publish(s3=s3, bundles=bundles)
    s3.puts.clear()
    later = SourceTree(commit="f" * 40, committed_at="2026-12-01T08:00:00Z", repository=None)
    again = publish(s3=s3, bundles=bundles, source=later)
    assert (s3.puts, again.before, outcomes(again)) == ([], True, {"unchanged"})
    assert again.to_json() == first.to_json()


def test_a_later_commit_does_not_hide_that_an_attestation_was_exchanged(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    body = b"{}"
    s3.objects[f"{FOLDER}/sbom-lambda-linux-arm64.cdx.json"] = {
        "Metadata": {"sha256": hashlib.sha256(body).hexdigest()},
        "ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
        "Body": body,
    }
    later = SourceTree(commit="f" * 40, committed_at="2026-12-01T08:00:00Z", repository=None)
    with pytest.raises(PublishError, match=r"sbom-lambda-linux-arm64.cdx.json exists with other content"):
        publish(s3=s3, bundles=bundles, source=later)


def test_a_manifest_that_is_not_what_its_publisher_noted_is_refused(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    s3.objects[f"{FOLDER}/manifest-linux-arm64.json"] |= {"Body": b"{}", "ChecksumSHA256": "AAAA"}
    with pytest.raises(PublishError, match="somebody exchanged it"):
        publish(s3=s3, bundles=bundles)


def test_what_an_interrupted_run_left_out_is_uploaded(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    for key in (bundles.lambda_.path.name, "manifest-linux-arm64.json"):
        del s3.objects[f"{FOLDER}/{key}"]
    s3.puts.clear()
    again = publish(s3=s3, bundles=bundles)
    assert (again.runtime.outcome, again.lambda_.outcome) == ("unchanged", "uploaded")
    assert s3.puts[-1] == f"{FOLDER}/manifest-linux-arm64.json"


def test_other_content_under_a_published_version_is_refused_before_anything_is_written(
    publish: Any, bundles: Bundles, tmp_path: Path
) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    del s3.objects[f"{FOLDER}/{bundles.wheel.path.name}"]
    s3.puts.clear()
    changed = tmp_path / "changed"
    changed.mkdir()
    with pytest.raises(PublishError) as caught:
        publish(s3=s3, bundles=make_bundles(changed, code="other"))
    assert str(caught.value) == (
        f"s3://artifacts/{FOLDER}/manifest-linux-arm64.json exists with other content, and a published version "
        "never changes. Raise the version in agent_pkg/pyproject.toml (now 1.2.3), then publish again."
    )
    assert s3.puts == []


def test_a_bundle_whose_checksum_changed_is_refused(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    del s3.objects[f"{FOLDER}/manifest-linux-arm64.json"]
    exchanged = artifact(bundles.runtime.path, b"exchanged")
    s3.objects[f"{FOLDER}/{bundles.runtime.path.name}"] = {
        "Metadata": {"sha256": exchanged.sha256},
        "ChecksumSHA256": base64.b64encode(bytes.fromhex(exchanged.sha256)).decode(),
        "Body": b"exchanged",
    }
    s3.puts.clear()
    with pytest.raises(PublishError, match=r"runtime-linux-arm64-py311.zip exists with other content"):
        publish(s3=s3, bundles=make_bundles(bundles.runtime.path.parent))
    assert s3.puts == []


@pytest.mark.parametrize("lie", [{"Metadata": {}}, {"ChecksumSHA256": "AAAA"}])
def test_an_object_counts_as_ours_only_if_metadata_and_checksum_both_say_so(
    publish: Any, bundles: Bundles, lie: dict[str, Any]
) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bundles=bundles)
    s3.objects[f"{FOLDER}/{bundles.runtime.path.name}"] |= lie
    with pytest.raises(PublishError, match="exists with other content"):
        publish(s3=s3, bundles=bundles)


def test_a_caller_who_may_not_list_can_publish(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3(heads_answer_403=True)
    assert publish(s3=s3, bundles=bundles).outcome == "uploaded"


def test_a_bucket_of_another_account_gets_nothing(publish: Any, bundles: Bundles) -> None:
    s3 = MemoryS3(owner="999999999999")
    with pytest.raises(ClientError, match="AccessDenied"):
        publish(s3=s3, bundles=bundles, owner="111122223333")
    assert s3.puts == []


def test_a_lock_that_changed_after_the_build_is_refused(publish: Any, bundles: Bundles) -> None:
    with bundles.lock.path.open("a") as lock:
        lock.write("\n")
    with pytest.raises(PublishError, match="has changed since the bundles were built"):
        publish(s3=MemoryS3(), bundles=bundles)


@pytest.mark.parametrize(("theirs", "fails"), [(b"wheel", False), (b"another wheel", True)])
def test_a_publisher_who_was_faster_is_noticed(publish: Any, bundles: Bundles, theirs: bytes, fails: bool) -> None:
    class Race(MemoryS3):
        def put_object(self, **request: Any) -> dict[str, Any]:
            if not self.objects:  # between our look and our write
                digest = hashlib.sha256(theirs)
                checksum = base64.b64encode(digest.digest()).decode()
                self.objects[request["Key"]] = {
                    "Metadata": {"sha256": digest.hexdigest()},
                    "ChecksumSHA256": checksum,
                }
            return super().put_object(**request)

    s3 = Race()
    if fails:
        with pytest.raises(PublishError, match="exists with other content"):
            publish(s3=s3, bundles=bundles)
        assert s3.puts == []
    else:
        assert publish(s3=s3, bundles=bundles).wheel.outcome == "unchanged"


def test_other_errors_of_s3_are_passed_on(publish: Any, bundles: Bundles) -> None:
    class Broken(MemoryS3):
        def put_object(self, **request: Any) -> dict[str, Any]:
            raise refusal("PutObject", "NoSuchBucket", 404)

    with pytest.raises(ClientError, match="NoSuchBucket"):
        publish(s3=Broken(), bundles=bundles)


def test_the_laptops_target_comes_from_its_stack(tmp_path: Path) -> None:
    stack = tmp_path / "stack.json"
    stack.write_text(
        json.dumps({"buckets": {"artifacts": "b"}, "aws_endpoint_url": "http://127.0.0.1:4566", "region": "eu-west-1"})
    )
    found = laptop_target(bucket=None, endpoint_url=None, stack_file=stack, env={})
    assert found == Target(bucket="b", endpoint_url="http://127.0.0.1:4566", region="eu-west-1")


def test_without_a_stack_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"Run make up first, or give --bucket and --endpoint-url\.$"):
        laptop_target(bucket="b", endpoint_url=None, stack_file=tmp_path / "none.json", env={})


def test_an_environments_target_is_what_its_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"artifacts_bucket": "from-tfvars", "region": "eu-west-1", "account_id": "111122223333"}
    monkeypatch.setattr("scripts.terraform.environments.environment_named", lambda name: Path(name))
    monkeypatch.setattr("scripts.terraform.environments.settings", lambda _, env: values)
    assert environment_target("dev", bucket=None, endpoint_url=None) == Target(
        bucket="from-tfvars", endpoint_url=None, region="eu-west-1", account_id="111122223333"
    )
    assert environment_target("dev", bucket="other", endpoint_url=None).bucket == "other"


def test_an_unknown_environment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PublishError, match=r"^ENV: .*got 'nowhere'"):
        environment_target("nowhere", bucket="b", endpoint_url=None)


def test_an_environment_does_not_get_what_no_commit_holds(tmp_path: Path) -> None:
    with pytest.raises(SourceTreeError, match="not in a git repository"):
        program.sources_for("dev", root=tmp_path)
    assert program.sources_for("local", root=tmp_path).commit is None


def test_the_release_file_gets_what_was_published(publish: Any, bundles: Bundles, tmp_path: Path) -> None:
    manifest = publish(s3=MemoryS3(), bundles=bundles)
    path = program.record("local", manifest, laptop=tmp_path)
    release = json.loads(path.read_text())["release"]
    assert (release["agent_version"], release["contract_version"]) == ("1.2.3", 1)
    assert release["artifacts"]["lambda"] == {
        "key": f"{FOLDER}/lambda-linux-arm64-py311.zip",
        "sha256": bundles.lambda_.sha256,
    }
    assert program.record("local", manifest, laptop=tmp_path) == path


@pytest.mark.parametrize(
    ("url", "env", "key"),
    [
        ("http://127.0.0.1:4566", {}, "test"),
        ("http://localhost:4566", {}, "test"),
        ("http://[::1]:4566", {}, "test"),
        ("http://127.0.0.1:4566", {"AWS_ACCESS_KEY_ID": "AKIAMINE"}, "AKIAMINE"),
        ("http://127.0.0.1.example.com", {}, "AKIAMINE"),
        ("https://s3.us-east-1.amazonaws.com", {}, "AKIAMINE"),
        (None, {}, "AKIAMINE"),
    ],
)
def test_the_emulators_root_credentials_never_leave_the_machine(
    monkeypatch: pytest.MonkeyPatch, url: str | None, env: dict[str, str], key: str
) -> None:
    # boto3 finds these wherever `client` does not give others.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    s3 = client(Target(bucket="b", endpoint_url=url, region="us-east-1"), env=env)
    assert s3._request_signer._credentials.access_key == key


@dataclass
class Desk:
    """The program with everything around it in memory."""

    s3: MemoryS3
    release: Path
    uploaded: list[str]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, bundles: Bundles, tmp_path: Path) -> Desk:
    found = Desk(s3=MemoryS3(owner="111122223333"), release=tmp_path / "release.auto.tfvars.json", uploaded=[])
    target = Target(bucket="artifacts", endpoint_url=None, region="eu-west-1", account_id="111122223333")
    monkeypatch.setattr("scripts.publishing.commit_build.build", lambda *_, **__: bundles)
    monkeypatch.setattr("scripts.publishing.source_tree.describe", lambda _: SOURCE)
    monkeypatch.setattr("scripts.publish.environment_target", lambda *_, **__: target)
    monkeypatch.setattr("scripts.publish.require_access", lambda *_, **__: None)
    monkeypatch.setattr("scripts.publish.client", lambda to, env: found.s3)
    monkeypatch.setattr("scripts.releases.release_file.path_of", lambda _: found.release)
    monkeypatch.setattr(
        "scripts.publishing.package_index.upload", lambda wheel, *_, **__: found.uploaded.append(wheel.name)
    )
    monkeypatch.delenv("PACKAGE_INDEX_URL", raising=False)
    return found


def test_the_program_publishes_writes_the_release_file_and_says_what_comes_next(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["--env", "dev"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"clinic-agent 1.2.3 (contract 1, linux-arm64) in s3://artifacts/{FOLDER}/"
    assert [line.split()[0] for line in said[1:9]] == NAMES
    assert said[-1] == "Next: make plan ENV=dev, make apply ENV=dev, then make promote ENV=dev VERSION=1.2.3"
    assert json.loads(desk.release.read_text())["release"]["agent_version"] == "1.2.3"
    assert desk.uploaded == []  # no index is named


def test_the_wheel_goes_to_the_index_that_is_named_but_never_from_a_laptop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PACKAGE_INDEX_URL", "https://pypi.example/legacy/")
    desk.s3.owner = None
    stack = tmp_path / "stack.json"
    stack.write_text(json.dumps({"buckets": {"artifacts": "artifacts"}, "aws_endpoint_url": "http://127.0.0.1:1"}))
    assert program.main(["--env", "local", "--stack", str(stack)]) == 0
    assert desk.uploaded == []
    desk.s3.owner = "111122223333"
    assert program.main(["--env", "dev"]) == 0
    assert desk.uploaded == ["clinic_agent-1.2.3-py3-none-any.whl"]


DIRTY = SourceTree(commit=COMMIT, committed_at="2026-11-26T08:00:00Z", repository=None, dirty=("agent_pkg/x.py",))
NO_GIT = SourceTree(commit=None, committed_at=None, repository=None, problem="git is not installed")


@pytest.mark.parametrize(
    ("environment", "source", "builder", "platform"),
    [
        ("dev", SOURCE, COMMIT, "linux-arm64"),
        ("local", SOURCE, COMMIT, None),
        ("local", DIRTY, "work tree", None),
        ("local", NO_GIT, "work tree", None),
    ],
)
def test_a_clean_tree_is_built_from_its_commit_and_the_laptops_changes_from_the_tree(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    bundles: Bundles,
    environment: str,
    source: SourceTree,
    builder: str,
    platform: str | None,
) -> None:
    asked: list[tuple[Any, ...]] = []

    def from_commit(root: Path, commit: str, *, platform: str | None, progress: Any) -> Bundles:
        asked.append((root, commit, platform))
        return bundles

    def from_tree(*, root: Path, platform: str | None, progress: Any) -> Bundles:
        asked.append((root, "work tree", platform))
        return bundles

    monkeypatch.setattr("scripts.publishing.source_tree.describe", lambda _: source)
    monkeypatch.setattr("scripts.publishing.commit_build.build", from_commit)
    monkeypatch.setattr("scripts.bundle.build", from_tree)
    assert program.build_for(environment, root=tmp_path) == (bundles, source)
    assert asked == [(tmp_path, builder, platform)]


@pytest.mark.parametrize("dirty", [("agent_pkg/new.py",), ()])
def test_the_program_refuses_what_no_commit_holds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dirty: tuple[str, ...]
) -> None:
    commit = COMMIT if dirty else None
    tree = SourceTree(commit=commit, committed_at=None, repository=None, dirty=dirty, problem="no git")
    monkeypatch.setattr("scripts.publishing.source_tree.describe", lambda _: tree)
    assert program.main(["--env", "dev"]) == 1
    assert capsys.readouterr().err.startswith("publish: the sources ")
    assert (desk.s3.puts, desk.release.exists()) == ([], False)


def test_what_aws_refuses_is_an_error_and_no_release(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.s3.owner = "999999999999"
    assert program.main(["--env", "dev"]) == 1
    assert capsys.readouterr().err.startswith("publish: AWS refused or did not answer: ")
    assert not desk.release.exists()
