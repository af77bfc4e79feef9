"""Uploading the wheel with uv, to an index on this machine that records what arrives."""

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import bundle
from scripts.publishing import package_index
from scripts.publishing.package_index import PackageIndex, PackageIndexError, from_environment

TOKEN = "pypi-a-secret-token"


class Index(ThreadingHTTPServer):
    """Takes uploads as PyPI does, and lists them (PEP 503)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.uploads = 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}/upload/"


class Handler(BaseHTTPRequestHandler):
    server: Index

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        links = "".join(
            f'<a href="/files/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>'
            for name, content in self.server.files.items()
        )
        found = self.path.startswith("/upload/simple/") and bool(self.server.files)
        self._answer(200 if found else 404, f"<!DOCTYPE html><html><body>{links}</body></html>".encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(f'__token__:{TOKEN}'.encode()).decode()}":
            self._answer(403, b"who are you?")
            return
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        for part in message.iter_parts():
            if name := part.get_filename():
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                self.server.files[name] = content
        self.server.uploads += 1
        self._answer(200, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    for name in ("UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD", "UV_PUBLISH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Index()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def index_of(server: Index) -> PackageIndex:
    index = from_environment({"PACKAGE_INDEX_URL": server.url})
    assert index is not None
    return index


def test_the_wheel_arrives_once_and_another_of_its_name_is_refused(
    server: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_PUBLISH_TOKEN", TOKEN)
    wheel = bundle.build().wheel.path
    package_index.upload(wheel, index_of(server), root=tmp_path)
    assert server.files == {wheel.name: wheel.read_bytes()}
    package_index.upload(wheel, index_of(server), root=tmp_path)
    assert server.uploads == 1  # it was there
    other = tmp_path / wheel.name
    other.write_bytes(wheel.read_bytes() + b"\0")
    with pytest.raises(PackageIndexError) as caught:
        package_index.upload(other, index_of(server), root=tmp_path)
    assert "raise the version" in str(caught.value)
    assert (server.uploads, server.files) == (1, {wheel.name: wheel.read_bytes()})


def test_without_credentials_the_error_says_where_they_go_and_quotes_none(
    server: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "pypi-another-secret")
    with pytest.raises(PackageIndexError) as caught:
        package_index.upload(bundle.build().wheel.path, index_of(server), root=tmp_path)
    assert "set UV_PUBLISH_TOKEN" in str(caught.value)
    assert "another-secret" not in str(caught.value)
    assert server.files == {}


def test_no_index_is_wanted_unless_one_is_named() -> None:
    assert from_environment({"PACKAGE_INDEX_URL": ""}) is None
    assert from_environment({"PACKAGE_INDEX_URL": "https://pypi.example/legacy"}) == PackageIndex(
        upload_url="https://pypi.example/legacy", simple_url="https://pypi.example/legacy/simple/"
    )
    given = {"PACKAGE_INDEX_URL": "https://pypi.example/legacy", "PACKAGE_INDEX_SIMPLE_URL": "https://pypi.example/s/"}
    found = from_environment(given)
    assert found is not None
    assert found.simple_url == "https://pypi.example/s/"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:secret@pypi.example/", "PACKAGE_INDEX_URL: must hold no credentials"),
        ("https://:secret@pypi.example/", "PACKAGE_INDEX_URL: must hold no credentials"),
        ("http://pypi.example/", "PACKAGE_INDEX_URL: must be https, or anybody"),
        ("pypi.example/secret", "PACKAGE_INDEX_URL: must be an https URL"),
        ("file:///secret", "PACKAGE_INDEX_URL: must be an https URL"),
        ("https://[secret/", "PACKAGE_INDEX_URL: must be an https URL"),
    ],
)
def test_a_url_that_others_could_read_or_change_is_refused(url: str, message: str) -> None:
    with pytest.raises(PackageIndexError, match=re.escape(message)) as caught:
        from_environment({"PACKAGE_INDEX_URL": url})
    assert "secret" not in str(caught.value)
