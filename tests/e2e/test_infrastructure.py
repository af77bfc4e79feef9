"""The platform as it stands: what Terraform would still change, what runs where, with which rights."""

import hashlib
from pathlib import Path

import psutil
import pytest

from scripts.tours.tenant_credentials import client, execution_role
from scripts.up import plan_is_empty
from tests.conftest import Platform


@pytest.mark.parametrize("root", ["bootstrap", "foundation", "agentcore"])
def test_the_plan_right_after_apply_is_empty(platform: Platform, root: str) -> None:
    assert plan_is_empty(platform.state_dir, root)


def _agents(platform: Platform) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(platform.state_dir) in command and "main.py" in command:
            found.append(process)
    return found


def _published_sha256(platform: Platform) -> str:
    s3, bucket = platform.root("s3"), platform.stack["buckets"]["artifacts"]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    (key,) = [key for key in keys if "/runtime-" in key]
    return hashlib.sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()


def test_agents_run_from_the_published_bundle_with_the_recorded_environment_only(platform: Platform) -> None:
    assert platform.session("clinic-a").ask("What are our opening hours?").status == 200
    # The latest: older sessions may be ended while we look.
    agents = sorted(_agents(platform), key=lambda agent: agent.create_time())[-3:]
    assert agents
    bundle = platform.state_dir.resolve() / "runtime" / _published_sha256(platform)
    for agent in agents:
        environment = agent.environ()
        allowed = {
            *(
                "TOKEN_ISSUER",
                "TOKEN_JWKS_URL",
                "TOKEN_CLIENT_ID",
                "BROKER_FUNCTION",
                "GATEWAY_URL",
                "PLATFORM_CONTRACT",
                "PLATFORM_NAME",
            ),
            *("AWS_REGION", "AWS_ENDPOINT_URL", "PORT", "PATH", "LANG", "TZ", "LC_CTYPE", "HOME", "TMPDIR"),
            *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        }
        assert set(environment) <= allowed
        assert str(platform.state_dir) in environment["HOME"]
        # Isolated, without site-packages, and with one folder to import from: the bundle whose checksum was published.
        command = agent.cmdline()
        assert {"-I", "-S"} <= set(command)
        assert Path(command[command.index("main.py") - 1]) == bundle
    modules = [entry.path for entry in agents[-1].memory_maps() if entry.path.endswith(".so")]
    source = str(Path(__file__).parents[2])
    assert not [path for path in modules if path.startswith(source)]


def test_the_execution_role_is_what_agents_have(platform: Platform) -> None:
    identity = client(platform.stack, "sts", execution_role(platform.stack)).get_caller_identity()["Arn"]
    assert platform.stack["roles"]["execution"].rsplit("/", 1)[-1] in identity


def test_the_stack_file_keeps_the_contract_and_is_private(platform: Platform) -> None:
    path = platform.state_dir / "stack.json"
    assert path.stat().st_mode & 0o077 == 0
    keys = {
        *("aws_endpoint_url", "region", "account_id", "user_pool_id", "client_id", "issuer", "runtime_url"),
        *("gateway_url", "edge_url", "console_url", "roles", "buckets", "tables", "memories", "tenants", "users"),
    }
    assert keys <= set(platform.stack)
    assert set(platform.stack["roles"]) == {"execution", "broker", "tenant", "tools", "interceptor", "gateway"}
    assert set(platform.stack["memories"]) == {"basic", "premium"}
    assert len(platform.stack["users"]) >= 15
    for user in platform.stack["users"]:
        assert set(user) >= {"username", "password", "clinic_id", "tier"}
