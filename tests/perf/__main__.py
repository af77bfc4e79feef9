"""`make bench`: what tenancy costs, against a bare Strands turn in the same run.

Both apps run from the same bundle, against the same emulator and offline model, and take turns: machines are noisy,
ratios are not. Figures are no tests; what must hold is counted in tests/e2e/test_turn_costs.py.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import botocore.loaders
import httpx
from rich.console import Console

from clinic_agent.credentials import LambdaBroker, TenantSessions
from clinic_agent.gateway import GatewayConnection
from clinic_agent.guard import SessionPin, TenancyGuard
from clinic_agent.identity import SigningKeys, TokenVerifier, TrustedIssuer
from local_aws.recorded_state import RecordedState
from scripts.clients.runtime import SESSION_HEADER, Stack, new_session_id, sign_in
from scripts.tours.assistant import load_canaries, load_models
from scripts.tours.isolation import user_id_of
from scripts.tours.tenant_credentials import client, execution_role, of_tenant
from scripts.up import running_stack
from tests.perf.gateway import measure_gateway
from tests.perf.measure import Figure, Verdict, figure, report
from tests.perf.processes import AgentProcess, agent_process

CLINIC = "clinic-a"
PATIENT_TOOL = "clinic-data___get_patient"
RATIO_WITH_TOOLS_IN_PROCESS = 28.1 / 18.7
"""Platform / bare turn of version 0.1.0 with its tools in the agent's process, measured on 2026-11-24."""
MINIMAL = Path(__file__).with_name("minimal_app.py")


class Bench:
    """A running platform to measure."""

    def __init__(self, stack: Stack, state_dir: Path) -> None:
        self.stack, self.state_dir = stack, state_dir
        user = next(user for user in stack["users"] if user["clinic_id"] == CLINIC)
        self.token = sign_in(stack, user["username"], user["password"])["AccessToken"]
        self.prompt = f"Tell me about patient {load_canaries()[0][CLINIC]['patient_id']}."
        self.bundle = bundle_folder(state_dir)
        self.environment = agent_environment(stack, state_dir)
        self.client = httpx.Client(timeout=60)

    def ask(self, url: str, session_id: str) -> float:
        """Ask once and return the time of the whole answer in ms."""
        headers = {"Authorization": f"Bearer {self.token}", SESSION_HEADER: session_id}
        started = time.perf_counter()
        response = self.client.post(url, json={"prompt": self.prompt}, headers=headers)
        elapsed = (time.perf_counter() - started) * 1000
        if response.status_code != httpx.codes.OK or '"error"' in response.text:
            raise RuntimeError(f"{url}: {response.status_code} {response.text[:300]}")
        return elapsed


def bundle_folder(state_dir: Path) -> Path:
    """Return the bundle as the runtime stand-in unpacked it."""
    mains = (state_dir / "runtime").glob("**/main.py")
    return min((main.parent for main in mains), key=lambda folder: len(folder.parts))


def agent_environment(stack: Stack, state_dir: Path) -> dict[str, str]:
    """Return what Terraform recorded for the agent, with the execution role's credentials as plain variables."""
    recorded = RecordedState.load(state_dir / "agentcore.json").one("aws_bedrockagentcore_agent_runtime")
    return {**recorded["environment_variables"], **_as_variables(execution_role(stack))}


def minimal_environment(bench: Bench) -> dict[str, str]:
    """Return the minimal app's environment: a role that may call the model, and the guardrail that this needs."""
    stack = bench.stack
    guardrail = stack["guardrails"]["basic"]
    return {
        "AWS_REGION": stack["region"],
        "AWS_ENDPOINT_URL": stack["aws_endpoint_url"],
        "MODEL_ID": load_models()["basic"],
        "GUARDRAIL_ID": guardrail["id"],
        "GUARDRAIL_VERSION": guardrail["version"],
        **_as_variables(of_tenant(stack, bench.token)),
    }


