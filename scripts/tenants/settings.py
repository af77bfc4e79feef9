"""Where a platform's tenants live: what the programs that add, change or remove a tenant need to know of it."""

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """The settings don't name a platform. The message says which value is missing or malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """The stores of one environment."""

    aws_endpoint_url: str | None  # None means AWS's own
    region: str
    user_pool_id: str
    registry_table: str
    patients_table: str
    documents_bucket: str
    tiers: frozenset[str] | None = None  # those that this environment serves; None means unknown, and is not checked

    @property
    def on_laptop(self) -> bool:
        """Whether this is an emulator on this machine: only there may the public root credentials be used."""
        host = urlsplit(self.aws_endpoint_url or "").hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:  # a name, not an address
            return host == "localhost"


def read_settings(file: Path, *, region: str | None = None) -> PlatformSettings:
    """Read the settings from `.local/stack.json` or from what `terraform output -json` prints.

    Args:
        file: Either of the two; Terraform wraps each output in an object with a `value`.
        region: For Terraform outputs, which need not name it. Wins over the file.

    Raises:
        SettingsError: If the file can't be read, or a value is missing or no text.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{file}: missing; start the laptop AWS with `make up`, or name another file") from None
    except ValueError:
        raise SettingsError(f"{file}: no JSON") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{file}: expected a JSON object")
    values = {name: unwrapped(value) for name, value in content.items()}
    memories = values.get("memories")
    return PlatformSettings(
        aws_endpoint_url=_text(file, values, "aws_endpoint_url") if values.get("aws_endpoint_url") else None,
        region=region or _text(file, values, "region"),
        user_pool_id=_text(file, values, "user_pool_id"),
        registry_table=_text(file, values, "tables", "registry"),
        patients_table=_text(file, values, "tables", "patients"),
        documents_bucket=_text(file, values, "buckets", "documents"),
        # Each tier has its memory, so the map's keys are the tiers that were applied.
        tiers=frozenset(memories) if isinstance(memories, Mapping) and memories else None,
    )


def unwrapped(value: Any) -> Any:
    """Take an output's value out of the object that `terraform output -json` wraps it in."""
    return value["value"] if isinstance(value, dict) and {"value", "sensitive"} <= value.keys() else value


def _text(file: Path, values: Mapping[str, Any], *path: str) -> str:
    value: Any = values
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{file}: {'.'.join(path)}: missing or no text")
    return value
