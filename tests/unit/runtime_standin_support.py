"""What the tests of the Runtime stand-in share: a token issuer, the little of AWS that it needs, and an agent."""

import hashlib
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
CLIENT = "client-1"
SECRET = "shared-with-the-emulator"
BUCKET, KEY = "artifacts", "agents/clinic-agent/1.0.0/runtime.zip"
ROLE = "arn:aws:iam::000000000000:role/execution"
SESSION = "session-0123456789-0123456789-0123456789"
DAY = 86_400  # seconds; tokens made when tests are collected have to last until the last one has run

# No dependency at all: it runs with the standard library and what is in the bundle.
AGENT = r"""
import http.server, json, os, sys, time
from helper import GREETING

class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, {"status": "Healthy"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        action = json.loads(body).get("action")
        if action == "stream":
            self.stream(json.loads(body))
        elif action == "crash":
            os._exit(3)
        elif action == "refuse":
            self.answer(409, {"error": {"code": "session_busy"}}, ("Retry-After", "7"), ("Set-Cookie", "no=1"))
        elif action == "sleep":
            time.sleep(json.loads(body)["seconds"])
            self.answer(200, {"pid": os.getpid()})
        elif action == "orphan":
            import subprocess
            child = subprocess.Popen(["/bin/sleep", "600"])
            self.answer(200, {"pid": child.pid})
        else:
            self.answer(200, {"pid": os.getpid(), "environment": dict(os.environ), "cwd": os.getcwd(),
                              "files": os.listdir(), "path": sys.path, "greeting": GREETING,
                              "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body.decode()})

    def stream(self, options):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(options["events"]):
            try:
                event = b"data: {\"n\": %d, \"at\": %f}\n\n" % (number, time.time())
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            except OSError:
                print("client gone", flush=True)
                return
            if number == options.get("die_after"):
                os._exit(4)
            time.sleep(options["seconds"])
        self.wfile.write(b"0\r\n\r\n")

    def answer(self, status, content, *headers):
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

print("agent started", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Agent).serve_forever()
"""


def bundle(**files: str) -> bytes:
    """Zip files into a bundle; `main` stands for main.py."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in {"main": AGENT, "helper": "GREETING = 'from the bundle'", **files}.items():
            archive.writestr(f"{name}.py", text)
    return buffer.getvalue()


@dataclass
class Issuer:
    """Signs tokens."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    key_id: str = "key-1"

    def token(self, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        given = {"iss": ISSUER, "sub": "u", "client_id": CLIENT, "token_use": "access", "iat": now, "exp": now + DAY}
        payload = {name: value for name, value in {**given, **claims}.items() if value is not None}
        key_id = (
            {} if headers is not None and headers.get("kid", "") is None else {"kid": self.key_id, **(headers or {})}
        )
        return jwt.encode(payload, self.key, algorithm="RS256", headers=key_id)

    def jwk(self, **members: Any) -> dict[str, Any]:
        key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**key, "kid": self.key_id, "use": "sig", "alg": "RS256", **members}


@dataclass
class FakeAws:
    """Discovery, keys, the service session and S3, on one port."""

    issuer: Issuer
    objects: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    authorizations: list[str] = field(default_factory=list)  # of requests to S3
    sessions: list[dict[str, Any]] = field(default_factory=list)  # requests for service sessions

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        if path.endswith("/.well-known/openid-configuration"):
            document = {"issuer": ISSUER, "jwks_uri": f"{self.url}/pool/.well-known/jwks.json"}
            return 200, json.dumps(document).encode()
        if path.endswith("/.well-known/jwks.json"):
            return 200, json.dumps({"keys": [self.issuer.jwk()]}).encode()
        if method == "POST" and path == "/_local/service-session":
            if headers["X-Local-Secret"] != SECRET:
                return 403, b"{}"
            self.sessions.append(json.loads(body))
            expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
            session = {"AccessKeyId": "ASIAROLE", "SecretAccessKey": "s", "Token": "t", "Expiration": expiry}
            return 200, json.dumps(session).encode()
        self.authorizations.append(headers["Authorization"] or "")
        found = self.objects.get(path)
        return (404, b"") if found is None else (200, found)

    @contextmanager
    def running(self) -> Iterator["FakeAws"]:
        aws = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                status, content = aws.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 - the base class looks for this name

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


RUNTIME_ARN = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/clinic_local_agent-aB3dE6gH9j"


def recorded(
    *,
    url: str,
    archive: bytes,
    runtime: dict[str, Any] | None = None,
    endpoints: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Build what `terraform show -json` prints of a runtime and its endpoints (name: version)."""
    values = {
        "agent_runtime_name": "clinic_local_agent",
        "agent_runtime_arn": RUNTIME_ARN,
        "agent_runtime_version": "1",
        "role_arn": ROLE,
        "agent_runtime_artifact": [
            {
                "code_configuration": [
                    {
                        "entry_point": ["main.py"],
                        "runtime": "PYTHON_3_11",
                        "code": [{"s3": [{"bucket": BUCKET, "prefix": KEY, "version_id": None}]}],
                    }
                ],
                "container_configuration": [],
            }
        ],
        "environment_variables": {"AWS_REGION": "us-east-1", "PORT": "1", "GATEWAY_URL": "http://gateway.test/mcp"},
        "authorizer_configuration": [
            {
                "custom_jwt_authorizer": [
                    {
                        "discovery_url": f"{url}/pool/.well-known/openid-configuration",
                        "allowed_clients": [CLIENT],
                        "allowed_audience": None,
                        "custom_claim": [
                            {
                                "inbound_token_claim_name": "token_use",
                                "inbound_token_claim_value_type": "STRING",
                                "authorizing_claim_match_value": [
                                    {
                                        "claim_match_operator": "EQUALS",
                                        "claim_match_value": [{"match_value_string": "access"}],
                                    }
                                ],
                            }
                        ],
                    }
                ]
            }
        ],
        "request_header_configuration": [{"request_header_allowlist": ["Authorization"]}],
        "lifecycle_configuration": [{"idle_runtime_session_timeout": 300, "max_lifetime": 3600}],
        "protocol_configuration": [{"server_protocol": "HTTP"}],
        "network_configuration": [{"network_mode": "PUBLIC"}],
        "tags": {"BundleSha256": hashlib.sha256(archive).hexdigest()},
        **(runtime or {}),
    }
    pinned = {"live": "1", "candidate": "1"} if endpoints is None else endpoints
    resources = [_resource("aws_bedrockagentcore_agent_runtime", "this", values)]
    resources += [
        _resource("aws_bedrockagentcore_agent_runtime_endpoint", name, {"name": name, "agent_runtime_version": version})
        for name, version in pinned.items()
    ]
    module = {"address": "module.runtime", "resources": resources}
    return {"format_version": "1.0", "values": {"outputs": {}, "root_module": {"child_modules": [module]}}}


def _resource(kind: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    address = f"module.runtime.{kind}.{name}"
    return {"address": address, "mode": "managed", "type": kind, "name": name, "values": values}


def settings(*, url: str, directory: str, **top: Any) -> dict[str, Any]:
    """Build the configuration file, which names the recorded state."""
    return {
        "state": f"{directory}/state.json",
        "aws_endpoint_url": url,
        "region": "us-east-1",
        "account_id": "000000000000",
        "work_dir": f"{directory}/work",
        "log_dir": f"{directory}/logs",
        **top,
    }
