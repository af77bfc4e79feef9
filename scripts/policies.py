"""Render the policies as Terraform does, check them, and decide every case that they can tell apart.

`python -m scripts.policies` prints the table, `--check` compares it with the golden file, `--update` writes that file.
"""

import argparse
import difflib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local_aws.agentcore.errors import InvalidConfigError
from local_aws.gateway.recorded import GatewayConfig, read_gateway
from local_aws.recorded_state import RecordedState, RecordedStateError
from scripts.cedar.checks import problems, useless
from scripts.cedar.table import decide_all, render
from scripts.terraform.cli import ROOT, TerraformError, TerraformRoot, recording_environment

GOLDEN: Final = ROOT / "terraform" / "catalog" / "policies" / "decisions.md"
_WORK: Final = ROOT / ".local" / "terraform" / "policies"
_ACCOUNT: Final = "000000000000"
_REGION: Final = "us-east-1"


class PoliciesWrong(Exception):
    """The policies are not as they have to be. The message lists what is wrong, one line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What Terraform rendered."""

    config: GatewayConfig
    policies: Mapping[str, str] = field(repr=False)  # Cedar text by tier

    @property
    def tiers(self) -> list[str]:
        """The tiers, by the authorizer: whoever it lets in has to have a policy."""
        rules = [rule for rule in self.config.authorizer.custom_claims if rule.name == "tiers"]
        return sorted(frozenset[str]().union(*(rule.accepted for rule in rules)))


def render_policies(*, work: Path = _WORK, catalog: Path | None = None) -> Rendered:
    """Apply the AgentCore root with example values of the foundation, in a folder of its own. Nothing is created.

    Args:
        work: Folder for Terraform's files.
        catalog: Another catalog than the repository's.

    Raises:
        TerraformError: If Terraform refuses it.
        PoliciesWrong: If the recorded state is none that a gateway could run.
    """
    env = recording_environment(os.environ, workdir=work)
    root = TerraformRoot(folder=ROOT / "terraform" / "envs" / "local" / "agentcore", work=work / "root", env=env)
    root.apply(_example_variables(catalog))
    return read_rendered(root.show())


def read_rendered(document: Any) -> Rendered:
    """Read what `terraform show -json` printed.

    Raises:
        PoliciesWrong: If it is none that a gateway could run.
    """
    try:
        state = RecordedState.parse(document)
        return Rendered(config=read_gateway(state), policies=state.outputs["policies"])
    except (RecordedStateError, InvalidConfigError, KeyError) as failure:
        raise PoliciesWrong(f"recorded state: {failure}") from failure


def checked_table(rendered: Rendered) -> str:
    """Check the policies and return the table of their decisions.

    Raises:
        PoliciesWrong: If one is wrong.
    """
    found = problems(rendered.config, tiers=rendered.policies)
    found += [f"tier {tier}: has no policy" for tier in rendered.tiers if tier not in rendered.policies]
    found += [f"tier {tier}: has a policy, but no way in" for tier in rendered.policies if tier not in rendered.tiers]
    if found:
        raise PoliciesWrong("\n".join(found))
    cases = list(decide_all(rendered.config, tiers=rendered.tiers))
    if found := useless(cases, policies=rendered.config.policies, tiers=rendered.tiers):
        raise PoliciesWrong("\n".join(found))
    return render(cases, tiers=rendered.tiers)


def main(argv: Sequence[str] | None = None) -> int:
    """Print, compare or write the table; 1 if the policies or the golden file are not as they have to be."""
    parser = argparse.ArgumentParser(prog="python -m scripts.policies", description=(__doc__ or "").splitlines()[0])
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="compare with the golden file, print only differences")
    group.add_argument("--update", action="store_true", help="write the golden file")
    parser.add_argument("--catalog", type=Path, help="another catalog than terraform/catalog")
    options = parser.parse_args(argv)
    try:
        if options.catalog is None:
            rendered = render_policies()
        else:
            with tempfile.TemporaryDirectory() as work:
                rendered = render_policies(work=Path(work), catalog=options.catalog.resolve())
        table = checked_table(rendered)
    except (TerraformError, PoliciesWrong) as failure:
        print(f"policies: {failure}", file=sys.stderr)
        return 1
    golden = (options.catalog or GOLDEN.parents[1]) / "policies" / GOLDEN.name
    if options.update:
        golden.write_text(table, encoding="utf-8")
        print(f"policies: wrote {golden}")
        return 0
    if not options.check:
        print(table, end="")
        return 0
    expected = golden.read_text(encoding="utf-8") if golden.is_file() else ""
    if expected != table:
        lines = difflib.unified_diff(
            expected.splitlines(), table.splitlines(), str(golden), "as rendered", lineterm="", n=1
        )
        print("\n".join(lines), file=sys.stderr)
        print("policies: what tenants may do has changed; review, then python -m scripts.policies --update")
        return 1
    print(f"policies: {len(rendered.policies)} policies decide as {golden.name} says")
    return 0


def _example_variables(catalog: Path | None) -> dict[str, Any]:
    role = f"arn:aws:iam::{_ACCOUNT}:role/clinic-example"
    function = f"arn:aws:lambda:{_REGION}:{_ACCOUNT}:function:clinic-example"
    issuer = f"https://cognito-idp.{_REGION}.amazonaws.com/{_REGION}_Example00"
    return {
        "region": _REGION,
        "account_id": _ACCOUNT,
        "name_prefix": "clinic-example",
        "agent_version": "0.0.0",
        "artifacts": {
            "bucket": f"clinic-example-artifacts-{_ACCOUNT}",
            "runtime": {"key": "agents/clinic-agent/0.0.0/runtime.zip", "sha256": "0" * 64},
            "runtime_name": "PYTHON_3_13",
        },
        "foundation": {
            "issuer": issuer,
            "discovery_url": f"{issuer}/.well-known/openid-configuration",
            "jwks_url": f"{issuer}/.well-known/jwks.json",
            "client_id": "0example0client0id0",
            "execution_role_arn": f"{role}-execution",
            "gateway_role_arn": f"{role}-gateway",
            "broker_function_arn": f"{function}-broker",
            "interceptor_function_arn": f"{function}-interceptor",
            "tools_function_arn": f"{function}-tools",
        },
        **({} if catalog is None else {"catalog_dir": str(catalog)}),
    }


if __name__ == "__main__":
    sys.exit(main())
