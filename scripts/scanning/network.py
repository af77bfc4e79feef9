"""Plans of `terraform/network`, which is no environment: a root of its own, with the example values for production."""

from collections.abc import Mapping
from typing import Any, Final

from scripts.plan import OfflineWorkspace
from scripts.plans.roots import Root
from scripts.terraform.environments import Environment

FOLDER: Final = "terraform/network"
VALUES: Final = "example.production.tfvars"
"""Production is asked most: how long logs are kept, and with which key."""


def plan_network(workspace: OfflineWorkspace) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Plan it offline.

    Args:
        workspace: A copy of the sources.

    Returns:
        The plan from nothing, and the plan of what was recorded, in which ids and ARNs are known.

    Raises:
        TerraformError: If terraform refuses.
    """
    folder = workspace.folder / "network"
    (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n', encoding="utf-8")
    state = workspace.work / "root-network.tfstate"
    root = Root(
        environment=Environment(name="network", folder=folder),
        env={**workspace.env, "GOGC": "400"},
        data=workspace.work / "data" / "root-network",
        state=state,
        values=(f"-var-file={VALUES}",),
        sample_release=False,
        progress=lambda _: None,
    )
    root.init(f"-backend-config=path={state}")
    out = workspace.work / "root-network.tfplan"
    fresh = root.plan(out, "-refresh=false").document
    root.terraform("apply", "-input=false", "-no-color", str(out))
    return fresh, root.plan(out, "-refresh=false").document
