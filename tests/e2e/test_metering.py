"""Metrics of a running platform: every line that CloudWatch would read is one that it can."""

import json
import time
from collections.abc import Callable
from typing import Any

from scripts.clients.gateway import connected
from scripts.clients.runtime import Session
from tests.conftest import Platform
from tests.unit import emf_rules


def documents(log: str) -> list[dict[str, Any]]:
    """The metric documents in a log; whatever names the format has to be one, and alone on its line."""
    return [emf_rules.parse(line) for line in log.splitlines() if "CloudWatchMetrics" in line]


def waited_for(read: Callable[[], list[dict[str, Any]]], **fields: Any) -> list[dict[str, Any]]:
    """The documents with these fields, once there are some."""
    deadline = time.monotonic() + 10
    while True:
        found = [document for document in read() if fields.items() <= document.items()]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def function_documents(platform: Platform, function: str) -> list[dict[str, Any]]:
    group = f"/aws/lambda/{platform.stack['functions'][function].rpartition(':')[2]}"
    pages = platform.root("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    return documents("\n".join(event["message"] for page in pages for event in page["events"]))


def test_a_turn_is_metered_once_with_platform_tier_and_model(platform: Platform) -> None:
    answer = platform.session("hospital-a").ask("What are our opening hours?")
    request_id = answer.events[-1]["request_id"]
    (turn,) = waited_for(lambda: documents(platform.log()), request_id=request_id)
    assert (turn["event"], turn["Tier"], turn["Model"]) == ("inference_usage", "premium", "openai.gpt-oss-120b-1:0")
    assert turn["Platform"] == platform.stack["functions"]["broker"].rpartition(":")[2].removesuffix("-broker")
    assert (turn["Requests"], turn["Turns"], turn["Errors"], turn["DeniedAttempts"]) == (1, 1, 0, 0)
    assert turn["Latency"] == turn["duration_ms"] > 0


def test_another_users_session_is_metered_as_an_attempt(platform: Platform) -> None:
    mine = platform.session("clinic-a")
    assert mine.ask("What are our opening hours?").status == 200
    theirs = Session(platform.stack, platform.access_token("clinic-a", 1), session_id=mine.session_id)
    refused = theirs.ask("What are our opening hours?")
    assert refused.status == 403
    assert refused.error is not None
    request_id = refused.error["request_id"]
    (refusal,) = waited_for(lambda: documents(platform.log()), request_id=request_id)
    assert (refusal["event"], refusal["error_code"], refusal["Tier"]) == ("request_refused", "session_owner", "basic")
    assert (refusal["Requests"], refusal["Turns"], refusal["CrossTenantAttempts"]) == (1, 0, 1)


def test_the_functions_meter_what_they_refuse(platform: Platform) -> None:
    gateway = connected(platform.stack, platform.access_token("clinic-a"))
    gateway.call("clinic-data___clinic_profile", {"private": 1})
    found = waited_for(
        lambda: function_documents(platform, "interceptor"), event="request_refused", error_code="invalid_arguments"
    )
    assert {(document["layer"], document["Tier"]) for document in found} == {("gateway", "basic")}

    client = platform.root("lambda")
    client.invoke(FunctionName=platform.stack["functions"]["broker"], Payload=json.dumps({"token": "garbage"}))
    found = waited_for(lambda: function_documents(platform, "broker"), layer="broker", error_code="invalid_token")
    assert {document["Tier"] for document in found} == {"unknown"}
    assert all(document["BrokerDeniedAttempts"] == 1 for document in found)


def test_information_of_the_functions_is_logged(platform: Platform) -> None:
    connected(platform.stack, platform.access_token("clinic-a")).call("clinic-data___clinic_profile", {})
    group = f"/aws/lambda/{platform.stack['functions']['tools'].rpartition(':')[2]}"
    events = platform.root("logs").filter_log_events(logGroupName=group)["events"]
    assert any(event["message"].startswith("[INFO]\t") and "| tool called" in event["message"] for event in events)
