"""What `up` does to a fresh emulator, phase by phase, until the platform is on it."""

import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import quote

from local_aws.stack.processes import free_port
from local_aws.stack.state import StateFolder
from local_aws.stack.supervisor import Part, Supervisor
from scripts import publish
from scripts.bundle import Bundles
from scripts.laptop.laptop import Laptop, forget_terraform_state, terraform_root
from scripts.laptop.own_model import find_model
from scripts.laptop.platform import (
    CATALOG,
    Applied,
    CatalogError,
    PlatformInputs,
    apply_platform,
    check_catalog,
    phase,
    recorded_file,
    release_fields,
)
from scripts.publish import Manifest
from scripts.publishing.source_tree import SourceTree
from scripts.publishing.target import LAPTOP
from scripts.seed import SeedResult, seed
from scripts.tenants.sample_data import load
from scripts.tenants.settings import PlatformSettings
from scripts.terraform.cli import TerraformRoot

_ROLES: Final = ("execution", "broker", "tenant", "tools", "interceptor", "gateway")
_LIVE: Final = "live"
_NOON: Final = "12:00"
_TENANT_IN_FLIGHT: Final = 6
"""Tool calls of one clinic at a time: fewer than the 8 processes that the emulator gives a function, so that another
clinic's calls always find one."""
_INTERCEPTOR_SECONDS: Final = 20
"""Longer than the function itself may take: on a busy laptop its process has to be started first."""

Progress = Callable[[str], None]


def _part(module: str, *arguments: str, health_path: str, secret: str) -> Part:
    port = free_port()
    return Part(
        name=module,
        # -P: the working directory, which is the state folder, is no place to import from.
        command=[sys.executable, "-P", "-m", f"local_aws.{module}", "--port", str(port), *arguments],
        port=port,
        health_path=health_path,
        environment={"LOCAL_AWS_SECRET": secret},
    )


def model_part(secret: str) -> Part:
    """Describe the offline model."""
    return _part("model", health_path="/health", secret=secret)


def emulator_part(secret: str, *, model_url: str, model_name: str | None = None) -> Part:
    """Describe the emulator."""
    options = ["--model-url", model_url, *(["--model-name", model_name] if model_name else [])]
    return _part("emulator", *options, health_path="/_ministack/health", secret=secret)


def apply_bootstrap(laptop: Laptop, root: TerraformRoot) -> dict[str, Any]:
    """Make the artifacts bucket, the state bucket and their key; return the outputs."""
    root.apply(
        {
            "account_id": laptop.account_id,
            "region": laptop.region,
            "name_prefix": laptop.name_prefix,
            "protect_data": False,
            "kms_deletion_window_days": 7,
        }
    )
    return root.output()


def publish_agent(laptop: Laptop, bundles: Bundles, source: SourceTree, *, bucket: str, progress: Progress) -> Manifest:
    """Put the agent's bundles into the artifacts bucket. Sources that differ from their commit are marked as such."""
    return publish.publish(s3=laptop.client("s3"), bucket=bucket, bundles=bundles, source=source, progress=progress)


def gateway_part(laptop: Laptop, *, policy_clock: str | None) -> Part:
    """Write the Gateway stand-in's configuration and describe it. Terraform is told its port before it starts."""
    file = laptop.state.path / "gateway.json"
    limits = {"tenant_in_flight": _TENANT_IN_FLIGHT, "interceptor_timeout_seconds": _INTERCEPTOR_SECONDS}
    laptop.state.write(file, {**_standin_settings(laptop), **limits, "policy_clock": policy_clock})
    return _part("gateway", "--config", str(file), health_path="/ping", secret=laptop.secret)


def runtime_part(laptop: Laptop, arn: str, *, warm_spares: int) -> tuple[Part, str]:
    """Write the Runtime stand-in's configuration and describe it; return it with the URL for invocations."""
    config = {
        **_standin_settings(laptop),
        "work_dir": str(laptop.state.path / "runtime"),
        "warm_spares": warm_spares,
    }
    file = laptop.state.path / "runtime.json"
    laptop.state.write(file, config)
    part = _part("runtime", "--config", str(file), health_path="/ping", secret=laptop.secret)
    return part, f"http://127.0.0.1:{part.port}/runtimes/{quote(arn, safe='')}/invocations?qualifier={_LIVE}"


def _standin_settings(laptop: Laptop) -> dict[str, str]:
    return {
        "state": str(recorded_file(laptop.state)),
        "aws_endpoint_url": laptop.aws_endpoint_url,
        "region": laptop.region,
        "account_id": laptop.account_id,
        "log_dir": str(laptop.state.logs),
    }


def drop_old_bundles(laptop: Laptop, manifest: Mapping[str, Any]) -> None:
    """Remove unpacked bundles of other versions; each takes some 100 MB."""
    keep = {manifest["artifacts"]["runtime"]["sha256"]}
    for folder in (laptop.state.path / "runtime").glob("*"):
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def seed_clinics(laptop: Laptop, applied: Applied, progress: Progress) -> SeedResult:
    """Onboard the sample clinics."""
    foundation = applied.foundation
    settings = PlatformSettings(
        aws_endpoint_url=laptop.aws_endpoint_url,
        region=laptop.region,
        user_pool_id=foundation["user_pool_id"],
        registry_table=foundation["tables"]["registry"],
        patients_table=foundation["tables"]["patients"],
        documents_bucket=foundation["buckets"]["documents"],
        tiers=frozenset(applied.memories),
    )
    return seed(settings, load(), progress)


