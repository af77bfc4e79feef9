"""Putting the platform on a running laptop AWS with Terraform, the first time and again.

Memories first, since roles and broker name them; then the foundation, by the real provider; then all of AgentCore, by
the recording provider. The stand-ins boot from what that recorded. Which agent, and which version each endpoint serves,
stands in the laptop's release file, as in those of the environments.
"""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import jsonschema
import yaml

from local_aws.recorded_state import RecordedState
from local_aws.runtime.history import HISTORY_FILE, RUNTIME, VersionHistory
from local_aws.stack.state import StateFolder
from scripts.laptop.laptop import ROOT, Laptop, agentcore_root, link_for_terraform, release_file_of, terraform_root
from scripts.releases import release_file
from scripts.releases.release_checks import check_moves_to
from scripts.releases.release_file import Release, ReleaseError
from scripts.terraform.cli import TerraformRoot

CATALOG: Final = ROOT / "terraform" / "catalog"
_MEMORY_MODULE: Final = "module.agentcore.module.memory"
_ENDPOINTS: Final = "module.agentcore.module.runtime.aws_bedrockagentcore_agent_runtime_endpoint.this"
_CONTRACT: Final = ROOT / "terraform" / "modules" / "contract" / "main.tf"
_CONTROL_SECONDS: Final = 60.0
"""For a stand-in to read its state again. A new version's bundle has to be fetched and unpacked for that."""

Progress = Callable[[str], None]


class CatalogError(Exception):
    """The catalog, or a setting of the laptop, is not as it must be."""


