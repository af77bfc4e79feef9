"""What a published version consists of, and the manifest that names it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from scripts.bundle import Artifact, Bundles
from scripts.publishing import provenance, sbom
from scripts.publishing.artifact_store import Outcome, PublishError, Upload
from scripts.publishing.cache import sha256 as sha256_of
from scripts.publishing.source_tree import SourceTree

MANIFEST: Final = "manifest"
ARTIFACTS: Final = ("wheel", "runtime", "lambda")
"""What runs. The rest tells about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An object in the bucket."""

    key: str
    sha256: str  # hex; Terraform's source_code_hash wants base64
    size: int  # bytes
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One version for one platform, as published."""

    bundles: Bundles
    content: Mapping[str, Any]  # of the manifest in the bucket
    objects: Mapping[str, Published]  # by role, the manifest last
    before: bool = False  # these artifacts were published before, from another commit or by another builder

    @property
    def key(self) -> str:
        """Key of the manifest itself."""
        return self.objects[MANIFEST].key

    @property
    def outcome(self) -> Outcome:
        """Whether the version was new."""
        return self.objects[MANIFEST].outcome

    @property
    def wheel(self) -> Published:
        """The wheel."""
        return self.objects["wheel"]

    @property
    def runtime(self) -> Published:
        """The runtime's bundle."""
        return self.objects["runtime"]

    @property
    def lambda_(self) -> Published:
        """The functions' bundle."""
        return self.objects["lambda"]

    def to_json(self) -> dict[str, Any]:
        """Return the content of `manifest-<platform>.json`."""
        return dict(self.content)


def contents(bundles: Bundles, source: SourceTree) -> tuple[dict[str, Any], dict[str, Upload]]:
    """List all that is published.

    Args:
        bundles: What was built.
        source: From what; of sources that differ from their commit nothing of the commit's time is told.

    Returns:
        The manifest's content, and what to upload by role, in this order.

    Raises:
        PublishError: If the lock beside the bundles is not the one that they were built from.
        SbomError: If a bundle holds something else than the lock says.
    """
    lock = bundles.lock.path
    if sha256_of(lock) != bundles.lock_sha256:
        raise PublishError(f"{lock}: has changed since the bundles were built; remove {bundles.folder}, publish again")
    folder = f"agents/{bundles.name}/{bundles.version}"
    made = {"wheel": bundles.wheel, "runtime": bundles.runtime, "lambda": bundles.lambda_}
    uploads = {role: _artifact(folder, artifact) for role, artifact in made.items()}
    timestamp = source.committed_at if source.is_clean else None
    for kind in ("runtime", "lambda"):
        body = sbom.encode(sbom.sbom(bundles, kind, lock=lock, timestamp=timestamp))
        name = f"sbom-{kind}-{bundles.platform}.cdx.json"
        uploads[f"sbom_{kind}"] = _text(folder, name, body, "application/vnd.cyclonedx+json; version=1.6")
    statement = provenance.encode(provenance.provenance(bundles, source, subjects=_digests(uploads)))
    uploads["provenance"] = _text(
        folder, f"provenance-{bundles.platform}.json", statement, "application/vnd.in-toto+json"
    )
    sums = provenance.checksums(_digests(uploads))
    uploads["checksums"] = _text(folder, f"SHA256SUMS-{bundles.platform}", sums, "text/plain; charset=utf-8")
    content = _content(bundles, uploads)
    body = (json.dumps(content, indent=2) + "\n").encode()
    uploads[MANIFEST] = _text(folder, f"manifest-{bundles.platform}.json", body, "application/json")
    return content, uploads


def listed(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what a manifest names, by role: each has a key, a checksum and a size."""
    return {**content["artifacts"], **content.get("attestations", {})}


def _content(bundles: Bundles, uploads: Mapping[str, Upload]) -> dict[str, Any]:
    def entry(role: str) -> dict[str, Any]:
        more = {"entry_point": ["main.py"]} if role == "runtime" else {}
        return {"key": uploads[role].key, "sha256": uploads[role].sha256, "size": uploads[role].size, **more}

    return {
        "name": bundles.name,
        "version": bundles.version,
        "contract_version": bundles.contract_version,
        "platform": bundles.platform,
        "python": bundles.python,
        "runtime": f"PYTHON_{bundles.python.replace('.', '_')}",
        "lambda_runtime": f"python{bundles.python}",
        "architecture": bundles.architecture,
        "lock_sha256": bundles.lock_sha256,
        "artifacts": {role: entry(role) for role in ARTIFACTS},
        "attestations": {role: entry(role) for role in uploads if role not in ARTIFACTS},
    }


def _artifact(folder: str, artifact: Artifact) -> Upload:
    return Upload(
        key=f"{folder}/{artifact.path.name}",
        sha256=artifact.sha256,
        size=artifact.size,
        body=artifact.path,
        content_type="application/zip",
    )


def _text(folder: str, name: str, body: bytes, content_type: str) -> Upload:
    return Upload(
        key=f"{folder}/{name}", sha256=sha256(body).hexdigest(), size=len(body), body=body, content_type=content_type
    )


def _digests(uploads: Mapping[str, Upload]) -> dict[str, str]:
    return {upload.key.rpartition("/")[2]: upload.sha256 for upload in uploads.values()}
