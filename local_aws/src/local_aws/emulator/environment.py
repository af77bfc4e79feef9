"""The emulator's own process environment.

It reads its settings from there when it is imported, and it would hand everything else in it, such as a developer's
AWS credentials, on to the Lambda functions. So only what it needs stays.
"""

from __future__ import annotations

import os
from typing import Final

SECRET_VARIABLE: Final = "LOCAL_AWS_SECRET"  # noqa: S105 - the name of a variable
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME", "SSL_CERT_FILE")


def prepare_environment(*, port: int, log_level: str) -> str | None:
    """Reduce this process's environment to what the emulator needs and add its settings.

    Args:
        port: The port the emulator will listen on; functions reach it there.
        log_level: A level name of `logging`.

    Returns:
        The secret of the local control endpoints, which is taken out of the environment, or None if there is none.
    """
    secret = os.environ.get(SECRET_VARIABLE) or None
    kept = {name: value for name in _KEPT if (value := os.environ.get(name)) is not None}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": log_level,
            "PERSIST_STATE": "0",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_EXECUTOR": "local",
            "LAMBDA_ACCOUNT_CONCURRENCY": "1000",  # AWS's default; `worker_slots` bounds what runs at a time
            "MINISTACK_ACCOUNT_ID": "000000000000",
            "MINISTACK_REGION": "us-east-1",
            "MINISTACK_COGNITO_PRETOKEN_STRICT": "1",  # a failing claims function refuses the sign-in, as on AWS
            # A container daemon is neither needed nor touched: this address does not exist.
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        }
    )
    return secret
