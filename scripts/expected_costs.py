"""What an environment is expected to cost: `python -m scripts.expected_costs` prints the example of docs/guide.md.

`--write` puts it into the guide, `--check` says whether the guide has it. What stands still is counted in an offline
plan of the environment; prices and the month of use come from terraform/catalog.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.plan import plan
from scripts.terraform.setup import TerraformError

ROOT: Final = Path(__file__).resolve().parents[1]
CATALOG: Final = ROOT / "terraform" / "catalog"
GUIDE: Final = ROOT / "docs" / "guide.md"
ENVIRONMENT: Final = "dev"
BEGIN, END = "<!-- expected-costs: begin -->", "<!-- expected-costs: end -->"
_MONTHLY: Final = {
    "aws_kms_key": "kms_key_month",
    "aws_cloudwatch_metric_alarm": "alarm_month",
    "aws_cloudwatch_dashboard": "dashboard_month",
}
"""Price of what costs money while nobody uses it, by resource type. Tables, functions and AgentCore are paid by use."""
_BOOTSTRAP_KEYS: Final = 1
_HOURS_A_MONTH: Final = 730


def standing(resources: Mapping[str, int], prices: Mapping[str, float]) -> list[tuple[str, int, float]]:
    """Return type, count and USD a month of what is paid for while nobody uses it."""
    counts = Counter(resources)
    counts["aws_kms_key"] += _BOOTSTRAP_KEYS
    return [(name, counts[name], counts[name] * prices[price]) for name, price in _MONTHLY.items() if counts[name]]


def of_use(
    tier: str, model: Mapping[str, Any], prices: Mapping[str, float], use: Mapping[str, Any]
) -> dict[str, float]:
    """Return USD a month for all users of a tier, by what it is for."""
    questions = use["users"] * use["questions_a_month"]
    sessions = questions / use["questions_a_session"]
    calls = questions * use["tool_calls"]
    million = 1_000_000
    tokens_in = questions * use["input_tokens"] / million * model["price_input_usd_per_million"]
    tokens_out = questions * use["output_tokens"] / million * model["price_output_usd_per_million"]
    return {
        "model": tokens_in + tokens_out,
        "Runtime, CPU": questions * use["cpu_seconds"] / 3600 * prices["runtime_vcpu_hour"],
        "Runtime, memory": sessions * use["session_seconds"] / 3600 * use["session_gb"] * prices["runtime_gb_hour"],
        "Gateway": (calls + sessions * use["listings"]) * prices["gateway_call"],
        "policy checks": calls * prices["policy_check"],
        "Memory, events": questions * prices["memory_event"],
        "Memory, retrievals": questions * use["memory_retrievals"][tier] * prices["memory_retrieval"],
        "Memory, records": use["users"] * use["long_term_records"][tier] * prices["memory_record_month"],
        "logs": questions * use["log_kb"] / million * prices["log_gb"],
    }


def text(resources: Mapping[str, int]) -> str:
    """Write the example as Markdown.

    Args:
        resources: Count by type, of an environment's plan.
    """
    document = _read("prices.yaml")
    prices = {name: float(entry["usd"]) for name, entry in document["prices"].items()}
    tiers, models, use = _read("tiers.yaml"), _read("models.yaml"), document["example"]
    columns = {tier: of_use(tier, models[tiers[tier]["model"]], prices, use) for tier in use["memory_retrievals"]}
    metrics, zones = use["metrics_a_tier"], use["network"]["zones"]
    endpoints = use["network"]["interface_endpoints"] * zones
    besides = [
        ("custom metrics of a tier that is used", metrics, metrics * prices["custom_metric_month"]),
        (
            f"VPC mode: interface endpoints, {use['network']['interface_endpoints']} in each of {zones} zones",
            endpoints,
            endpoints * _HOURS_A_MONTH * prices["endpoint_az_hour"],
        ),
        ("VPC mode: a NAT gateway in each zone", zones, zones * _HOURS_A_MONTH * prices["nat_gateway_hour"]),
    ]
    return "\n".join(_lines(standing(resources, prices), besides, columns, use))


def _lines(
    still: list[tuple[str, int, float]],
    besides: list[tuple[str, int, float]],
    columns: Mapping[str, Mapping[str, float]],
    use: Mapping[str, Any],
) -> Iterator[str]:
    yield "| while nobody uses it | count | USD a month |"
    yield "| --- | --- | --- |"
    for name, count, usd in still:
        yield f"| `{name}` | {count} | {usd:.2f} |"
    yield f"| all | | {sum(usd for _, _, usd in still):.2f} |"
    for name, count, usd in besides:
        yield f"| besides: {name} | {count} | {usd:.2f} |"
    yield ""
    yield f"| {use['users']} users, {use['questions_a_month']} questions each a month | {' | '.join(columns)} |"
    yield f"| --- |{' --- |' * len(columns)}"
    for name in next(iter(columns.values())):
        yield f"| {name} | {' | '.join(f'{column[name]:.2f}' for column in columns.values())} |"
    yield f"| all | {' | '.join(f'{sum(column.values()):.2f}' for column in columns.values())} |"
    each = [sum(column.values()) / use["users"] for column in columns.values()]
    yield f"| each user | {' | '.join(f'{usd:.2f}' for usd in each)} |"


def counted() -> Counter[str]:
    """Count the resources of an offline plan.

    Raises:
        TerraformError: If it cannot be planned.
    """
    changes = plan(ENVIRONMENT, offline=True).document["resource_changes"]
    return Counter(change["type"] for change in changes if change["mode"] == "managed")


def with_example(guide: str, example: str) -> str:
    """Put the example between its marks.

    Raises:
        ValueError: If the marks are not there.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(guide):
        raise ValueError(f"{GUIDE}: has no {BEGIN} … {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{example}\n{END}", guide, count=1)


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((CATALOG / name).read_text(encoding="utf-8"))
    return content


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.expected_costs", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/guide.md")
    parser.add_argument("--check", action="store_true", help="fail if docs/guide.md has another")
    options = parser.parse_args(arguments)
    try:
        example = text(counted())
        guide = GUIDE.read_text(encoding="utf-8") if options.write or options.check else ""
        wanted = with_example(guide, example) if guide else ""
    except (TerraformError, OSError, ValueError) as error:
        print(f"expected_costs: {error}", file=sys.stderr)
        return 1
    if options.check and wanted != guide:
        print(f"{GUIDE}: has another example; run python -m scripts.expected_costs --write", file=sys.stderr)
        return 1
    if options.write:
        GUIDE.write_text(wanted, encoding="utf-8")
    if not options.check:
        print(example)
    return 0


if __name__ == "__main__":
    sys.exit(main())
