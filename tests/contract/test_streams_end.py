"""A client that goes away stops the model."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .conftest import MODEL
from .support import Caller, serving

CHUNK = {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}


@dataclass
class EndlessModel:
    """A model that never stops talking; it notices when nobody listens any more."""

    started: threading.Event = field(default_factory=threading.Event)
    abandoned: threading.Event = field(default_factory=threading.Event)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                model.started.set()
                try:
                    for _ in range(500):
                        self.wfile.write(b"data: " + json.dumps(CHUNK).encode() + b"\n\n")
                        self.wfile.flush()
                        time.sleep(0.02)
                except OSError:
                    model.abandoned.set()

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def endless() -> Iterator[tuple[str, EndlessModel]]:
    model = EndlessModel()
    server = ThreadingHTTPServer(("127.0.0.1", 0), model.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", model
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_the_model_is_stopped_when_the_client_leaves(endless: tuple[str, EndlessModel], tmp_path: Path) -> None:
    url, model = endless
    options = ("--model-url", url)
    log = tmp_path / "log"
    with serving("local_aws.emulator", *options, health="/_ministack/health", log=log, environment=os.environ) as (
        own,
        _,
    ):
        runtime = Caller(endpoint=own).client("bedrock-runtime")
        messages = [{"role": "user", "content": [{"text": "hello"}]}]
        stream = runtime.converse_stream(modelId=MODEL, messages=messages)["stream"]
        next(iter(stream))
        assert model.started.is_set()
        assert not model.abandoned.is_set()
        stream.close()
        assert model.abandoned.wait(3)