def _as_variables(credentials: Mapping[str, str]) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def measure_turns(bench: Bench, runs: int) -> dict[str, Figure]:
    """Measure later turns: bare, the agent, the same through the runtime stand-in, and the agent's own AWS calls."""
    bare: list[float] = []
    direct: list[float] = []
    through: list[float] = []
    own: list[float] = []
    calls = own_calls(bench)
    with (
        agent_process(bench.bundle, MINIMAL, minimal_environment(bench)) as minimal,
        agent_process(bench.bundle, bench.bundle / "main.py", bench.environment) as agent,
    ):
        behind, ahead = new_session_id(), new_session_id()
        for _ in range(5):
            bench.ask(minimal.url, behind), bench.ask(agent.url, behind), bench.ask(bench.stack["runtime_url"], ahead)
            calls()
        for _ in range(runs):
            # A new session id each time: histories of equal length, and the session's owner is pinned, not its id.
            bare.append(bench.ask(minimal.url, behind))
            direct.append(bench.ask(agent.url, new_session_id()))
            through.append(bench.ask(bench.stack["runtime_url"], ahead))
            own.append(calls())
    return {
        "bare": figure("bare Strands turn over HTTP, later", bare),
        "direct": figure("platform turn, later: the agent alone", direct),
        "through": figure("platform turn, later: through the runtime stand-in", through),
        "own": figure("the turn's own calls alone (memory read, Gateway, memory write)", own),
        "ratio": figure("platform / bare, pair by pair", [d / b for d, b in zip(direct, bare, strict=True)], "x"),
    }


def own_calls(bench: Bench) -> Callable[[], float]:
    """Return a function that makes a turn's memory calls and its tool call, and tells how long they took in ms."""
    memory = client(bench.stack, "bedrock-agentcore", of_tenant(bench.stack, bench.token))
    where = {"memoryId": bench.stack["memories"]["basic"], "actorId": f"{CLINIC}/{user_id_of(bench.token)}"}
    gateway = GatewayConnection(url=bench.stack["gateway_url"], token=lambda: bench.token)
    patient = {"patient_id": load_canaries()[0][CLINIC]["patient_id"]}

    def call() -> float:
        session_id = new_session_id()
        started = time.perf_counter()
        memory.list_events(**where, sessionId=session_id, maxResults=5)
        gateway.call_tool(PATIENT_TOOL, patient, tool="get_patient")
        memory.create_event(
            **where,
            sessionId=session_id,
            eventTimestamp=datetime.now(UTC),
            payload=[{"conversational": {"role": "USER", "content": {"text": "x" * 500}}}],
        )
        return (time.perf_counter() - started) * 1000

    return call


def measure_starts(bench: Bench, runs: int) -> dict[str, Figure]:
    """Measure cold starts to the first answer, first turns with imports warm, and resident sets, in turn."""
    found: dict[str, list[float]] = {
        f"{what}_{app}": [] for what in ("cold", "first", "rss") for app in ("bare", "ours")
    }
    for number in range(runs + 1):
        for app in ("bare", "ours"):
            minimal = app == "bare"
            environment = minimal_environment(bench) if minimal else bench.environment
            main = MINIMAL if minimal else bench.bundle / "main.py"
            with agent_process(bench.bundle, main, environment) as process:
                first = bench.ask(process.url, new_session_id())
                cold = (time.perf_counter() - process.started) * 1000
                if number:  # the first pair warms the disk cache
                    found[f"first_{app}"].append(first)
                    found[f"cold_{app}"].append(cold)
                    found[f"rss_{app}"].append(_settled(bench, process))
    names = {
        "cold_bare": ("minimal app: cold start to the first answer", "ms"),
        "cold_ours": ("platform: cold start to the first answer", "ms"),
        "first_bare": ("minimal app: first turn, imports warm", "ms"),
        "first_ours": ("platform: first turn of a session, imports warm", "ms"),
        "rss_bare": ("minimal app: resident set after 5 turns", "MB"),
        "rss_ours": ("platform: resident set after 5 turns", "MB"),
    }
    return {key: figure(*_named(names[key], values)) for key, values in found.items()}


def _named(name: tuple[str, str], values: list[float]) -> tuple[str, list[float], str]:
    return name[0], values, name[1]


