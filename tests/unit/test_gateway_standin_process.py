"""The Gateway stand-in as a process of its own, and with the official client."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from local_aws.gateway.__main__ import main
from local_aws.stack.processes import free_port
from tests.unit.gateway_standin_support import GET_PATIENT, LIST_PATIENTS, WEB_SEARCH, StandIn, running, token
from tests.unit.runtime_standin_support import SECRET


def write_config(directory: Path, emulator: str) -> Path:
    config = {
        "state": str(directory / "state.json"),
        "aws_endpoint_url": emulator,
        "region": "us-east-1",
        "account_id": "000000000000",
        "log_dir": str(directory / "process-logs"),
        "policy_clock": None,
    }
    path = directory / "config.json"
    path.write_text(json.dumps(config))
    return path


def start(config: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "local_aws.gateway", "--config", str(config), "--port", str(port)]
    nowhere = "http://127.0.0.1:1"
    env = {**os.environ, "LOCAL_AWS_SECRET": SECRET, "HTTP_PROXY": nowhere, "http_proxy": nowhere}
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE)


def test_it_starts_serves_and_stops(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path) as other:
        port = free_port()
        config = write_config(tmp_path, other.emulator.url)
        process = start(config, port)
        try:
            url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 30
            while True:
                try:
                    if httpx.get(f"{url}/ping", trust_env=False).json()["status"] == "Healthy":
                        break
                except httpx.HTTPError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            bearer = {"Authorization": f"Bearer {token(tier='premium')}"}
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            listed = httpx.post(f"{url}/mcp", json=body, headers=bearer, trust_env=False, timeout=10).json()
            assert [tool["name"] for tool in listed["result"]["tools"]] == [GET_PATIENT, LIST_PATIENTS, WEB_SEARCH]
            assert main(["--config", str(config), "--port", str(port)]) == 2
            assert f"127.0.0.1:{port} is in use" in capsys.readouterr().err
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert (tmp_path / "process-logs" / "decisions.log").read_text().count("\n") == 3
        finally:
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()


@pytest.mark.parametrize(
    ("state", "said"),
    [(None, "apply Terraform first"), ({"format_version": "1.0"}, "nothing was applied yet"), ({}, "not a document")],
)
def test_it_says_why_it_does_not_start(
    tmp_path: Path, state: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if state is not None:
        (tmp_path / "state.json").write_text(json.dumps(state))
    config = write_config(tmp_path, "http://127.0.0.1:1")
    assert main(["--config", str(config), "--port", str(free_port())]) == 2
    assert said in capsys.readouterr().err


async def use(gateway: StandIn, *, mode: str) -> tuple[str, list[str], Any]:
    headers = {"Authorization": f"Bearer {token(tier='premium')}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        transport = streamable_http_client(f"{gateway.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            tools = (await client.list_tools()).tools
            result = await client.call_tool(GET_PATIENT, {"patient_id": "P-1"})
            with pytest.raises(MCPError) as refusal:
                await client.call_tool(GET_PATIENT, {"clinic_id": "clinic-b"})
            assert refusal.value.code == -32602
            assert refusal.value.data["code"] == "invalid_arguments"
            return client.protocol_version, [tool.name for tool in tools], result.structured_content


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_client_understands_it(tmp_path: Path, mode: str) -> None:
    with running(tmp_path) as gateway:
        version, tools, content = asyncio.run(use(gateway, mode=mode))
        assert version == "2025-11-25"
        assert tools == [GET_PATIENT, LIST_PATIENTS, WEB_SEARCH]
        assert content == {"event": {"patient_id": "P-1"}, "tool": GET_PATIENT}
        assert len(gateway.app.sessions) == 0, "the client ended its session"
