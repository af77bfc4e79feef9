"""Write the example policies of who deploys, plans, operates and takes down, from the resource types in the sources.

    python -m scripts.deployer_policy           # write docs/examples/{deployer,network,operator,...}-policy.json
    python -m scripts.deployer_policy --check   # say whether they are up to date
    python -m scripts.deployer_policy --print planner --account 111122223333 --region eu-west-1 --prefix ab --env dev

The files have the words ACCOUNT, REGION, PREFIX and ENVIRONMENT in them, and --print puts values in their place.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
ACTIONS: Final = ROOT / "docs" / "examples" / "deployer-actions.yaml"
NETWORK: Final = ("network", "modules/network")
"""Sources of the network, which is optional and a root of its own."""
MAX_POLICY_CHARS: Final = 10_240
"""Longest inline policies of one role, without white space. Source: IAM quotas."""
_TYPE: Final = re.compile(r'^\s*resource\s+"([a-z0-9_]+)"', re.MULTILINE)
_READS: Final = re.compile(r"[a-z0-9-]+:(Get|List|Describe)")
NAMES: Final = ("deployer", "network", "operator", "planner", "teardown")
_PASS_TO: Final = (
    "bedrock-agentcore.amazonaws.com",
    "lambda.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)


def file_of(name: str) -> Path:
    """Return where a policy is kept."""
    return ROOT / "docs" / "examples" / f"{name}-policy.json"


def types_in(sources: Path = ROOT / "terraform", *, network: bool = False) -> set[str]:
    """Read which resource types the sources can make; the laptop's roots compose the same modules as the others.

    Args:
        sources: Folder of the Terraform sources.
        network: Those of the network alone; otherwise all others.
    """
    found: set[str] = set()
    for file in sources.rglob("*.tf"):
        of_network = any(file.is_relative_to(sources / folder) for folder in NETWORK)
        if ".terraform" not in file.parts and of_network is network:
            found.update(_TYPE.findall(file.read_text(encoding="utf-8")))
    return found


def policies(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Build all policies, by name.

    Raises:
        KeyError: If the document has no entry for a type of the sources.
    """
    types, network = types_in(), types_in(network=True)
    steps = {name: [step for step, entry in document["steps"].items() if name in entry["policies"]] for name in NAMES}
    return {
        "deployer": render(document, types, steps=steps["deployer"], passes_roles=True),
        "network": render(document, network, steps=steps["network"], passes_roles=True),
        "operator": render(document, set(), steps=steps["operator"], word="Operate"),
        "planner": render(document, types | network, steps=steps["planner"], word="Plan", reads_only=True),
        "teardown": render(document, set(), steps=steps["teardown"], word="Teardown"),
    }


def render(
    document: Mapping[str, Any],
    types: set[str],
    *,
    steps: Sequence[str],
    word: str = "Deploy",
    passes_roles: bool = False,
    reads_only: bool = False,
) -> dict[str, Any]:
    """Build the policy for these resource types.

    Args:
        document: Content of deployer-actions.yaml.
        types: Resource types.
        steps: What it does besides, by the document's `steps`.
        word: What its statements' names begin with.
        passes_roles: Whether it gives roles to services.
        reads_only: Of the types, reads resources, not what is in them; steps are what they are.

    Raises:
        KeyError: If the document has no entry for a type.
    """
    actions: dict[str, set[str]] = {}
    for name in sorted(types):
        for where, names in document["types"][name].items():
            kept = {n for n in names if not reads_only or _READS.match(n)}
            actions.setdefault(where, set()).update(kept)
    for step in sorted(steps):
        for where, names in document["steps"][step]["allow"].items():
            actions.setdefault(where, set()).update(names)
    statements: list[dict[str, Any]] = [
        {
            "Sid": f"{word}{where.capitalize()}",
            "Effect": "Allow",
            "Action": sorted(names),
            "Resource": document["resources"][where],
            **({"Condition": document["conditions"][where]} if where in document["conditions"] else {}),
        }
        for where, names in sorted(actions.items())
        if names
    ]
    if passes_roles:
        statements.append(
            {
                "Sid": "PassRolesToTheirServices",
                "Effect": "Allow",
                "Action": ["iam:PassRole"],
                "Resource": ["arn:aws:iam::ACCOUNT:role/PREFIX-*"],
                "Condition": {"StringEquals": {"iam:PassedToService": list(_PASS_TO)}},
            }
        )
    return {"Version": "2012-10-17", "Statement": statements}


def filled_in(text: str, *, account: str, region: str, prefix: str, env: str) -> str:
    """Put values in place of the words.

    Raises:
        ValueError: If one is not of its form.
    """
    for name, value, pattern in (
        ("account", account, r"[0-9]{12}"),
        ("region", region, r"[a-z]{2}(-[a-z]+)+-[0-9]"),
        ("prefix", prefix, r"[a-z][a-z0-9-]{1,18}[a-z0-9]"),
        ("env", env, r"[a-z][a-z0-9]{1,9}"),
    ):
        if not re.fullmatch(pattern, value):
            raise ValueError(f"--{name}: {value!r} does not match {pattern}")
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    words = {
        "ACCOUNT": account,
        "REGION": region,
        "PREFIX": prefix,
        "ENVIRONMENT": env,
        "arn:aws:": f"arn:{partition}:",
    }
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def text_of(policy: Mapping[str, Any]) -> str:
    """Return the policy as the file has it."""
    return json.dumps(policy, indent=2) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.deployer_policy", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not up to date")
    parser.add_argument("--print", choices=NAMES, help="print one, with these values:")
    for name in ("account", "region", "prefix", "env"):
        parser.add_argument(f"--{name}", default="")
    options = parser.parse_args(arguments)
    try:
        made = policies(yaml.safe_load(ACTIONS.read_text(encoding="utf-8")))
    except KeyError as missing:
        print(f"{ACTIONS}: types.{missing.args[0]}: missing; say which actions it needs", file=sys.stderr)
        return 1
    if options.print:
        try:
            values = {name: getattr(options, name) for name in ("account", "region", "prefix", "env")}
            print(filled_in(text_of(made[options.print]), **values), end="")
        except ValueError as error:
            print(f"deployer_policy: {error}", file=sys.stderr)
            return 2
        return 0
    for name, policy in made.items():
        file = file_of(name)
        if not options.check:
            file.write_text(text_of(policy), encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text_of(policy):
            print(f"{file} is not up to date; run python -m scripts.deployer_policy", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
