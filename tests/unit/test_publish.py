"""Publishing against an S3 that does what S3 does with conditional writes and checksums, in memory."""

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts import publish as program
from scripts.bundle import Artifact, Bundles
from scripts.publish import PublishError, Settings, client, publish, settings

FOLDER = "agents/clinic-agent/1.2.3"


def refusal(operation: str, code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@dataclass
class MemoryS3:
    """The two calls of S3 that publishing makes."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    heads_answer_403: bool = False  # what a caller without s3:ListBucket gets for a missing key

    def head_object(self, *, Bucket: str, Key: str, ChecksumMode: str) -> dict[str, Any]:  # noqa: N803
        assert (Bucket, ChecksumMode) == ("artifacts", "ENABLED")
        if Key not in self.objects:
            raise refusal("HeadObject", *(("403", 403) if self.heads_answer_403 else ("404", 404)))
        return self.objects[Key]

    def put_object(self, **request: Any) -> dict[str, Any]:
        key, body = request["Key"], request["Body"]
        assert request["Bucket"] == "artifacts"
        assert request["IfNoneMatch"] == "*"
        if key in self.objects:
            raise refusal("PutObject", "PreconditionFailed", 412)
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if request["ChecksumSHA256"] != checksum:
            raise refusal("PutObject", "BadDigest", 400)
        self.puts.append(key)
        self.objects[key] = {"Metadata": request["Metadata"], "ChecksumSHA256": checksum, "Body": body}
        return {}


def artifact(path: Path, content: bytes) -> Artifact:
    path.write_bytes(content)
    return Artifact(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@pytest.fixture
def bundles(tmp_path: Path) -> Bundles:
    return Bundles(
        name="clinic-agent",
        version="1.2.3",
        platform="linux-arm64",
        python="3.11",
        lock_sha256="ab" * 32,
        wheel=artifact(tmp_path / "clinic_agent-1.2.3-py3-none-any.whl", b"wheel"),
        runtime=artifact(tmp_path / "runtime-linux-arm64-py311.zip", b"runtime"),
        lambda_=artifact(tmp_path / "lambda-linux-arm64-py311.zip", b"lambda"),
    )


def test_a_new_version_is_uploaded_with_the_manifest_last(bundles: Bundles) -> None:
    s3 = MemoryS3()
    manifest = publish(s3=s3, bucket="artifacts", bundles=bundles)
    assert s3.puts == [
        f"{FOLDER}/clinic_agent-1.2.3-py3-none-any.whl",
        f"{FOLDER}/runtime-linux-arm64-py311.zip",
        f"{FOLDER}/lambda-linux-arm64-py311.zip",
        f"{FOLDER}/manifest-linux-arm64.json",
    ]
    assert {o.outcome for o in (manifest.wheel, manifest.runtime, manifest.lambda_)} == {"uploaded"}
    assert manifest.outcome == "uploaded"


def test_the_manifest_says_what_terraform_needs(bundles: Bundles) -> None:
    s3 = MemoryS3()
    manifest = publish(s3=s3, bucket="artifacts", bundles=bundles)
    assert manifest.to_json() == json.loads(s3.objects[f"{FOLDER}/manifest-linux-arm64.json"]["Body"])
    assert manifest.to_json() == {
        "name": "clinic-agent",
        "version": "1.2.3",
        "platform": "linux-arm64",
        "python": "3.11",
        "runtime": "PYTHON_3_11",
        "lambda_runtime": "python3.11",
        "architecture": "arm64",
        "lock_sha256": "ab" * 32,
        "artifacts": {
            "wheel": {
                "key": f"{FOLDER}/clinic_agent-1.2.3-py3-none-any.whl",
                "sha256": hashlib.sha256(b"wheel").hexdigest(),
                "size": 5,
            },
            "runtime": {
                "key": f"{FOLDER}/runtime-linux-arm64-py311.zip",
                "sha256": hashlib.sha256(b"runtime").hexdigest(),
                "size": 7,
                "entry_point": ["main.py"],
            },
            "lambda": {
                "key": f"{FOLDER}/lambda-linux-arm64-py311.zip",
                "sha256": hashlib.sha256(b"lambda").hexdigest(),
                "size": 6,
            },
        },
    }


def test_publishing_again_changes_nothing(bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bucket="artifacts", bundles=bundles)
    s3.puts.clear()
    again = publish(s3=s3, bucket="artifacts", bundles=bundles)
    assert s3.puts == []
    assert {again.outcome, again.wheel.outcome, again.runtime.outcome, again.lambda_.outcome} == {"unchanged"}


def test_what_an_interrupted_run_left_out_is_uploaded(bundles: Bundles) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bucket="artifacts", bundles=bundles)
    for key in (bundles.lambda_.path.name, "manifest-linux-arm64.json"):
        del s3.objects[f"{FOLDER}/{key}"]
    s3.puts.clear()
    again = publish(s3=s3, bucket="artifacts", bundles=bundles)
    assert (again.runtime.outcome, again.lambda_.outcome) == ("unchanged", "uploaded")
    assert s3.puts[-1] == f"{FOLDER}/manifest-linux-arm64.json"


def test_other_content_under_a_published_version_is_refused_before_anything_is_written(
    bundles: Bundles, tmp_path: Path
) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bucket="artifacts", bundles=bundles)
    del s3.objects[f"{FOLDER}/{bundles.wheel.path.name}"]
    s3.puts.clear()
    changed = replace(bundles, lambda_=artifact(tmp_path / bundles.lambda_.path.name, b"other code"))
    with pytest.raises(PublishError) as caught:
        publish(s3=s3, bucket="artifacts", bundles=changed)
    assert str(caught.value) == (
        f"s3://artifacts/{FOLDER}/lambda-linux-arm64-py311.zip exists with other content, and a published version "
        "never changes. Raise the version in agent_pkg/pyproject.toml (now 1.2.3), then publish again."
    )
    assert s3.puts == []


@pytest.mark.parametrize("lie", [{"Metadata": {}}, {"ChecksumSHA256": "AAAA"}])
def test_an_object_counts_as_ours_only_if_metadata_and_checksum_both_say_so(
    bundles: Bundles, lie: dict[str, Any]
) -> None:
    s3 = MemoryS3()
    publish(s3=s3, bucket="artifacts", bundles=bundles)
    s3.objects[f"{FOLDER}/{bundles.runtime.path.name}"] |= lie
    with pytest.raises(PublishError, match="exists with other content"):
        publish(s3=s3, bucket="artifacts", bundles=bundles)


def test_a_caller_who_may_not_list_can_publish(bundles: Bundles) -> None:
    s3 = MemoryS3(heads_answer_403=True)
    assert publish(s3=s3, bucket="artifacts", bundles=bundles).outcome == "uploaded"


@pytest.mark.parametrize(("theirs", "fails"), [(b"wheel", False), (b"another wheel", True)])
def test_a_publisher_who_was_faster_is_noticed(bundles: Bundles, theirs: bytes, fails: bool) -> None:
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
            publish(s3=s3, bucket="artifacts", bundles=bundles)
        assert s3.puts == []
    else:
        assert publish(s3=s3, bucket="artifacts", bundles=bundles).wheel.outcome == "unchanged"


def test_other_errors_of_s3_are_passed_on(bundles: Bundles) -> None:
    class Broken(MemoryS3):
        def put_object(self, **request: Any) -> dict[str, Any]:
            raise refusal("PutObject", "NoSuchBucket", 404)

    with pytest.raises(ClientError, match="NoSuchBucket"):
        publish(s3=Broken(), bucket="artifacts", bundles=bundles)


def test_the_laptops_settings_come_from_its_stack(tmp_path: Path) -> None:
    stack = tmp_path / "stack.json"
    stack.write_text(
        json.dumps({"buckets": {"artifacts": "b"}, "aws_endpoint_url": "http://127.0.0.1:4566", "region": "eu-west-1"})
    )
    found = settings(target="laptop", bucket=None, endpoint_url=None, stack_file=stack, env={})
    assert found == Settings(bucket="b", endpoint_url="http://127.0.0.1:4566", region="eu-west-1")


def test_settings_for_aws_take_nothing_from_the_laptop(tmp_path: Path) -> None:
    stack = tmp_path / "stack.json"
    stack.write_text(json.dumps({"buckets": {"artifacts": "b"}, "aws_endpoint_url": "http://127.0.0.1:4566"}))
    found = settings(target="aws", bucket="real", endpoint_url=None, stack_file=stack, env={})
    assert found == Settings(bucket="real", endpoint_url=None, region=None)
    with pytest.raises(PublishError, match=r"^--bucket: which one"):
        settings(target="aws", bucket=None, endpoint_url=None, stack_file=stack, env={})


def test_without_a_stack_the_error_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PublishError, match=r"Run make up first, or give --bucket and --endpoint-url\.$"):
        settings(target="laptop", bucket="b", endpoint_url=None, stack_file=tmp_path / "none.json", env={})
    assert program.main(["--target", "aws"]) == 1
    assert capsys.readouterr().err.startswith("publish: --bucket")


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
    s3 = client(Settings(bucket="b", endpoint_url=url, region="us-east-1"), env=env)
    assert s3._request_signer._credentials.access_key == key
