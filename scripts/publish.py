"""Publish a version of the agent: its wheel, both bundles and the manifest that names them, into the artifacts bucket.

A published version never changes: environments take their code by version and checksum. So an object that is there with
the same content is left alone, and one with other content stops the program before anything is written. The manifest
goes last: whoever finds it finds all that it names.
"""

import argparse
import base64
import contextlib
import ipaddress
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scripts import bundle
from scripts.bundle import Artifact, BundleError, Bundles

Progress = Callable[[str], None]
Outcome = Literal["uploaded", "unchanged"]

STACK_FILE: Final = bundle.ROOT / ".local" / "stack.json"


class PublishError(Exception):
    """The version was not published. The message says why, and what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An artifact in the bucket."""

    key: str
    sha256: str  # hex; Terraform's source_code_hash wants base64
    size: int  # bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version for one platform, as published."""

    bundles: Bundles
    key: str
    wheel: Published
    runtime: Published
    lambda_: Published
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """Return the content of `manifest-<platform>.json`."""
        keys = {"wheel": self.wheel.key, "runtime": self.runtime.key, "lambda": self.lambda_.key}
        return _content(self.bundles, keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    key: str
    sha256: str
    size: int
    body: Path | bytes
    content_type: str


def publish(*, s3: Any, bucket: str, bundles: Bundles, progress: Progress = lambda _: None) -> Manifest:
    """Put a version into the bucket, where it stays as it is.

    Args:
        s3: boto3 client.
        bucket: Name of the artifacts bucket.
        bundles: From `scripts.bundle.build`.
        progress: Gets one line for each upload.

    Returns:
        The manifest, with what was uploaded and what was there.

    Raises:
        PublishError: If the bucket holds other content under this version. Nothing has been written then, unless
            somebody else publishes at the same moment.
    """
    folder = f"agents/{bundles.name}/{bundles.version}"
    made = {"wheel": bundles.wheel, "runtime": bundles.runtime, "lambda": bundles.lambda_}
    uploads = {role: _artifact(folder, artifact) for role, artifact in made.items()}
    text = json.dumps(_content(bundles, {role: upload.key for role, upload in uploads.items()}), indent=2) + "\n"
    uploads["manifest"] = _Upload(
        key=f"{folder}/manifest-{bundles.platform}.json",
        sha256=sha256(text.encode()).hexdigest(),
        size=len(text.encode()),
        body=text.encode(),
        content_type="application/json",
    )
    # All are looked at before the first is written: a refusal leaves the bucket as it was.
    missing = [role for role, upload in uploads.items() if not _is_there(s3, bucket, upload, version=bundles.version)]
    done: dict[str, Published] = {}
    for role, upload in uploads.items():  # in this order: the manifest is last
        outcome: Outcome = "unchanged"
        if role in missing:
            progress(f"uploading {upload.key} ({upload.size / 1e6:.1f} MB)")
            outcome = _put(s3, bucket, upload, version=bundles.version)
        done[role] = Published(key=upload.key, sha256=upload.sha256, size=upload.size, outcome=outcome)
    return Manifest(
        bundles=bundles,
        key=done["manifest"].key,
        outcome=done["manifest"].outcome,
        wheel=done["wheel"],
        runtime=done["runtime"],
        lambda_=done["lambda"],
    )


def _content(bundles: Bundles, keys: Mapping[str, str]) -> dict[str, Any]:
    def entry(role: str, artifact: Artifact) -> dict[str, Any]:
        return {"key": keys[role], "sha256": artifact.sha256, "size": artifact.size}

    return {
        "name": bundles.name,
        "version": bundles.version,
        "platform": bundles.platform,
        "python": bundles.python,
        "runtime": f"PYTHON_{bundles.python.replace('.', '_')}",
        "lambda_runtime": f"python{bundles.python}",
        "architecture": bundles.architecture,
        "lock_sha256": bundles.lock_sha256,
        "artifacts": {
            "wheel": entry("wheel", bundles.wheel),
            "runtime": entry("runtime", bundles.runtime) | {"entry_point": ["main.py"]},
            "lambda": entry("lambda", bundles.lambda_),
        },
    }


def _artifact(folder: str, artifact: Artifact) -> _Upload:
    return _Upload(
        key=f"{folder}/{artifact.path.name}",
        sha256=artifact.sha256,
        size=artifact.size,
        body=artifact.path,
        content_type="application/zip",
    )


def _is_there(s3: Any, bucket: str, upload: _Upload, *, version: str) -> bool:
    """Tell whether the bucket has this content under this key; False if it has nothing.

    Raises:
        PublishError: If it has other content.
    """
    try:
        head = s3.head_object(Bucket=bucket, Key=upload.key, ChecksumMode="ENABLED")
    except ClientError as error:
        # Without s3:ListBucket a missing key answers 403. The conditional put decides then.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return False
        raise
    # The metadata is what a publisher said, the checksum what S3 computed: both must be ours.
    if head["Metadata"].get("sha256") == upload.sha256 and head.get("ChecksumSHA256") == _base64(upload.sha256):
        return True
    raise PublishError(
        f"s3://{bucket}/{upload.key} exists with other content, and a published version never changes. "
        f"Raise the version in agent_pkg/pyproject.toml (now {version}), then publish again."
    )


def _put(s3: Any, bucket: str, upload: _Upload, *, version: str) -> Outcome:
    body = upload.body if isinstance(upload.body, bytes) else upload.body.read_bytes()
    try:
        s3.put_object(
            Bucket=bucket,
            Key=upload.key,
            Body=body,
            ContentType=upload.content_type,
            ChecksumSHA256=_base64(upload.sha256),  # S3 refuses what does not arrive as it left
            Metadata={"sha256": upload.sha256},
            IfNoneMatch="*",  # S3 refuses to replace, whoever was faster
        )
    except ClientError as error:
        # 409: another conditional write of the same key was under way.
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        if not _is_there(s3, bucket, upload, version=version):
            raise PublishError(
                f"s3://{bucket}/{upload.key} is being written by somebody else, or may not be read; try again"
            ) from error
        return "unchanged"
    return "uploaded"


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where to publish to."""

    bucket: str
    endpoint_url: str | None  # None is AWS itself
    region: str | None  # None is what the AWS configuration says


def settings(
    *, target: str, bucket: str | None, endpoint_url: str | None, stack_file: Path, env: Mapping[str, str]
) -> Settings:
    """Complete what the caller gave by what the laptop's stack says; for AWS, by nothing.

    Args:
        target: `laptop` or `aws`.
        bucket: Name of the bucket, or None.
        endpoint_url: Endpoint of S3, or None.
        stack_file: `.local/stack.json`; read for the laptop alone, and it may be missing.
        env: Environment; `AWS_ENDPOINT_URL` counts for the laptop alone.

    Raises:
        PublishError: If the bucket is unknown, or the laptop's endpoint is.
    """
    if target == "aws":
        if bucket is None:
            raise PublishError("--bucket: which one? It is output artifacts_bucket of terraform/bootstrap.")
        return Settings(bucket=bucket, endpoint_url=endpoint_url, region=None)
    stack: dict[str, Any] = json.loads(stack_file.read_text()) if stack_file.is_file() else {}
    bucket = bucket or stack.get("buckets", {}).get("artifacts")
    endpoint_url = endpoint_url or stack.get("aws_endpoint_url") or env.get("AWS_ENDPOINT_URL")
    if not bucket or not endpoint_url:
        raise PublishError(
            f"{stack_file} names no bucket or endpoint. Run make up first, or give --bucket and --endpoint-url."
        )
    return Settings(bucket=bucket, endpoint_url=endpoint_url, region=stack.get("region", "us-east-1"))


def client(to: Settings, *, env: Mapping[str, str]) -> Any:
    """Make the S3 client. The emulator's public root credentials are used on a loopback address alone.

    Args:
        to: Where to publish to.
        env: Environment; with `AWS_ACCESS_KEY_ID` in it, the caller's credentials are used everywhere.
    """
    root: dict[str, str] = {}
    # A profile does not count: no emulator knows its keys.
    if to.endpoint_url and _is_loopback(to.endpoint_url) and not env.get("AWS_ACCESS_KEY_ID"):
        root = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 4}, s3={"addressing_style": "path"} if root else None
    )
    return boto3.client("s3", endpoint_url=to.endpoint_url, region_name=to.region, config=config, **root)


def _is_loopback(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):  # a name, not an address
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost"


def main(argv: Sequence[str] | None = None) -> int:
    """Build if needed, publish, print what went where."""
    parser = argparse.ArgumentParser(prog="python -m scripts.publish", description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=["laptop", "aws"], default="laptop")
    parser.add_argument("--bucket", help="default on the laptop: from .local/stack.json")
    parser.add_argument("--endpoint-url", help="default on the laptop: from .local/stack.json")
    args = parser.parse_args(argv)

    def tell(line: str) -> None:
        print(f"  {line}", flush=True)

    try:
        to = settings(
            target=args.target,
            bucket=args.bucket,
            endpoint_url=args.endpoint_url,
            stack_file=STACK_FILE,
            env=os.environ,
        )
        bundles = bundle.build(platform=bundle.AWS_PLATFORM if args.target == "aws" else None, progress=tell)
        manifest = publish(s3=client(to, env=os.environ), bucket=to.bucket, bundles=bundles, progress=tell)
    except (BundleError, PublishError, BotoCoreError, ClientError) as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    print(
        f"{bundles.name} {bundles.version} for {bundles.platform} in s3://{to.bucket}/{manifest.key.rpartition('/')[0]}/"
    )
    for item in (manifest.wheel, manifest.runtime, manifest.lambda_):
        name = item.key.rpartition("/")[2]
        print(f"  {name:<44} {item.size / 1e6:6.1f} MB  sha256 {item.sha256[:12]}  {item.outcome}")
    print(f"  {manifest.key.rpartition('/')[2]:<44} {'':>9}  {'':>19}  {manifest.outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
