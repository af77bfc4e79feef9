"""The wire schema of an answer: server-sent events, one JSON object each.

    data: {"type":"text","text":"…"}                                  a piece of the answer, in order
    data: {"type":"tool","name":"…","status":"started"}               then "finished" or "failed"
    data: {"type":"usage","input_tokens":0,"output_tokens":0,…}       once, before done
    data: {"type":"done","request_id":"…","stop_reason":"end_turn",…} last, if all went well: the turn is stored, unless
                                                                      stop_reason is guardrail_masked
    data: {"type":"error","code":"…","message":"…","request_id":"…"}  last, instead of done

This is a schema of our own: the framework's events carry prompts, messages and the invocation's state.
"""

import json
from typing import Any

Event = dict[str, Any]


def text(piece: str) -> Event:
    """Build a `text` event."""
    return {"type": "text", "text": piece}


def tool(name: str, status: str) -> Event:
    """Build a `tool` event; `status` is started, finished or failed. Arguments and results are not told."""
    return {"type": "tool", "name": name, "status": status}


def usage(*, input_tokens: int, output_tokens: int, model_calls: int, estimated_cost_usd: float) -> Event:
    """Build the `usage` event."""
    return {
        "type": "usage",
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "model_calls": model_calls,
        "estimated_cost_usd": estimated_cost_usd,
    }


def done(*, request_id: str, stop_reason: str, agent_version: str) -> Event:
    """Build the `done` event. The version tells which of two releases answered."""
    return {"type": "done", "request_id": request_id, "stop_reason": stop_reason, "agent_version": agent_version}


def error(details: dict[str, object]) -> Event:
    """Build the `error` event from `AgentError.as_dict`."""
    return {"type": "error", **details}


def encode(event: Event) -> bytes:
    """Encode an event as server-sent event. JSON escapes line ends, so an event is always one `data:` line.

    Half a surrogate pair, which a model can produce, becomes a question mark.
    """
    return b"data: " + json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n\n"
