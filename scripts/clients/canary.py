"""Which endpoint a new session begins at, while a candidate is being tried on a share of them.

The choice depends on the session's id alone, so it needs no store and no coordination between clients. It is made once:
whoever makes a session keeps its endpoint with its id, and a later change of the share moves no session.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

LIVE: Final = "live"
CANDIDATE: Final = "candidate"
_DOMAIN: Final = b"canary\0"
"""So that other uses of the same id's digest, such as names in logs, are not correlated with the choice."""


def takes_candidate(session_id: str, share_percent: int) -> bool:
    """Tell whether a session of this id belongs to the candidate's share.

    A larger share only adds sessions: who is in at 5 % is in at 20 % too.

    Args:
        session_id: Of a new session; random, as `new_session_id` makes it.
        share_percent: Whole per cent of new sessions.

    Raises:
        ValueError: If the share is not from 0 to 100.
    """
    if not 0 <= share_percent <= 100:
        raise ValueError(f"candidate_share_percent: must be from 0 to 100; got {share_percent}")
    point = int.from_bytes(sha256(_DOMAIN + session_id.encode()).digest()[:8], "big") * 100 >> 64
    return point < share_percent


def endpoint_of(stack: Mapping[str, Any], session_id: str) -> str:
    """Choose the endpoint for a new session.

    Args:
        stack: Content of stack.json.
        session_id: The new session's.
    """
    return CANDIDATE if takes_candidate(session_id, stack.get("candidate_share_percent", 0)) else LIVE