class ReloadError(Exception):
    """A part of the running stack did not take the new state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformInputs:
    """What an apply needs besides the laptop's own settings; kept in the state folder for the next one."""

    manifest: Mapping[str, Any]  # of the published agent
    artifacts_bucket: str
    gateway_base_url: str
    catalog_dir: str | None = None  # None means the repository's
    policy_mode: str = "ENFORCE"
    endpoints: Mapping[str, str] = field(default_factory=lambda: {"live": "1", "candidate": "1"})  # runtime versions
    foundation: Mapping[str, str] | None = None  # what AgentCore needs of it; None before the foundation is applied


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the applies gave."""

    memories: Mapping[str, Mapping[str, str]]  # id and ARN by tier
    foundation: Mapping[str, Any]  # outputs
    agentcore: Mapping[str, Any]  # outputs
    release: Release


def recorded_file(state: StateFolder) -> Path:
    """Return where `terraform show -json` of the AgentCore root is kept for the stand-ins."""
    return state.path / "agentcore.json"


def inputs_file(state: StateFolder) -> Path:
    """Return where the inputs of the last apply are kept."""
    return state.path / "inputs.json"


def applied_catalog(state: StateFolder) -> Path:
    """Return where the catalog of the last apply is kept: endpoints move as it says, whatever is edited since."""
    return state.path / "catalog"


def check_catalog(folder: Path) -> None:
    """Check the tier catalog against its schema before anything is started; Terraform checks the rest.

    Raises:
        CatalogError: If it is not as its schema says.
    """
    file = folder / "tiers.yaml"
    try:
        tiers = yaml.safe_load(file.read_text(encoding="utf-8"))
        jsonschema.validate(tiers, json.loads((folder / "tiers.schema.json").read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise CatalogError(f"{file}: cannot be read ({type(error).__name__})") from error
    except jsonschema.ValidationError as error:
        raise CatalogError(f"{file}: {error.json_path}: {error.message}") from error


def apply_platform(laptop: Laptop, inputs: PlatformInputs, progress: Progress) -> Applied:
    """Apply memories, foundation and AgentCore, and record the state that the stand-ins boot from.

    Args:
        laptop: Where.
        inputs: What to apply.
        progress: Gets a line for each phase.

    Raises:
        ReleaseError: If the agent needs another contract than the platform's.
        TerraformError: If Terraform refuses or fails.
        ReloadError: If the emulator does not take the memories.
    """
    check_contract(inputs.manifest["contract_version"])
    common = _agentcore_variables(laptop, replace(inputs, foundation=None))
    with _kept_catalog(laptop, inputs), agentcore_root(laptop, os.environ) as agentcore:
        with phase("terraform apply memories", progress):
            agentcore.apply(common, targets=[_MEMORY_MODULE])
            memories = agentcore.output()["memories"]
        with phase("terraform apply foundation", progress):
            foundation_root = terraform_root(laptop, "foundation", os.environ)
            foundation_root.apply(_foundation_variables(laptop, inputs, memories))
            foundation = foundation_root.output()
        with phase("terraform apply agentcore", progress):
            applying = replace(inputs, foundation=_foundation_of(foundation))
            release = apply_agentcore(agentcore, laptop, applying, whole=True)
            outputs = agentcore.output()
    link_for_terraform(laptop.state)
    load_memories(laptop, RecordedState.load(recorded_file(laptop.state)))
    return Applied(memories=memories, foundation=foundation, agentcore=outputs, release=release)


@contextmanager
def _kept_catalog(laptop: Laptop, inputs: PlatformInputs) -> Iterator[None]:
    """Keep the catalog as it is now, once the block has applied it."""
    kept = applied_catalog(laptop.state)
    with tempfile.TemporaryDirectory(prefix=".catalog-", dir=laptop.state.path) as folder:
        copy = Path(folder) / "catalog"
        shutil.copytree(CATALOG if inputs.catalog_dir is None else inputs.catalog_dir, copy)
        yield
        shutil.rmtree(kept, ignore_errors=True)
        copy.rename(kept)


def apply_agentcore(root: TerraformRoot, laptop: Laptop, inputs: PlatformInputs, *, whole: bool = False) -> Release:
    """Apply AgentCore, and record it.

    Args:
        root: From `agentcore_root`.
        laptop: Where.
        inputs: What to apply, with what it needs of the foundation.
        whole: Whether memories and foundation were applied before it, so that the functions are of this release too.

    Raises:
        TerraformError: If Terraform refuses or fails.
    """
    root.apply(_agentcore_variables(laptop, inputs))
    return _record(laptop, inputs, root, whole=whole)


def check_contract(needed: int) -> None:
    """Check that the platform offers what an agent needs. Environments check it in their plan; here no plan does.

    Args:
        needed: From the manifest of the agent.

    Raises:
        ReleaseError: If it is another contract. Applied all the same, its functions would refuse every user at once.
    """
    text = _CONTRACT.read_text(encoding="utf-8")
    found = re.search(r"^\s*version\s*=\s*(\d+)$", text, re.MULTILINE)
    offered = int(found[1]) if found else None
    if offered != needed:
        raise ReleaseError(
            f"release.contract_version: must be {offered}, which this platform offers; publish an agent of that"
            f" contract, or go to a platform of the agent's; got {needed}"
        )


def move_endpoints(laptop: Laptop, inputs: PlatformInputs, progress: Progress) -> Release:
    """Let endpoints serve what the inputs say, and change nothing else; and record it.

    As in an environment, a plan is checked and then applied. It is made with the catalog of the last apply: what was
    edited since waits for the next `make apply`, and cannot keep anybody from going back.

    Args:
        laptop: Where.
        inputs: Those of the last apply, with other endpoints.
        progress: Gets a line for each phase.

    Raises:
        TerraformError: If Terraform refuses or fails.
        ReleaseError: If more than endpoints would change; nothing has changed then.
    """
    if inputs.foundation is None:
        outputs = terraform_root(laptop, "foundation", os.environ).output()
        inputs = replace(inputs, foundation=_foundation_of(outputs))
    variables = _agentcore_variables(laptop, inputs)
    kept = applied_catalog(laptop.state)
    planned = variables | ({"catalog_dir": str(kept)} if kept.is_dir() else {})
    with agentcore_root(laptop, os.environ) as agentcore, phase("terraform moves endpoints", progress):
        with tempfile.TemporaryDirectory(prefix=".plan-", dir=agentcore.work) as folder:
            plan_file = Path(folder) / "plan"
            document = agentcore.plan(planned, out=plan_file, targets=[_ENDPOINTS])
            if check_moves_to(document, endpoints=inputs.endpoints):
                agentcore.apply_plan(plan_file)
        agentcore.keep(variables)
        return _record(laptop, inputs, agentcore, whole=False)


def _record(laptop: Laptop, inputs: PlatformInputs, agentcore: TerraformRoot, *, whole: bool) -> Release:
    """Keep what was applied: the recorded state, the runtime's versions, the inputs and the release.

    The history comes before the state that refers to it: a stand-in may read them at any moment.
    """
    document = agentcore.show()
    recorded = RecordedState.parse(document)
    history = VersionHistory.load(laptop.state.path / HISTORY_FILE).with_recorded(recorded)
    laptop.state.write(laptop.state.path / HISTORY_FILE, history.to_json())
    laptop.state.write(recorded_file(laptop.state), document)
    laptop.state.write(inputs_file(laptop.state), asdict(inputs))
    runtime = recorded.one(RUNTIME)
    file = release_file_of(laptop.state)
    release = release_file.load(file) if file.is_file() else release_file.with_published(None, inputs.manifest)
    release = release.with_applied(runtime["agent_runtime_version"], runtime["tags"]["AgentVersion"], whole=whole)
    release_file.save(release, file)
    return release


def manifest_of(release: Release) -> dict[str, Any]:
    """Return what an apply needs of the manifest of the newest published version."""
    made = release.artifacts
    return {
        "version": release.agent_version,
        "contract_version": release.contract_version,
        "runtime": made.runtime_name,
        "lambda_runtime": made.lambda_runtime,
        "architecture": made.architecture,
        "artifacts": {"runtime": asdict(made.runtime), "lambda": asdict(made.lambda_)},
    }


def release_fields(release: Release, runtime_url: str) -> dict[str, Any]:
    """Return what stack.json says about releases.

    Args:
        release: As it was applied.
        runtime_url: Of the live endpoint.
    """
    base = runtime_url.partition("?")[0]
    return {
        "runtime_urls": {name: f"{base}?qualifier={name}" for name in release.endpoints},
        "agent_versions": {name: release.agent_version_of(name) for name in release.endpoints},
        "candidate_share_percent": release.candidate_share_percent,
    }


def load_memories(laptop: Laptop, state: RecordedState) -> None:
    """Make the emulator's memories those that Terraform recorded.

    Raises:
        ReloadError: If it refuses.
    """
    strategies: dict[str, list[dict[str, Any]]] = {}
    for values in state.of_type("aws_bedrockagentcore_memory_strategy"):
        strategies.setdefault(values["memory_id"], []).append(
            {
                "id": values["memory_strategy_id"],
                "name": values["name"],
                "type": values["type"],
                "namespace_templates": list(values["namespace_templates"]),
            }
        )
    memories = [
        {
            "id": values["id"],
            "arn": values["arn"],
            "name": values["name"],
            "event_expiry_days": values["event_expiry_duration"],
            "strategies": strategies.get(values["id"], []),
        }
        for values in state.of_type("aws_bedrockagentcore_memory")
    ]
    _control(laptop, "PUT", f"{laptop.aws_endpoint_url}/_local/memories", {"memories": memories})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What the Runtime stand-in serves after it read the recorded state again."""

    endpoints: Mapping[str, str]  # runtime version number by endpoint; DEFAULT too
    failed: Mapping[str, str]  # why a version that DEFAULT alone names cannot be served


