"""Where an environment's agent is published to."""

import contextlib
import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from scripts.publishing.artifact_store import PublishError
from scripts.terraform import environments
from scripts.terraform.cli import ROOT, TerraformError, environment

LAPTOP: Final = "local"
STACK_FILE: Final = ROOT / ".local" / "stack.json"
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 120  # for one request; a bundle has some 25 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bucket, and how to get there."""

    bucket: str
    endpoint_url: str | None  # None is AWS itself
    region: str | None  # None is what the AWS configuration says
    account_id: str | None = None  # that the bucket must belong to; None on the laptop


def laptop_target(*, bucket: str | None, endpoint_url: str | None, stack_file: Path, env: Mapping[str, str]) -> Target:
    """Complete what the caller gave by what the running laptop's stack says.

    Args:
        bucket: Name of the bucket, or None.
        endpoint_url: Endpoint of S3, or None.
        stack_file: `.local/stack.json`; may be missing.
        env: Environment, of which `AWS_ENDPOINT_URL` counts.

    Raises:
        PublishError: If the bucket or the endpoint is not known.
    """
    stack: dict[str, Any] = json.loads(stack_file.read_text()) if stack_file.is_file() else {}
    bucket = bucket or stack.get("buckets", {}).get("artifacts")
    endpoint_url = endpoint_url or stack.get("aws_endpoint_url") or env.get("AWS_ENDPOINT_URL")
    if not bucket or not endpoint_url:
        raise PublishError(
            f"{stack_file} names no bucket or endpoint. Run make up first, or give --bucket and --endpoint-url."
        )
    return Target(bucket=bucket, endpoint_url=endpoint_url, region=stack.get("region", "us-east-1"))


def environment_target(name: str, *, bucket: str | None, endpoint_url: str | None) -> Target:
    """Read an environment's settings as Terraform does; nothing of the laptop counts.

    Args:
        name: Such as `dev`.
        bucket: Name of another bucket than the environment's, or None.
        endpoint_url: Endpoint of S3 if it is not the Region's own, or None.

    Raises:
        PublishError: If there is no such environment, or its settings cannot be read or lack the bucket.
    """
    try:
        found = environments.environment_named(name)
        values = environments.settings(found, env=environment(os.environ, workdir=ROOT / ".local" / "terraform"))
    except TerraformError as error:
        raise PublishError(str(error)) from error
    bucket = bucket or values.get("artifacts_bucket")
    if not bucket:
        raise PublishError(
            f"artifacts_bucket: not set in {found.folder / environments.SETTINGS}; it is output artifacts_bucket of "
            "terraform/bootstrap. Or give --bucket."
        )
    return Target(
        bucket=bucket, endpoint_url=endpoint_url, region=values.get("region"), account_id=values.get("account_id")
    )


def require_access(name: str, to: Target, *, chosen: bool, env: Mapping[str, str]) -> None:
    """Check, before anything is built, that there is an account to publish to and somebody to do it.

    Args:
        name: Of the environment.
        to: From `environment_target`.
        chosen: Whether the caller named bucket or endpoint, and so another place than the environment's own.
        env: Environment, as for `client`.

    Raises:
        PublishError: If not.
        BotoCoreError: If the profile is none.
    """
    found = environments.environment_named(name)
    if not chosen and not found.is_real:
        raise PublishError(f"{name} is not connected to an account (no {environments.BACKEND}): docs/guide.md, step 5")
    if to.endpoint_url and _is_loopback(to.endpoint_url):
        return
    session = boto3.Session(region_name=to.region, profile_name=env.get("AWS_PROFILE") or None)
    if session.get_credentials() is None:
        raise PublishError("no AWS credentials: set AWS_PROFILE (docs/guide.md, step 1)")


def client(to: Target, *, env: Mapping[str, str]) -> Any:
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
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path"} if root else None,
    )
    return boto3.client("s3", endpoint_url=to.endpoint_url, region_name=to.region, config=config, **root)


def _is_loopback(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):  # a name, not an address
        return ipaddress.ip_address(name).is_loopback
    return name == "localhost"
