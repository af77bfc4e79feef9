"""What `up` does to a fresh emulator, phase by phase, until the platform is on it."""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import jsonschema
import yaml

from local_aws.runtime.config import parse_config
from local_aws.stack.processes import free_port
from local_aws.stack.state import StateFolder
from local_aws.stack.supervisor import Part, Supervisor
from scripts import bundle, publish
from scripts.bundle import Bundles
from scripts.own_model import find_model
from scripts.publish import Manifest
from scripts.sample_data import load
from scripts.seed import SeedResult, seed
from scripts.settings import PlatformSettings
from scripts.terraform_cli import TerraformRoot
from scripts.up_laptop import ROOT, Laptop, forget_terraform_state, terraform_root

_CATALOG: Final = ROOT / "terraform" / "catalog"
_PREFERENCES: Final = "/actors/{actorId}/preferences/"
_ROLES: Final = ("execution", "broker", "tenant", "tools", "interceptor", "gateway")
_LIVE: Final = "live"

Progress = Callable[[str], None]


class CatalogError(Exception):
    """The tier catalog is not as its schema says."""


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


def publish_agent(laptop: Laptop, bundles: Bundles, *, bucket: str, progress: Progress) -> Manifest:
    """Put the agent's bundles into the artifacts bucket."""
    return publish.publish(s3=laptop.client("s3"), bucket=bucket, bundles=bundles, progress=progress)


def read_tiers() -> dict[str, Any]:
    """Read the tier catalog.

    Raises:
        CatalogError: If it is not as its schema says.
    """
    tiers: dict[str, Any] = yaml.safe_load((_CATALOG / "tiers.yaml").read_text(encoding="utf-8"))
    try:
        jsonschema.validate(tiers, json.loads((_CATALOG / "tiers.schema.json").read_text(encoding="utf-8")))
    except jsonschema.ValidationError as error:
        raise CatalogError(f"terraform/catalog/tiers.yaml: {error.json_path}: {error.message}") from error
    return tiers


