"""Clients and statements for the contract tests."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT, REGION = "000000000000", "us-east-1"
DENIED = {"AccessDenied", "AccessDeniedException"}
SECRET = "contract-test-secret"
START_SECONDS = 15.0
STOP_SECONDS = 5.0


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def statement(actions: str | list[str], resources: str | list[str], **condition: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return found | ({"Condition": condition} if condition else {})


def policy(*statements: Mapping[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


@dataclass(frozen=True, kw_only=True)
class Caller:
    """boto3 clients with one set of credentials; the default ones are the account's root."""

    endpoint: str
    credentials: Mapping[str, Any] = field(
        default_factory=lambda: {"AccessKeyId": "test", "SecretAccessKey": "test", "SessionToken": None}
    )

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            # No validation here: what the service refuses is the question.
            config=Config(
                retries={"max_attempts": 1}, inject_host_prefix=False, read_timeout=20, parameter_validation=False
            ),
            aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials["SessionToken"],
        )

    def assume(self, role: str, *, request: Mapping[str, Any] | None = None, **tags: str) -> Caller:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        answer = self.client("sts").assume_role(
            **{"RoleArn": role_arn(role), "RoleSessionName": "test", "Tags": listed, **(request or {})}
        )
        return Caller(endpoint=self.endpoint, credentials=answer["Credentials"])


def create_role(root: Caller, name: str, trust: list[dict[str, Any]], statements: list[dict[str, Any]]) -> str:
    """Create a role with one inline policy and give its ARN."""
    iam = root.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(*trust))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements))
    return role_arn(name)


def grant(root: Caller, role: str, name: str, *statements: dict[str, Any]) -> None:
    root.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy(*statements))


def trust(principal: str, *actions: str, **condition: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Principal": {"AWS": principal}}
    return found | ({"Condition": condition} if condition else {})


def allowed(call: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Whether a call passes authorisation; an error other than a denial is the test's own mistake."""
    try:
        answer = call(*args, **kwargs)
    except ClientError as failure:
        if failure.response["Error"]["Code"] in DENIED:
            return False
        raise
    if isinstance(answer, dict) and "stream" in answer:
        answer["stream"].close()
    return True


def error_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[str, str, int]:
    """Code, message and HTTP status of a call that fails."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(url: str, content: Any, **headers: str) -> tuple[int, Any]:
    """POST JSON to a local server and parse the answer; an HTTP error is an answer too."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        url, json.dumps(content).encode(), {"Content-Type": "application/json", **named}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as failure:
        with failure:
            return failure.code, json.load(failure)


@contextmanager
def serving(
    module: str, *options: str, health: str, log: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server of this package on a free port, wait until it is healthy, and stop it at the end."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", module, "--port", str(port), "--log-file", str(log), *options]
    process = subprocess.Popen(command, env=dict(environment))
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(url + health, timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, f"{module} is not up after {START_SECONDS} s"
                time.sleep(0.05)
        yield url, process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
