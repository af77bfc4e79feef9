"""A release file to start from, for tests."""

from typing import Any

from scripts.releases import release_file
from scripts.releases.release_file import Release

FOLDER = "agents/clinic-agent"


def document(**changes: Any) -> dict[str, Any]:
    """The content of a release file: 0.1.0 live, 0.2.0 applied and the newest, nothing promoted yet."""
    release: dict[str, Any] = {
        "agent_version": "0.2.0",
        "contract_version": 1,
        "artifacts": {
            "runtime": {"key": f"{FOLDER}/0.2.0/runtime-linux-arm64-py311.zip", "sha256": "a" * 64},
            "lambda": {"key": f"{FOLDER}/0.2.0/lambda-linux-arm64-py311.zip", "sha256": "b" * 64},
            "runtime_name": "PYTHON_3_11",
            "lambda_runtime": "python3.11",
            "architecture": "arm64",
        },
        "runtime_versions": {"1": "0.1.0", "2": "0.2.0"},
        "runtime_contracts": {"1": 1, "2": 1},
        "endpoints": {"live": "1", "candidate": "1"},
        "previous": {},
        "candidate_share_percent": 0,
    }
    return {"release": {**release, **changes}}


def release(**changes: Any) -> Release:
    return release_file.parse(document(**changes))


def manifest(version: str, digit: str = "c", *, contract: int = 1) -> dict[str, Any]:
    """A manifest of a version, as publishing writes it."""
    artifacts = {
        role: {"key": f"{FOLDER}/{version}/{role}-linux-arm64-py311.zip", "sha256": digit * 64, "size": 1}
        for role in ("wheel", "runtime", "lambda")
    }
    return {
        "name": "clinic-agent",
        "version": version,
        "contract_version": contract,
        "platform": "linux-arm64",
        "runtime": "PYTHON_3_11",
        "lambda_runtime": "python3.11",
        "architecture": "arm64",
        "artifacts": artifacts,
    }
