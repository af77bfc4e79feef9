"""Keep a provider running for many terraform processes, which otherwise start it anew for every step.

A `terraform test` of 16 runs then takes a tenth of the time, with the recording provider as with the real one, which is
700 MB. For checks and tests: what terraform does with mirrors and lock files is not seen in a session, and with the
real provider all processes share one configuration.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from local_aws.stack import guard
from local_aws.terraform_provider import data, server
from local_aws.terraform_provider.provider import Provider
from scripts.terraform.cli import run
from scripts.terraform.setup import TerraformError, environment, recording_environment

_START_SECONDS: Final = 60.0
_GRACE_SECONDS: Final = 2
_ATTACH: Final = re.compile(r"TF_REATTACH_PROVIDERS='(.*)'")


class ProviderNotStarted(TerraformError):
    """The real provider does not run on its own."""


@contextmanager
def recording_session(base: Mapping[str, str], *, workdir: Path) -> Iterator[dict[str, str]]:
    """Serve the recording provider from this process.

    Args:
        base: Environment to start from; it is not changed.
        workdir: As for `recording_environment`.

    Yields:
        The environment to run terraform in.

    Raises:
        TerraformError: As `recording_environment`.
    """
    env = recording_environment(base, workdir=workdir)
    provider = data.load()
    with server.shared(provider.address, lambda: Provider(provider, base)) as attached:
        yield env | attached


@contextmanager
def real_session(base: Mapping[str, str], *, workdir: Path, version: str, scratch: Path) -> Iterator[dict[str, str]]:
    """Start the real AWS provider once.

    Args:
        base: Environment to start from, without credentials; it is not changed.
        workdir: As for `environment`.
        version: Of the provider.
        scratch: An empty folder of its own.

    Yields:
        The environment to run terraform in.

    Raises:
        TerraformError: If the provider cannot be had, or does not start.
    """
    env = environment(base, workdir=workdir)
    wanted = {"source": "hashicorp/aws", "version": version}
    (scratch / "main.tf.json").write_text(json.dumps({"terraform": {"required_providers": {"aws": wanted}}}))
    # From a mirror, a cache or the registry, whatever the environment says.
    run(["init", "-input=false", "-no-color"], chdir=scratch, env=env | {"TF_DATA_DIR": str(scratch / "data")})
    (program,) = scratch.glob("data/providers/*/*/aws/*/*/terraform-provider-aws*")
    # The guard ends it with this process, however that ends.
    command = [sys.executable, "-I", "-S", guard.__file__, str(_GRACE_SECONDS), str(program), "-debug"]
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield env | {"TF_REATTACH_PROVIDERS": _attach(process)}
        finally:
            if process.stdin is not None:
                process.stdin.close()


def _attach(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise AssertionError("standard output is a pipe")
    found: list[str] = []
    reader = threading.Thread(target=_read, args=(process.stdout, found), daemon=True)
    reader.start()
    until = time.monotonic() + _START_SECONDS
    while not found and reader.is_alive() and time.monotonic() < until:
        time.sleep(0.05)
    if not found:
        raise ProviderNotStarted(
            f"the AWS provider did not say how to attach to it within {_START_SECONDS:g} s (exit code {process.poll()})"
        )
    return found[0]


def _read(stream: IO[str], found: list[str]) -> None:
    for line in stream:  # to its end, or the provider would wait for a reader
        if match := _ATTACH.search(line):
            found.append(match[1])