def create_memories(laptop: Laptop, tiers: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Make one AgentCore memory for each tier of the catalog, by the control plane's API.

    On AWS this is the memory module's work. The laptop's Terraform cannot do it yet: the AgentCore resources need a
    newer provider than the one that the emulator is used with, so for now it happens here, with the same values.

    Returns:
        Id and ARN by tier.
    """
    control = laptop.client("bedrock-agentcore-control")
    made: dict[str, dict[str, str]] = {}
    for tier, settings in tiers.items():
        memory = settings["memory"]
        strategy = {"name": "preferences", "namespaceTemplates": [_PREFERENCES]}
        created = control.create_memory(
            name=f"{laptop.name_prefix.replace('-', '_')}_{tier}",
            eventExpiryDuration=memory["retention_days"],
            memoryStrategies=[{"userPreferenceMemoryStrategy": strategy}] if memory["long_term_preferences"] else [],
        )["memory"]
        made[tier] = {"id": created["id"], "arn": created["arn"]}
    return made


def apply_foundation(
    laptop: Laptop, root: TerraformRoot, *, manifest: Manifest, bucket: str, memories: Mapping[str, Any]
) -> dict[str, Any]:
    """Make identities, roles, functions and data stores; return the outputs."""
    published = manifest.to_json()
    artifacts = {name: {key: entry[key] for key in ("key", "sha256")} for name, entry in published["artifacts"].items()}
    root.apply(
        {
            "region": laptop.region,
            "account_id": laptop.account_id,
            "partition": "aws",
            "name_prefix": laptop.name_prefix,
            "agent_version": published["version"],
            "artifacts": {
                "bucket": bucket,
                "runtime": artifacts["runtime"],
                "lambda": artifacts["lambda"],
                "lambda_runtime": published["lambda_runtime"],
                "runtime_name": published["runtime"],
                "architecture": published["architecture"],
            },
            "memories": memories,
            "oidc_base_url": laptop.aws_endpoint_url,
            "aws_endpoint_url": laptop.aws_endpoint_url,
            "password_sign_in": True,
        }
    )
    return root.output()


def runtime_part(laptop: Laptop, outputs: Mapping[str, Any], *, warm_spares: int) -> tuple[Part, str]:
    """Write the Runtime stand-in's configuration and describe it; return it with the URL for invocations."""
    config = {
        "runtime": outputs["runtime"],
        "aws_endpoint_url": laptop.aws_endpoint_url,
        "region": laptop.region,
        "account_id": laptop.account_id,
        "work_dir": str(laptop.state.path / "runtime"),
        "log_dir": str(laptop.state.logs),
        "warm_spares": warm_spares,
    }
    arn = parse_config(config).arn
    file = laptop.state.path / "runtime.json"
    laptop.state.write(file, config)
    part = _part("runtime", "--config", str(file), health_path="/ping", secret=laptop.secret)
    return part, f"http://127.0.0.1:{part.port}/runtimes/{quote(arn, safe='')}/invocations?qualifier={_LIVE}"


def drop_old_bundles(laptop: Laptop, outputs: Mapping[str, Any]) -> None:
    """Remove unpacked bundles of other versions; each takes some 100 MB."""
    keep = {outputs["runtime"]["code_sha256"]}
    for folder in (laptop.state.path / "runtime").glob("*"):
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def seed_clinics(
    laptop: Laptop, outputs: Mapping[str, Any], memories: Mapping[str, Any], progress: Progress
) -> SeedResult:
    """Onboard the sample clinics."""
    settings = PlatformSettings(
        aws_endpoint_url=laptop.aws_endpoint_url,
        region=laptop.region,
        user_pool_id=outputs["user_pool_id"],
        registry_table=outputs["tables"]["registry"],
        patients_table=outputs["tables"]["patients"],
        documents_bucket=outputs["buckets"]["documents"],
        tiers=frozenset(memories),
    )
    return seed(settings, load(), progress)


def stack_document(
    laptop: Laptop,
    *,
    bucket: str,
    memories: Mapping[str, Any],
    outputs: Mapping[str, Any],
    seeded: SeedResult,
    runtime_url: str,
    model_url: str,
) -> dict[str, Any]:
    """Build the content of stack.json, which programs from outside read."""
    return {
        "aws_endpoint_url": laptop.aws_endpoint_url,
        "region": laptop.region,
        "account_id": laptop.account_id,
        "user_pool_id": outputs["user_pool_id"],
        "client_id": outputs["client_id"],
        "issuer": outputs["issuer"],
        "runtime_url": runtime_url,
        # Not there yet; the keys are part of the contract.
        "gateway_url": None,
        "edge_url": None,
        "console_url": None,
        "roles": {name: outputs["roles"].get(name) for name in _ROLES},
        "functions": {"broker": outputs["broker_function_arn"]},
        "buckets": {"documents": outputs["buckets"]["documents"], "artifacts": bucket},
        "tables": {name: outputs["tables"][name] for name in ("registry", "patients")},
        "memories": {tier: memory["id"] for tier, memory in memories.items()},
        "model_url": model_url,
        "tenants": seeded.tenants,
        "users": seeded.users,
        "suspended_tenants": seeded.suspended_tenants,
        "suspended_users": seeded.suspended_users,
    }


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
    tiers = read_tiers()
    secret = secrets.token_urlsafe(32)
    state.write(state.secret_file, secret)
    forget_terraform_state(state)
    with _phase("emulator and model", progress):
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
    with ThreadPoolExecutor(1) as background:
        # The bundles need nothing that Terraform makes, and both take their time.
        building = background.submit(bundle.build, progress=progress)
        with _phase("terraform apply bootstrap", progress):
            bootstrap = apply_bootstrap(laptop, terraform_root(laptop, "bootstrap", os.environ))
        bucket = bootstrap["artifacts_bucket"]
        with _phase("agent built and published", progress):
            manifest = publish_agent(laptop, building.result(), bucket=bucket, progress=progress)
    with _phase("memories", progress):
        memories = create_memories(laptop, tiers)
    with _phase("terraform apply foundation", progress):
        foundation = terraform_root(laptop, "foundation", os.environ)
        outputs = apply_foundation(laptop, foundation, manifest=manifest, bucket=bucket, memories=memories)
    drop_old_bundles(laptop, outputs)
    with _phase("sample clinics and runtime", progress):
        runtime, runtime_url = runtime_part(laptop, outputs, warm_spares=warm_spares)
        supervisor.start(runtime)  # it fetches the bundle while the clinics are onboarded
        seeded = seed_clinics(laptop, outputs, memories, lambda _: None)
        supervisor.wait_ready(runtime)
    stack = stack_document(
        laptop,
        bucket=bucket,
        memories=memories,
        outputs=outputs,
        seeded=seeded,
        runtime_url=runtime_url,
        model_url=model_url,
    )
    supervisor.publish(stack)
    progress(f"ready in {time.monotonic() - began:.1f} s")
    return stack


@contextmanager
def _phase(name: str, progress: Progress) -> Iterator[None]:
    began = time.monotonic()
    yield
    progress(f"{name}: {time.monotonic() - began:.1f} s")
