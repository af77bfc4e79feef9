"""The tier's model, called with the tenant's credentials."""

import threading
from typing import Any, Final

from botocore.config import Config
from strands.models.bedrock import BedrockModel

from clinic_agent.credentials import TenantSession

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 60
"""Longest silence between two chunks of an answer."""


class SessionModel(BedrockModel):
    """A Bedrock model that knows whether a call is still under way.

    A cancelled call ends at its next chunk only: until then the thread that reads it goes on, and so does the model.
    A session that took new questions meanwhile could pile calls up.
    """

    def __init__(self, **config: Any) -> None:
        """Make the model; arguments as `BedrockModel`."""
        self._calls = 0
        self._lock = threading.Lock()
        super().__init__(**config)

    @property
    def calling(self) -> bool:
        """Whether any call has not yet ended."""
        return self._calls > 0

    def _stream(self, *args: Any, **kwargs: Any) -> None:  # what BedrockModel runs in a thread, for the whole call
        with self._lock:
            self._calls += 1
        try:
            super()._stream(*args, **kwargs)
        finally:
            with self._lock:
                self._calls -= 1


def bedrock_model(session: TenantSession) -> SessionModel:
    """Build the Bedrock model of the session's tier. Makes one boto3 client; keep the model for the session.

    The model id comes from the broker, and the tenant role allows this tier's models only.
    """
    model = SessionModel(
        boto_session=session.boto3,
        boto_client_config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # Throttles and outages go back to the caller, who can wait better than a held request can.
            retries={"mode": "standard", "total_max_attempts": 2},
        ),
        model_id=session.tier.model_id,
        max_tokens=session.tier.max_output_tokens,
        # The tenant role may call the model with this guardrail only. No trace: it would quote what was stopped. In
        # mode sync nothing is sent before it was looked at. The turn's messages do not keep what was stopped either.
        guardrail_id=session.tier.guardrail_id,
        guardrail_version=session.tier.guardrail_version,
        guardrail_trace="disabled",
        guardrail_stream_processing_mode="sync",
        guardrail_redact_input=True,
        guardrail_redact_output=True,
    )
    # Strands does not know the window of these models.
    model.update_config(context_window_limit=session.tier.context_window)
    return model
