"""Lays the provider out in a filesystem mirror, where terraform finds it as `hashicorp/aws`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from local_aws.terraform_provider.data import ProviderData

# What is in a provider's folder is part of the checksum in .terraform.lock.hcl. So the launcher holds nothing of this
# machine, and the path of the interpreter stands outside, at the top of the mirror: five levels above, seen from the
# folder itself, which terraform reaches through a link.
_LAUNCHER: Final = """\
#!/bin/sh
# The recording provider: local_aws/terraform_provider of the project that wrote this mirror.
interpreter=$(cat "$(dirname "$0")/../../../../../interpreter") || exit 1
exec "$interpreter" -I -m local_aws.terraform_provider
"""


def lay_out(mirror: Path, *, data: ProviderData, platform: str, interpreter: str) -> None:
    """Write the mirror; what is already as it should be is left alone.

    Args:
        mirror: Folder, made if missing.
        data: Says which provider and version this is.
        platform: As Terraform writes it, such as `linux_amd64`.
        interpreter: A Python in which this package is installed.
    """
    folder = mirror / data.address / data.version / platform
    folder.mkdir(parents=True, exist_ok=True)
    name = data.address.rpartition("/")[2]
    launcher = folder / f"terraform-provider-{name}_v{data.version}"
    for path, text, mode in ((mirror / "interpreter", interpreter, 0o644), (launcher, _LAUNCHER, 0o755)):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        # Not in the provider's folder, of which somebody may be taking the checksum; and at once, for the same reason.
        draft = mirror / f".{path.name}.{os.getpid()}"
        draft.write_text(text, encoding="utf-8")
        draft.chmod(mode)
        draft.replace(path)
