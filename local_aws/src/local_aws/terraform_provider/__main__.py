"""`python -m local_aws.terraform_provider`: terraform starts it, through the launcher in the mirror."""

from __future__ import annotations

import os
import sys

from local_aws.terraform_provider.data import SchemaDataError, load
from local_aws.terraform_provider.provider import Provider
from local_aws.terraform_provider.server import MAGIC_COOKIE, serve


def main() -> None:
    """Serve one terraform process."""
    name, value = MAGIC_COOKIE
    if os.environ.get(name) != value:
        sys.exit("This is a Terraform provider: terraform starts it.")
    try:
        provider = Provider(load(), os.environ)
    except SchemaDataError as error:
        sys.exit(f"recording provider: {error}")
    serve(provider, environment=os.environ, say=_say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