def reload_standins(laptop: Laptop, stack: Mapping[str, Any]) -> Reloaded:
    """Let Gateway and Runtime of a running stack read the recorded state again.

    Raises:
        ReloadError: If one refuses; it goes on with what it had.
    """
    _reload(laptop, stack["gateway_url"])
    return reload_runtime(laptop, stack)


def reload_runtime(laptop: Laptop, stack: Mapping[str, Any]) -> Reloaded:
    """Let the Runtime of a running stack read the recorded state again.

    Raises:
        ReloadError: If it refuses; it goes on with what it had.
    """
    answer = _reload(laptop, stack["runtime_url"]).json()
    return Reloaded(endpoints=answer["endpoints"], failed=answer["failed"])


def _reload(laptop: Laptop, url: str) -> httpx.Response:
    parts = urlsplit(url)
    return _control(laptop, "POST", f"{parts.scheme}://{parts.netloc}/_local/reload", None)


def _control(laptop: Laptop, method: str, url: str, content: Any) -> httpx.Response:
    headers = {"X-Local-Secret": laptop.secret}
    try:
        answer = httpx.request(method, url, json=content, headers=headers, timeout=_CONTROL_SECONDS, trust_env=False)
    except httpx.HTTPError as failure:
        raise ReloadError(f"{url}: no answer ({type(failure).__name__}); see `make logs`") from failure
    if not answer.is_success:
        raise ReloadError(f"{url}: {answer.status_code} {answer.text.strip()[:500]}")
    return answer


