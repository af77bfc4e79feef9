"""One turn of the conversation: memory, model and tools, as a stream of wire events."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Protocol

from strands import Agent
from strands.agent.conversation_manager import NullConversationManager
from strands.hooks import AfterToolCallEvent, BeforeModelCallEvent, BeforeToolsEvent
from strands.models import Model
from strands.types.exceptions import (
    ContextWindowOverflowException,
    EventLoopException,
    MaxTokensReachedException,
    ModelThrottledException,
)

from clinic_agent import events
from clinic_agent.aws_errors import AWS_ERRORS, as_agent_error, error_code
from clinic_agent.credentials import TierSettings
from clinic_agent.errors import AgentError, Forbidden, GuardrailBlocked, Internal, Throttled, TooLarge
from clinic_agent.gateway import TOOLS_DENIED
from clinic_agent.guardrail import INTERVENED, GuardrailWatch
from clinic_agent.identity import TenantContext
from clinic_agent.memory import Memory, Turn
from clinic_agent.metering import UsageEvent, UsageMeter, UsageSink
from clinic_agent.prompt import messages, system_prompt
from clinic_agent.tool_watch import ToolCap, ToolOutages
from clinic_agent.version import agent_version

MAX_MODEL_CALLS: Final = 6
"""Model calls of one turn; the answer ends with stop reason `limit_turns`."""

logger = logging.getLogger(__name__)


class Toolbox(Protocol):
    """The tools that the owner may use (`GatewayTools`, or a test's own)."""

    def cached(self) -> Sequence[Any] | None:
        """Return the tools, for Strands, if no blocking call is needed."""

    def load(self) -> Sequence[Any]:
        """Return the tools; empty if the owner may use none at this time. May block.

        Raises:
            AgentError: If they can't be had.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParts:
    """What a turn works with, all of it one owner's. Passed in, so that a test passes its own."""

    model: Model
    memory: Memory
    tools: Toolbox
    tier: TierSettings
    usage_sink: UsageSink
    still_calling: Callable[[], bool] = lambda: False  # whether a model call of an earlier turn has not yet ended
    clock: Callable[[], float] = time.monotonic


async def answer(
    parts: AgentParts, *, tenant: TenantContext, session_id: str, prompt: str, request_id: str
) -> AsyncGenerator[events.Event, None]:
    """Answer a prompt as a stream of events, store the turn, and meter it.

    The turn is stored after the model has finished and before `done`: one that failed or was cut off before leaves
    nothing behind, nor does one in which the guardrail stopped the question or anything of the answer; a write that is
    under way is finished. Usage is metered in every case. Close the generator to stop the work, also in the middle of
    a model call.

    Raises:
        AgentError: If the turn cannot be finished. Before the first event it can still become an HTTP status.
    """
    started = parts.clock()
    meter = UsageMeter()
    outcome, code, status = "disconnected", None, None
    try:
        history, records, tools = await _prepare(parts, session_id)
        said: list[str] = []
        stop_reason = "end_turn"
        async with aclosing(_run_model(parts, history, records, tools, prompt, meter)) as stream:
            async for event in stream:
                if event["type"] == "stop":
                    stop_reason = event["reason"]
                    continue
                if event["type"] == "text":
                    said.append(event["text"])
                yield event
        if said and stop_reason != "guardrail_masked":
            turn = Turn(question=prompt, answer="".join(said))
            await _finish(asyncio.to_thread(parts.memory.remember, session_id, turn, request_id=request_id))
        outcome = "answered"
        yield events.usage(
            input_tokens=meter.input_tokens,
            output_tokens=meter.output_tokens,
            model_calls=meter.model_calls,
            estimated_cost_usd=meter.cost_usd(parts.tier),
        )
        yield events.done(request_id=request_id, stop_reason=stop_reason, agent_version=agent_version())
    except AgentError as error:
        outcome, code, status = "refused", error.code, error.status
        raise
    except Exception:
        outcome, code, status = "refused", "internal", Internal.status
        raise
    finally:
        meter.close()
        parts.usage_sink(
            UsageEvent(
                request_id=request_id,
                tier=tenant.tier,
                clinic_id=tenant.clinic_id,
                user_hash=tenant.user_hash,
                model_id=parts.tier.model_id,
                outcome=outcome,
                error_code=code,
                error_status=status,
                model_calls=meter.model_calls,
                input_tokens=meter.input_tokens,
                output_tokens=meter.output_tokens,
                estimated=meter.estimated,
                tools=meter.tools,
                duration_ms=round((parts.clock() - started) * 1000),
                estimated_cost_usd=meter.cost_usd(parts.tier),
            )
        )


async def _finish(write: Coroutine[Any, Any, None]) -> None:
    """Wait for a write that cannot be recalled, also when the client hangs up: the next question must find it."""
    task = asyncio.ensure_future(write)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not log it: nobody is left to be told
        raise


async def _prepare(parts: AgentParts, session_id: str) -> tuple[Sequence[Turn], Sequence[str], Sequence[Any]]:
    """Read both memories, and list the tools if need be, all at once: at most two AWS calls before most model calls."""

    async def preferences() -> Sequence[str]:
        return await asyncio.to_thread(parts.memory.preferences) if parts.tier.long_term_memory else []

    async def tools() -> Sequence[Any]:
        listed = parts.tools.cached()
        return await asyncio.to_thread(parts.tools.load) if listed is None else listed

    recent = asyncio.to_thread(parts.memory.recent_turns, session_id, parts.tier.history_turns)
    history, records, allowed = await asyncio.gather(recent, preferences(), tools())
    if not allowed:
        raise Forbidden("tools_denied", TOOLS_DENIED)
    return history, records, allowed


async def _run_model(
    parts: AgentParts,
    history: Sequence[Turn],
    records: Sequence[str],
    tools: Sequence[Any],
    prompt: str,
    meter: UsageMeter,
) -> AsyncGenerator[events.Event, None]:
    # One Agent a request: it holds this request's messages. Model and tools live as long as the session.
    instructions = system_prompt(records)
    meter.sent(len(instructions) + len(prompt) + sum(len(turn.question) + len(turn.answer) for turn in history))
    agent = Agent(
        model=parts.model,
        messages=[message for turn in history for message in messages(turn)],
        tools=list(tools),
        system_prompt=instructions,
        callback_handler=None,
        conversation_manager=NullConversationManager(),
        retry_strategy=None,  # Strands would wait for minutes; the client can retry
        load_tools_from_directory=False,
    )
    outages = ToolOutages()
    watch = GuardrailWatch(parts.tier.guardrail_message)
    agent.hooks.add_callback(BeforeModelCallEvent, lambda _: meter.calling())
    agent.hooks.add_callback(BeforeToolsEvent, ToolCap(meter).check)
    agent.hooks.add_callback(AfterToolCallEvent, outages.note)
    cancel = threading.Event()
    names: dict[str, str] = {}
    try:
        stream = agent.stream_async(prompt, limits={"turns": MAX_MODEL_CALLS}, cancel_signal=cancel)
        async with aclosing(stream) as raw_events:  # type: ignore[type-var]  # an async generator, typed as iterator
            async for raw in raw_events:
                outages.check()
                if watch.blocked and "event" not in raw:  # the call's usage has been seen by then
                    raise GuardrailBlocked(parts.tier.guardrail_message)
                for event in _translate(raw, meter, names, watch):
                    yield event
    except MaxTokensReachedException:
        yield {"type": "stop", "reason": "max_tokens"}
    except Exception as error:
        raise _model_error(error) from None
    finally:
        # Also when the caller closes us: the thread that reads the model's stream ends at its next chunk.
        cancel.set()


def _translate(raw: Any, meter: UsageMeter, names: dict[str, str], watch: GuardrailWatch) -> list[events.Event]:
    """Turn one Strands event into wire events. Everything that is not listed here stays inside."""
    if chunk := raw.get("event"):
        meter.see(chunk)
        if "contentBlockDelta" in chunk and (piece := chunk["contentBlockDelta"]["delta"].get("text")):
            return _told(watch.text(piece))
        if "contentBlockStart" in chunk and (use := chunk["contentBlockStart"].get("start", {}).get("toolUse")):
            names[use["toolUseId"]] = use["name"]
            return [*_told(watch.tool_use()), events.tool(use["name"], "started")]
        if "messageStop" in chunk:
            return _told(watch.stop(chunk["messageStop"]["stopReason"]))
        return []
    if message := raw.get("message"):
        results = [block["toolResult"] for block in message.get("content", []) if "toolResult" in block]
        meter.sent(sum(len(item.get("text", "")) for result in results for item in result["content"]))
        return [
            events.tool(names.get(r["toolUseId"], ""), "finished" if r["status"] == "success" else "failed")
            for r in results
        ]
    if result := raw.get("result"):
        reason = "guardrail_masked" if result.stop_reason == INTERVENED else result.stop_reason
        return [{"type": "stop", "reason": reason}]
    return []


def _told(text: str) -> list[events.Event]:
    return [events.text(text)] if text else []


def _model_error(error: BaseException) -> AgentError:
    cause = error.original_exception if isinstance(error, EventLoopException) else error
    match cause:
        case AgentError():
            return cause
        case ModelThrottledException():
            return Throttled("throttled", "The model is busy. Try again shortly.")
        case ContextWindowOverflowException():
            return TooLarge(
                "conversation_too_large", "The conversation is too long for the model. Start a new session."
            )
        case _ if isinstance(cause, AWS_ERRORS):
            logger.warning("error=<%s> | model call failed", error_code(cause))
            return as_agent_error(cause, part="model")
        case _:
            # The class alone: messages and tracebacks of the framework can hold prompts.
            logger.error("error=<%s> | turn failed", type(cause).__name__)
            return Internal()