def stack_document(
    laptop: Laptop,
    applied: Applied,
    *,
    bucket: str,
    seeded: SeedResult,
    runtime_url: str,
    gateway_url: str,
    model_url: str,
) -> dict[str, Any]:
    """Build the content of stack.json, which programs from outside read."""
    foundation = applied.foundation
    return {
        "aws_endpoint_url": laptop.aws_endpoint_url,
        "region": laptop.region,
        "account_id": laptop.account_id,
        "user_pool_id": foundation["user_pool_id"],
        "client_id": foundation["client_id"],
        "issuer": foundation["issuer"],
        "runtime_url": runtime_url,
        **release_fields(applied.release, runtime_url),
        "gateway_url": gateway_url,
        # Not there yet; the keys are part of the contract.
        "edge_url": None,
        "console_url": None,
        "roles": {name: foundation["roles"][name] for name in _ROLES},
        "functions": dict(foundation["functions"]),
        "buckets": {"documents": foundation["buckets"]["documents"], "artifacts": bucket},
        "tables": {name: foundation["tables"][name] for name in ("registry", "patients")},
        "memories": {tier: memory["id"] for tier, memory in applied.memories.items()},
        "guardrails": {tier: dict(guardrail) for tier, guardrail in foundation["guardrails"].items()},
        "model_url": model_url,
        "tenants": seeded.tenants,
        "users": seeded.users,
        "suspended_tenants": seeded.suspended_tenants,
        "suspended_users": seeded.suspended_users,
    }


def policy_clock(environment: Mapping[str, str]) -> str | None:
    """Return what the Gateway's clock starts at: noon, so that access hours don't lock the laptop at night.

    Args:
        environment: `POLICY_CLOCK` is read: a time of day such as `19:30` (UTC), or `real` for this machine's clock.

    Raises:
        CatalogError: If it is something else.
    """
    value = environment.get("POLICY_CLOCK") or _NOON
    if value == "real":
        return None
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise CatalogError(f"POLICY_CLOCK: {value!r} is neither a time of day such as 19:30 (UTC) nor `real`")
    return value


def provision(
    state: StateFolder, supervisor: Supervisor, progress: Progress, *, model_url: str | None, warm_spares: int
) -> dict[str, Any]:
    """Start the parts and put the platform on them.

    Args:
        state: The locked folder.
        supervisor: Holds the parts; the caller stops it, whatever happens here.
        progress: Gets a line for each phase.
        model_url: OpenAI-compatible server to use instead of the offline model.
        warm_spares: Agent processes to start ahead.

    Returns:
        The content of stack.json, which has been written.
    """
    began = time.monotonic()
    clock = policy_clock(os.environ)
    check_catalog(CATALOG)
    secret = secrets.token_urlsafe(32)
    state.write(state.secret_file, secret)
    forget_terraform_state(state)
    with phase("emulator and model", progress):
        parts, model_name = [], None
        if model_url is None:
            parts.append(model_part(secret))
            model_url = f"http://127.0.0.1:{parts[0].port}"
        else:
            own = find_model(model_url, os.environ.get("MODEL_NAME") or None)
            model_url, model_name = own.url, own.name
            progress(f"model {model_name} of {model_url} instead of the offline model")
        parts.append(emulator_part(secret, model_url=model_url, model_name=model_name))
        for part in parts:
            supervisor.start(part)
        for part in parts:
            supervisor.wait_ready(part)
    laptop = Laptop(state=state, aws_endpoint_url=f"http://127.0.0.1:{parts[-1].port}", secret=secret)
    bootstrap_root, foundation_root = (terraform_root(laptop, name, os.environ) for name in ("bootstrap", "foundation"))
    with ThreadPoolExecutor(2) as background:
        # Neither the bundles nor the providers need what bootstrap makes, and bootstrap mostly waits.
        building = background.submit(publish.build_for, LAPTOP, progress=progress)
        preparing = background.submit(foundation_root.init)
        with phase("terraform apply bootstrap", progress):
            bootstrap = apply_bootstrap(laptop, bootstrap_root)
            preparing.result()
        bucket = bootstrap["artifacts_bucket"]
        with phase("agent built and published", progress):
            manifest = publish_agent(laptop, *building.result(), bucket=bucket, progress=progress).to_json()
    gateway = gateway_part(laptop, policy_clock=clock)
    gateway_base_url = f"http://127.0.0.1:{gateway.port}"
    inputs = PlatformInputs(manifest=manifest, artifacts_bucket=bucket, gateway_base_url=gateway_base_url)
    applied = apply_platform(laptop, inputs, progress)
    drop_old_bundles(laptop, manifest)
    with phase("sample clinics, gateway and runtime", progress):
        runtime, runtime_url = runtime_part(laptop, applied.agentcore["runtime"]["arn"], warm_spares=warm_spares)
        supervisor.start(gateway)
        supervisor.start(runtime)  # it fetches the bundle while the clinics are onboarded
        seeded = seed_clinics(laptop, applied, lambda _: None)
        supervisor.wait_ready(gateway)
        supervisor.wait_ready(runtime)
    stack = stack_document(
        laptop,
        applied,
        bucket=bucket,
        seeded=seeded,
        runtime_url=runtime_url,
        gateway_url=f"{gateway_base_url}/mcp",
        model_url=model_url,
    )
    supervisor.publish(stack)
    if clock is not None:
        progress(f"the gateway's clock for access hours started at {clock} UTC (POLICY_CLOCK=real: this machine's)")
    progress(f"ready in {time.monotonic() - began:.1f} s")
    return stack
