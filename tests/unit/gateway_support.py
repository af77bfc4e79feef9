"""A small Gateway that really listens: MCP over HTTP, sessions bound to their owner, and faults on demand."""

import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clinic_agent.gateway import GatewayConnection, GatewayTools

SEARCH = "clinic-data___search_documents"
PATIENTS = "clinic-data___list_patients"
WEB = "web-search___WebSearch"


def described(wire_name: str, **properties: str) -> dict[str, Any]:
    """Describe a tool as a listing does; properties by name and type."""
    schema = {"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}}
    return {"name": wire_name, "description": f"What {wire_name} does.", "inputSchema": schema}


@dataclass
class Request:
    """One message that arrived."""

    method: str
    headers: dict[str, str]  # names in lower case
    body: dict[str, Any]
    connection: Any


Fault = Callable[["_Handler", Any], None]


@dataclass
class FakeGateway:
    """What the Gateway knows and does."""

    tools: list[dict[str, Any]] = field(default_factory=lambda: [described(SEARCH, query="string")])
    answer: Callable[[str, Any], Any] = lambda name, arguments: {"documents": [], "asked": arguments}
    page: int = 100
    stream: bool = False
    faults: dict[str, list[Fault]] = field(default_factory=dict)  # by MCP method, each used once
    requests: list[Request] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)  # id -> owner
    url: str = ""

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)

    def fault(self, method: str, *faults: Fault) -> None:
        self.faults.setdefault(method, []).extend(faults)

    def forget_sessions(self) -> None:
        self.sessions.clear()

    def result(self, body: Any) -> Any:
        params = body.get("params", {})
        if body["method"] == "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {},
                "serverInfo": {"name": "fake", "version": "1"},
            }
        if body["method"] == "tools/list":
            start = int(params.get("cursor", "0"))
            more = {"nextCursor": str(start + self.page)} if start + self.page < len(self.tools) else {}
            return {"tools": self.tools[start : start + self.page], **more}
        answer = self.answer(params["name"], params["arguments"])
        return {"content": [{"type": "text", "text": json.dumps(answer)}], "isError": False}


class _Handler(BaseHTTPRequestHandler):
    gateway: FakeGateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        gateway = self.gateway
        gateway.requests.append(Request(body["method"], headers, body, self.connection.getpeername()))
        if pending := gateway.faults.get(body["method"]):
            pending.pop(0)(self, body)
            return
        owner = headers.get("authorization", "").removeprefix("Bearer ").partition("/")[0]
        session = headers.get("mcp-session-id")
        if body["method"] == "initialize":
            session = str(uuid.uuid4())
            gateway.sessions[session] = owner
        elif session is None or gateway.sessions.get(session) != owner:
            self.reply(404, error(body, -32600, "unknown session"))
            return
        if "id" not in body:
            self.reply(202, None)
            return
        answer = {"jsonrpc": "2.0", "id": body["id"], "result": gateway.result(body)}
        if gateway.stream and body["method"] != "initialize":
            self.events([{"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}, answer])
        else:
            self.reply(200, answer, {"Mcp-Session-Id": session})

    def reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def events(self, messages: list[Any], *, end: bool = True, pieces: int = 7) -> None:
        """Stream events in small pieces; with `end` False the stream stays open."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        data = b": hello\r\n\r\n"
        for message in messages:
            data += b"event: message\r\ndata: " + json.dumps(message).encode() + b"\r\n\r\n"
        for start in range(0, len(data), pieces):
            piece = data[start : start + pieces]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.flush()
        if end:
            self.wfile.write(b"0\r\n\r\n")
        else:
            time.sleep(2)
            self.close_connection = True

    def handle(self) -> None:
        try:
            super().handle()
        except (ssl.SSLError, OSError):  # a client that does not trust us
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        pass


def error(body: Any, number: int, message: str, **data: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": body.get("id"),
        "error": {"code": number, "message": message, **({"data": data} if data else {})},
    }


def refuse(status: int, number: int | None = None, **data: Any) -> Fault:
    """Answer with an error."""

    def fault(handler: _Handler, body: Any) -> None:
        plain = {"error": {"code": "refused", "message": "refused"}}
        handler.reply(status, plain if number is None else error(body, number, "what the service says", **data))

    return fault


def raw(status: int, content: bytes) -> Fault:
    return lambda handler, body: handler.reply(status, content)


def mcp_result(**result: Any) -> Fault:
    return lambda handler, body: handler.reply(200, {"jsonrpc": "2.0", "id": body["id"], "result": result})


def hang_up(handler: _Handler, body: Any) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


@contextmanager
def serving(gateway: FakeGateway, *, tls: Path | None = None) -> Iterator[FakeGateway]:
    """Serve the Gateway; with a certificate and its key in one file, over TLS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": gateway}))
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    gateway.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}/mcp"
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def certificate(folder: Path) -> Path:
    """Write a self-signed certificate for 127.0.0.1 and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test gateway")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def connected(gateway: FakeGateway, token: Callable[[], str] = lambda: "owner/1") -> Iterator[GatewayTools]:
    with serving(gateway):
        connection = GatewayConnection(url=gateway.url, token=token)
        try:
            yield GatewayTools(connection)
        finally:
            connection.close()
