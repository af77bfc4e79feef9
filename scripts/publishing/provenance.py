"""Where a published version came from: an in-toto statement with SLSA provenance v1, and checksums for `sha256sum -c`.

Nothing in it is of the moment: the time is the commit's, so two publishes of one commit by one builder give the same
bytes. It is not signed: whoever may write into the bucket could have written another.
Source: https://slsa.dev/spec/v1.0/provenance
"""

import json
import platform
import re
import subprocess
import zlib
from collections.abc import Mapping
from typing import Any, Final

from scripts.bundle import Bundles
from scripts.publishing.source_tree import SourceTree
from scripts.publishing.uv_tool import find_uv

_BUILD_TYPE: Final = "urn:clinic-agent:publish:v2"
"""Names the steps: an export of the commit (`scripts/publishing/commit_build.py`), and on it those of its
`scripts/bundle.py`: `uv build` by a backend pinned by hash, `uv pip install` from uv.lock with hashes, byte-code, zip.
"""
_BUILDER: Final = "urn:clinic-agent:builder:scripts.publish"
_UV_SECONDS: Final = 20.0


def provenance(bundles: Bundles, source: SourceTree, *, subjects: Mapping[str, str]) -> dict[str, Any]:
    """Build the statement.

    Args:
        bundles: What was built.
        source: From what.
        subjects: SHA-256 (hex) by file name, of everything that is published.
    """
    dependencies: list[dict[str, Any]] = [{"name": "uv.lock", "digest": {"sha256": bundles.lock_sha256}}]
    dependencies += [
        {"uri": f"pkg:pypi/{pin.name}@{pin.version}", "digest": {"sha256": pin.sha256}} for pin in bundles.backend
    ]
    if source.commit is not None:
        place = f"git+{source.repository}@{source.commit}" if source.repository else f"git:{source.commit}"
        dependencies.insert(0, {"uri": place, "digest": {"gitCommit": source.commit}})
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {
                    "package": bundles.name,
                    "version": bundles.version,
                    "platform": bundles.platform,
                    "python": bundles.python,
                },
                "internalParameters": {
                    "contractVersion": bundles.contract_version,
                    "dirty": not source.is_clean,  # then the commit is only what the sources were changed from
                    "committedAt": source.committed_at,
                },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": _BUILDER, "version": builder()}},
        },
    }


def encode(statement: Mapping[str, Any]) -> bytes:
    """Write a statement, always as the same bytes."""
    return (json.dumps(statement, indent=2) + "\n").encode()


def checksums(subjects: Mapping[str, str]) -> bytes:
    """Write checksums in the form that `sha256sum --check` reads.

    Args:
        subjects: SHA-256 (hex) by file name.
    """
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(subjects.items())).encode()


def builder() -> dict[str, str]:
    """Name the versions of what turns the same sources into other bytes."""
    try:
        said = subprocess.run(
            [find_uv(), "--version"], capture_output=True, text=True, check=True, timeout=_UV_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):
        said = ""
    found = re.search(r"\d+\.\d+\.\d+\S*", said)
    return {
        "python": platform.python_version(),
        "uv": found[0] if found else "unknown",
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
    }
