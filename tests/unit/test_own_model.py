import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from scripts.laptop.own_model import ModelServerError, OwnModel, find_model


@contextmanager
def serving(content: Any, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(content).encode()
            self.send_response(status if self.path == "/v1/models" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)


MODELS = {"data": [{"id": "llama3.2"}, {"id": "qwen3"}]}


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_first_model_is_taken_however_the_address_is_written(suffix: str) -> None:
    with serving(MODELS) as url:
        assert find_model(url + suffix, None) == OwnModel(url=url, name="llama3.2")


def test_a_model_can_be_named_and_has_to_exist() -> None:
    with serving(MODELS) as url:
        assert find_model(url, "qwen3").name == "qwen3"
        with pytest.raises(ModelServerError) as caught:
            find_model(url, "gpt-oss")
        assert str(caught.value) == f"MODEL_NAME: {url} has no model 'gpt-oss', but llama3.2, qwen3"


@pytest.mark.parametrize(("content", "status"), [({"data": []}, 200), ({}, 200), (MODELS, 500), ([], 200)])
def test_a_server_without_models_is_refused(content: Any, status: int) -> None:
    with serving(content, status) as url, pytest.raises(ModelServerError):
        find_model(url, None)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelServerError) as caught:
        find_model("http://127.0.0.1:9", None)
    assert "http://127.0.0.1:9/v1/models lists no models (ConnectError)" in str(caught.value)
