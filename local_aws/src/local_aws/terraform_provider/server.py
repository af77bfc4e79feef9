"""The gRPC server that terraform talks to, started by it or, for many terraform processes, before it."""

from __future__ import annotations

import base64
import datetime
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from local_aws.terraform_provider.provider import PROCEDURES, Provider
from local_aws.terraform_provider.wire import parse

MAGIC_COOKIE: Final = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
"""What terraform sets for its plugins, so that one which is started by hand can say so."""

_FOLDER_PATH: Final = 90  # characters; with the socket in it, the system takes about 100
_PARENT_SECONDS: Final = 1.0  # between two looks whether terraform is still there


def serve(provider: Provider, *, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Serve the terraform that started this process, until it says that it is done, or is gone.

    Args:
        provider: What it talks to.
        environment: `PLUGIN_CLIENT_CERT` asks for an encrypted connection.
        say: Gets the line that terraform waits for.
    """
    done = threading.Event()
    # Ctrl-C reaches the whole group. Terraform stops in order then, and still needs its plugin for that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = _server(lambda _: provider, shut_down=done.set)
    with _private_folder() as folder:
        address = folder / "socket"
        certificate = b""
        if environment.get("PLUGIN_CLIENT_CERT"):
            made = _certificate()
            certificate = made.der
            # Terraform's own certificate is not asked for: its curve, P-521, is one that gRPC cannot verify. The
            # folder keeps others out.
            server.add_secure_port(f"unix://{address}", grpc.ssl_server_credentials([(made.key_pem, made.pem)]))
        else:
            server.add_insecure_port(f"unix://{address}")
        server.start()
        say(f"1|5|unix|{address}|grpc|{base64.b64encode(certificate).decode().rstrip('=')}")
        parent = os.getppid()
        while not done.wait(_PARENT_SECONDS) and os.getppid() == parent:
            pass
        server.stop(grace=1).wait()


@contextmanager
def shared(address: str, make: Callable[[], Provider]) -> Iterator[dict[str, str]]:
    """Serve any number of terraform processes from this one: each saves starting the provider for every step.

    Args:
        address: Of the provider, such as registry.terraform.io/hashicorp/aws.
        make: Makes the provider for one connection; what is configured on it must not reach another.

    Yields:
        What the environment of terraform needs. Its `init` then looks for no provider of that address.
    """
    lock = threading.Lock()
    connections: dict[str, Provider] = {}

    def of(peer: str) -> Provider:
        with lock:
            if peer not in connections:
                connections[peer] = make()
            return connections[peer]

    server = _server(of, shut_down=lambda: None)
    port = server.add_insecure_port("127.0.0.1:0")  # TCP, because there every connection has an address of its own
    server.start()
    attach = {
        "Protocol": "grpc",
        "ProtocolVersion": 5,
        "Pid": os.getpid(),
        "Test": True,  # terraform leaves the process running
        "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
    }
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({address: attach})}
    finally:
        server.stop(grace=1).wait()


def _server(find: Callable[[str], Provider], *, shut_down: Callable[[], None]) -> Any:
    server = grpc.server(
        futures.ThreadPoolExecutor(8),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    server.add_generic_rpc_handlers((_Handler(find, shut_down),))
    return server


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Finds the procedure of a call; what is not there is unimplemented, which terraform takes as not supported."""

    def __init__(self, find: Callable[[str], Provider], shut_down: Callable[[], None]) -> None:
        self._find = find
        self._shut_down = shut_down

    def service(self, handler_call_details: Any) -> Any:
        service, _, method = handler_call_details.method.strip("/").partition("/")
        procedure = PROCEDURES.get(method) if service == "tfplugin5.Provider" else None
        if procedure is not None:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: procedure(self._find(context.peer()), parse(request))
            )
        if (service, method) == ("plugin.GRPCController", "Shutdown"):
            return grpc.unary_unary_rpc_method_handler(self._ended)
        if service == "plugin.GRPCStdio":
            return grpc.unary_stream_rpc_method_handler(lambda *_: iter(()))
        return None

    def _ended(self, *_: Any) -> bytes:
        self._shut_down()
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Certificate:
    key_pem: bytes = field(repr=False)
    pem: bytes
    der: bytes


def _certificate() -> _Certificate:
    """Make a certificate for one run."""
    from cryptography import x509  # 100 ms to import, and only needed where terraform wants encryption
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding
    return _Certificate(
        key_pem=key.private_bytes(encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        pem=certificate.public_bytes(encoding.PEM),
        der=certificate.public_bytes(encoding.DER),
    )


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder that only this user can enter, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="tfprovider-"))
    if len(str(folder)) > _FOLDER_PATH:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="tfprovider-", dir="/tmp"))  # made with mode 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
