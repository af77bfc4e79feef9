"""What an environment is expected to cost is computed, not remembered."""

import json
from typing import Any

import pytest
import yaml

from clinic_agent.metering import Layer, MetricsLog, RefusalEvent, UsageEvent
from scripts.expected_costs import BEGIN, CATALOG, END, of_use, standing, with_example

PRICES = {
    "runtime_vcpu_hour": 0.1,
    "runtime_gb_hour": 0.01,
    "gateway_call": 0.001,
    "policy_check": 0.002,
    "memory_event": 0.003,
    "memory_retrieval": 0.004,
    "memory_record_month": 0.005,
    "log_gb": 0.5,
    "kms_key_month": 1.0,
    "alarm_month": 0.1,
    "dashboard_month": 3.0,
}
USE = {
    "users": 10,
    "questions_a_month": 100,
    "questions_a_session": 5,
    "input_tokens": 1000,
    "output_tokens": 500,
    "tool_calls": 2,
    "listings": 1,
    "memory_retrievals": {"basic": 0, "premium": 1},
    "long_term_records": {"basic": 0, "premium": 3},
    "cpu_seconds": 36,
    "session_seconds": 360,
    "session_gb": 0.5,
    "log_kb": 1000,
}
MODEL = {"price_input_usd_per_million": 2.0, "price_output_usd_per_million": 4.0}


def test_use_adds_up() -> None:
    assert of_use("premium", MODEL, PRICES, USE) == pytest.approx(
        {
            "model": 1000 * (1000 * 2 + 500 * 4) / 1e6,
            "Runtime, CPU": 1000 * 0.01 * 0.1,
            "Runtime, memory": 200 * 0.1 * 0.5 * 0.01,
            "Gateway": (2000 + 200) * 0.001,
            "policy checks": 2000 * 0.002,
            "Memory, events": 1000 * 0.003,
            "Memory, retrievals": 1000 * 0.004,
            "Memory, records": 30 * 0.005,
            "logs": 1 * 0.5,
        }
    )
    assert of_use("basic", MODEL, PRICES, USE)["Memory, retrievals"] == 0


def test_what_stands_still_is_counted_with_the_key_of_bootstrap() -> None:
    rows = standing({"aws_kms_key": 4, "aws_lambda_function": 9, "aws_cloudwatch_metric_alarm": 20}, PRICES)
    assert rows == [("aws_kms_key", 5, 5.0), ("aws_cloudwatch_metric_alarm", 20, pytest.approx(2.0))]


def test_the_example_goes_between_its_marks() -> None:
    assert with_example(f"a\n{BEGIN}\nold\n{END}\nb", r"new \1") == f"a\n{BEGIN}\nnew \\1\n{END}\nb"
    with pytest.raises(ValueError, match="expected-costs"):
        with_example("no marks", "new")


def test_the_metrics_of_a_tier_are_those_that_are_written() -> None:
    lines: list[dict[str, Any]] = []
    log = MetricsLog(platform="clinic", write=lambda line: lines.append(json.loads(line)))
    log.turn(
        UsageEvent(
            request_id="r",
            tier="basic",
            clinic_id="clinic-a",
            user_hash="h",
            model_id="m",
            outcome="answered",
            error_code=None,
            error_status=None,
            model_calls=1,
            input_tokens=1,
            output_tokens=1,
            estimated=False,
            tools={},
            duration_ms=1,
            estimated_cost_usd=0.0,
        )
    )
    layers: tuple[Layer, ...] = ("agent", "gateway", "broker")
    for layer in layers:
        log.refusal(RefusalEvent(layer=layer, request_id="r", error_code="x", error_status=403, tenant=None))
    written = {
        (metric["Name"], *sorted(dimensions))
        for line in lines
        for group in line["_aws"]["CloudWatchMetrics"]
        for dimensions in group["Dimensions"]
        for metric in group["Metrics"]
    }
    example = yaml.safe_load((CATALOG / "prices.yaml").read_text())["example"]
    assert len(written) == example["metrics_a_tier"]


def test_every_price_names_its_source_and_date() -> None:
    document = yaml.safe_load((CATALOG / "prices.yaml").read_text())
    assert {entry["source"] for entry in document["prices"].values()} == set(document["sources"])
    assert all(entry["usd"] > 0 and entry["unit"] for entry in document["prices"].values())
    assert all(source["from"] and source["checked_on"] for source in document["sources"].values())
    tiers = set(yaml.safe_load((CATALOG / "tiers.yaml").read_text()))
    assert set(document["example"]["memory_retrievals"]) == set(document["example"]["long_term_records"]) == tiers