def _settled(bench: Bench, process: AgentProcess) -> float:
    for _ in range(4):
        bench.ask(process.url, new_session_id())
    return process.resident_mb()


def measure_guard(bench: Bench, runs: int) -> Figure:
    """Measure the tenancy guard alone: verify, context, pin, cached credentials."""
    stack = bench.stack
    broker = LambdaBroker(client=client(stack, "lambda", execution_role(stack)), function=stack["functions"]["broker"])
    trusted = TrustedIssuer(issuer=stack["issuer"], client_id=stack["client_id"])
    guard = TenancyGuard(
        verifier=TokenVerifier(trusted, SigningKeys(bench.environment["TOKEN_JWKS_URL"])),
        sessions=TenantSessions(broker=broker, loader=botocore.loaders.create_loader(), region=stack["region"]),
        pin=SessionPin(),
    )
    header = f"Bearer {bench.token}"

    async def admit() -> list[float]:
        for _ in range(50):
            await guard.admit(await guard.identify(header))
        times = []
        for _ in range(runs):
            started = time.perf_counter()
            await guard.admit(await guard.identify(header))
            times.append((time.perf_counter() - started) * 1000)
        return times

    return figure("tenancy guard: verify, context, pin, cached credentials", asyncio.run(admit()))


def bundle_mb(stack: Stack) -> float:
    """Return the size of the published runtime bundle in MB (10^6 bytes)."""
    s3 = client(stack, "s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=stack["buckets"]["artifacts"])
    sizes = [item["Size"] for page in pages for item in page["Contents"] if "/runtime-" in item["Key"]]
    return float(max(sizes)) / 1e6


def verdicts(turns: Mapping[str, Figure], starts: Mapping[str, Figure], guard: Figure, size: float) -> list[Verdict]:
    """Compare with the budget."""
    allowed = 1.15 * turns["bare"].p50 + turns["own"].p50
    hops = turns["own"].p50 / turns["bare"].p50
    return [
        Verdict(
            name="later turn: 1.15 x bare + its own calls", measured=turns["direct"].p50, budget=allowed, unit="ms"
        ),
        Verdict(
            name="later turn / bare: 1.5 x that of tools in process, + its own calls",
            measured=turns["ratio"].p50,
            budget=1.5 * RATIO_WITH_TOOLS_IN_PROCESS + hops,
            unit="x",
        ),
        Verdict(
            name="first turn over the bare turn",
            measured=starts["first_ours"].p50 - turns["bare"].p50,
            budget=120,
            unit="ms",
        ),
        Verdict(
            name="cold start / minimal app's",
            measured=starts["cold_ours"].p50 / starts["cold_bare"].p50,
            budget=1.5,
            unit="x",
        ),
        Verdict(name="resident set", measured=starts["rss_ours"].p50, budget=110, unit="MB"),
        Verdict(name="bundle, zipped with byte-code", measured=size, budget=36, unit="MB"),
        Verdict(name="tenancy guard, p99", measured=guard.p99, budget=0.3, unit="ms"),
    ]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="later turns of each kind")
    parser.add_argument("--starts", type=int, default=7, help="process starts of each kind")
    parser.add_argument("--state", type=Path, default=Path(".local/bench"))
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    os.environ.pop("AWS_PROFILE", None)
    with running_stack(arguments.state, progress=lambda line: console.print(line, highlight=False)) as stack:
        bench = Bench(stack, arguments.state)
        console.print(f"measuring {arguments.runs} turns of each kind …")
        turns = measure_turns(bench, arguments.runs)
        console.print(f"measuring {arguments.starts} starts of each kind …")
        starts = measure_starts(bench, arguments.starts)
        guard = measure_guard(bench, 5000)
        gateway = measure_gateway(stack, arguments.state, bench.token, arguments.runs)
        size = bundle_mb(stack)
    figures = [*turns.values(), *starts.values(), guard, *gateway]
    report(console, figures, verdicts(turns, starts, guard, size), arguments.output)
    print(json.dumps({item.name: {"p50": item.p50, "p99": item.p99, "unit": item.unit} for item in figures}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
