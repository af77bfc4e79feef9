"""What a plan replaces, deletes or lets go of with all that is in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scripts.plans.changes import ResourceChange, type_at

DATA: Final[Mapping[str, str]] = {
    "aws_bedrockagentcore_memory": "every conversation and memory record in it",
    "aws_bedrockagentcore_memory_strategy": "the memory records that it extracted",
    "aws_cognito_user_pool": "every user",
    "aws_dynamodb_table": "every item",
    "aws_s3_bucket": "every object",
    "aws_kms_key": "everything that is encrypted with it",
}
"""Types that hold data, and what goes with one."""
LOGS: Final[Mapping[str, str]] = {"aws_cloudwatch_log_group": "the logs in it"}
"""Types whose loss is said, but not refused."""
UNEXPLAINED: Final = "Terraform does not say why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something that is replaced, deleted or forgotten, with all that is in it."""

    address: str
    type: str
    action: Literal["replace", "delete", "forget"]
    holds_data: bool  # logs do not count
    what: str  # goes with it
    forced_by: tuple[str, ...]  # attributes with both values, or the reason


def find_losses(changes: Sequence[ResourceChange]) -> Iterator[Loss]:
    """Find what a plan loses."""
    for change in changes:
        if change.action not in ("replace", "delete", "forget"):
            continue
        # A move may go to another type: what is lost then is what was there.
        types = [change.type, *([type_at(change.moved_from)] if change.moved_from else [])]
        lost = next((kind for kind in types if kind in DATA), None) or next((k for k in types if k in LOGS), None)
        if lost is None:
            continue
        why = change.forced_by or ((change.reason,) if change.reason else ())
        held = DATA.get(lost) or LOGS[lost]
        yield Loss(
            address=change.address,
            type=lost,
            action="replace" if change.action == "replace" else "delete" if change.action == "delete" else "forget",
            holds_data=lost in DATA,
            what=_fate(change, held),
            forced_by=why or (UNEXPLAINED,),
        )


def _fate(change: ResourceChange, held: str) -> str:
    if change.action == "forget":
        return f"{held} stays in the account, where Terraform no longer knows or protects it"
    if change.forgets_old:
        return f"{held} stays behind in the old one, which Terraform forgets; the new one starts empty"
    return held
