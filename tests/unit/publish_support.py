"""What tests of publishing need: small bundles that hold what their lock says, and an S3 in memory."""

import base64
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.bundle import Artifact, Bundles
from scripts.publishing.backend import Pin
from scripts.publishing.source_tree import SourceTree

COMMIT = "1234567890abcdef1234567890abcdef12345678"
SOURCE = SourceTree(
    commit=COMMIT, committed_at="2026-11-26T08:00:00Z", repository="https://git.example.com/team/platform"
)
_LOCK = """\
version = 1

[[package]]
name = "clinic-agent"
version = "1.2.3"
source = { editable = "agent_pkg" }
dependencies = [{ name = "core-lib", extra = ["fast"] }]

[package.optional-dependencies]
runtime = [{ name = "web-lib" }, { name = "only-on-windows" }]

[[package]]
name = "core-lib"
version = "2.0.0"
source = { registry = "https://pypi.org/simple" }
wheels = [
    { hash = "sha256:{a}", url = "https://x.example/core_lib-2.0.0-cp311-abi3-linux_a.linux_b.whl" },
    { url = "https://x.example/core_lib-2.0.0-cp311-abi3-linux_c.whl", hash = "sha256:{b}" },
]

[package.optional-dependencies]
fast = [{ name = "speed-lib" }]
slow = [{ name = "web-lib" }]

[[package]]
name = "only-on-windows"
version = "1.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "speed-lib"
version = "0.3"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://x.example/speed_lib-0.3-py2.py3-none-any.whl", hash = "sha256:{c}" }]

[[package]]
name = "web-lib"
version = "4.1"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "core-lib" }]
wheels = [{ url = "https://x.example/web_lib-4.1-py3-none-any.whl", hash = "sha256:{d}" }]
"""

LOCK = re.sub(r"\{([a-d])\}", lambda digit: digit[1] * 64, _LOCK)

PACKAGES = {
    "clinic_agent-1.2.3": ("Name: clinic-agent\nVersion: 1.2.3\n", ["py3-none-any"]),
    "core_lib-2.0.0": (
        "Name: Core_Lib\nVersion: 2.0.0\nLicense-Expression: Apache-2.0 OR MIT\n",
        ["cp311-abi3-linux_b", "cp311-abi3-linux_a"],
    ),
    "speed_lib-0.3": ("Name: speed-lib\nVersion: 0.3\nLicense: MIT\n", ["py2-none-any", "py3-none-any"]),
}
WEB = {
    "web_lib-4.1": (
        "Name: web-lib\nVersion: 4.1\nLicense: Dual License\nClassifier: License :: OSI Approved :: BSD License\n",
        ["py3-none-any"],
    )
}

Packages = dict[str, tuple[str, list[str]]]


def artifact(path: Path, content: bytes) -> Artifact:
    path.write_bytes(content)
    return Artifact(path=path, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def bundle_zip(packages: Packages, *, code: str = "") -> bytes:
    """Pack packages' metadata, as a bundle holds it."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        packed.writestr(zipfile.ZipInfo("clinic_agent/__init__.py"), code)
        for name, (metadata, tags) in packages.items():
            packed.writestr(zipfile.ZipInfo(f"{name}.dist-info/METADATA"), f"Metadata-Version: 2.4\n{metadata}\n")
            lines = "".join(f"Tag: {tag}\n" for tag in tags)
            packed.writestr(zipfile.ZipInfo(f"{name}.dist-info/WHEEL"), f"Wheel-Version: 1.0\n{lines}\n")
    return target.getvalue()


def make_bundles(folder: Path, *, code: str = "") -> Bundles:
    return Bundles(
        name="clinic-agent",
        version="1.2.3",
        platform="linux-arm64",
        python="3.11",
        contract_version=1,
        backend=(Pin(name="builder", version="1.0", sha256="e" * 64),),
        lock=artifact(folder / "uv.lock", LOCK.encode()),
        wheel=artifact(folder / "clinic_agent-1.2.3-py3-none-any.whl", b"wheel" + code.encode()),
        runtime=artifact(folder / "runtime-linux-arm64-py311.zip", bundle_zip({**PACKAGES, **WEB}, code=code)),
        lambda_=artifact(folder / "lambda-linux-arm64-py311.zip", bundle_zip(PACKAGES, code=code)),
    )


def refusal(operation: str, code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@dataclass
class MemoryS3:
    """The calls of S3 that publishing makes: conditional writes and checksums as S3 has them."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    heads_answer_403: bool = False  # what a caller without s3:ListBucket gets for a missing key
    owner: str | None = None

    def _asked(self, operation: str, request: dict[str, Any]) -> str:
        assert request["Bucket"] == "artifacts"
        if request.get("ExpectedBucketOwner", self.owner) != self.owner:
            raise refusal(operation, "AccessDenied", 403)
        key: str = request["Key"]
        return key

    def head_object(self, **request: Any) -> dict[str, Any]:
        key = self._asked("HeadObject", request)
        assert request["ChecksumMode"] == "ENABLED"
        if key not in self.objects:
            raise refusal("HeadObject", *(("403", 403) if self.heads_answer_403 else ("404", 404)))
        return self.objects[key]

    def get_object(self, **request: Any) -> dict[str, Any]:
        key = self._asked("GetObject", request)
        if key not in self.objects:
            raise refusal("GetObject", "NoSuchKey", 404)
        return {**self.objects[key], "Body": io.BytesIO(self.objects[key]["Body"])}

    def put_object(self, **request: Any) -> dict[str, Any]:
        key, body = self._asked("PutObject", request), request["Body"]
        assert request["IfNoneMatch"] == "*"
        if key in self.objects:
            raise refusal("PutObject", "PreconditionFailed", 412)
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if request["ChecksumSHA256"] != checksum:
            raise refusal("PutObject", "BadDigest", 400)
        self.puts.append(key)
        self.objects[key] = {"Metadata": request["Metadata"], "ChecksumSHA256": checksum, "Body": body}
        return {}

    def json(self, key: str) -> Any:
        return json.loads(self.objects[key]["Body"])

    def digests(self) -> dict[str, str]:
        return {key: hashlib.sha256(o["Body"]).hexdigest() for key, o in self.objects.items()}