def _agentcore_variables(laptop: Laptop, inputs: PlatformInputs) -> dict[str, Any]:
    return {
        **_place(laptop, inputs),
        "artifacts": {
            "bucket": inputs.artifacts_bucket,
            "runtime": _artifact(inputs, "runtime"),
            "runtime_name": inputs.manifest["runtime"],
        },
        "endpoints": dict(inputs.endpoints),
        "foundation": inputs.foundation,
        "gateway_base_url": inputs.gateway_base_url,
        "policy_mode": inputs.policy_mode,
    }


def _foundation_variables(laptop: Laptop, inputs: PlatformInputs, memories: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_place(laptop, inputs),
        "artifacts": {
            "bucket": inputs.artifacts_bucket,
            "runtime": {"key": inputs.manifest["artifacts"]["runtime"]["key"]},
            "lambda": _artifact(inputs, "lambda"),
            "lambda_runtime": inputs.manifest["lambda_runtime"],
            "architecture": inputs.manifest["architecture"],
        },
        "memories": memories,
        "oidc_base_url": laptop.aws_endpoint_url,
        "password_sign_in": True,
    }


def _place(laptop: Laptop, inputs: PlatformInputs) -> dict[str, Any]:
    return {
        "region": laptop.region,
        "account_id": laptop.account_id,
        "partition": "aws",
        "name_prefix": laptop.name_prefix,
        "agent_version": inputs.manifest["version"],
        "catalog_dir": inputs.catalog_dir,
        "aws_endpoint_url": laptop.aws_endpoint_url,
    }


def _artifact(inputs: PlatformInputs, kind: str) -> dict[str, str]:
    entry = inputs.manifest["artifacts"][kind]
    return {"key": entry["key"], "sha256": entry["sha256"]}


def _foundation_of(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Choose what the AgentCore root needs of the foundation."""
    return {
        "issuer": outputs["issuer"],
        "discovery_url": outputs["discovery_url"],
        "jwks_url": outputs["jwks_url"],
        "client_id": outputs["client_id"],
        "execution_role_arn": outputs["roles"]["execution"],
        "gateway_role_arn": outputs["roles"]["gateway"],
        "broker_function_arn": outputs["functions"]["broker"],
        "interceptor_function_arn": outputs["functions"]["interceptor"],
        "tools_function_arn": outputs["functions"]["tools"],
    }


@contextmanager
def phase(name: str, progress: Progress) -> Iterator[None]:
    """Tell how long the block took."""
    began = time.monotonic()
    yield
    progress(f"{name}: {time.monotonic() - began:.1f} s")
