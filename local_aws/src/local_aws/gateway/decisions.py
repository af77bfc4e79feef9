"""The decision log: one JSON line for each decision, as the service's logs would have it. No arguments, no claims."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from local_aws.gateway.cedar_schema import ACTION, GATEWAY, USER
from local_aws.gateway.engine import Decision

logger = logging.getLogger(__name__)


class DecisionLog:
    """Appends decisions to a file.

    Args:
        path: The file; it and its directory are made if need be.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered and in append mode: each write is one record, and others may read the file meanwhile.
        self._file = path.open("ab", buffering=0)

    def write(
        self,
        decision: Decision,
        *,
        operation: str,
        request_id: str,
        subject: str,
        tool: str,
        gateway_arn: str,
        policy_time: datetime,
        enforced: bool,
    ) -> None:
        """Record one decision.

        Args:
            decision: What the engine said.
            operation: `tools/call` or `tools/list`.
            request_id: The gateway's own.
            subject: Who called.
            tool: Wire name.
            gateway_arn: The resource.
            policy_time: What the policies took for the current time.
            enforced: False in mode LOG_ONLY.
        """
        record = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "policy_time": policy_time.isoformat(timespec="seconds"),
            "request_id": request_id,
            "operation": operation,
            "principal": f"{USER}::{json.dumps(subject)}",
            "action": f"{ACTION}::{json.dumps(tool)}",
            "resource": f"{GATEWAY}::{json.dumps(gateway_arn)}",
            "decision": decision.outcome,
            "mode": "ENFORCE" if enforced else "LOG_ONLY",
            "enforced": enforced,
            "policy_ids": list(decision.policy_ids),
            "errors": decision.errors,
        }
        if not enforced and not decision.allowed:
            record["warning"] = "LOG_ONLY: WOULD have been denied, and was let through"
            logger.warning(
                "request_id=<%s>, tool=<%s>, decision=<%s> | LOG_ONLY: WOULD have been denied, and was let through",
                request_id,
                tool,
                decision.outcome,
            )
        self._file.write(json.dumps(record).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
