"""The tier's model, called with the tenant's credentials."""

from typing import Final

from botocore.config import Config
from strands.models.bedrock import BedrockModel

from clinic_agent.credentials import TenantSession

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 120
"""Longest silence between two chunks of an answer."""


def bedrock_model(session: TenantSession) -> BedrockModel:
    """Build the Bedrock model of the session's tier. Makes one boto3 client; keep the model for the session.

    The model id comes from the broker, and the tenant role allows this tier's models only.
    """
    model = BedrockModel(
        boto_session=session.boto3,
        boto_client_config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # Throttles and outages go back to the caller, who can wait better than a held request can.
            retries={"mode": "standard", "total_max_attempts": 2},
        ),
        model_id=session.tier.model_id,
        max_tokens=session.tier.max_output_tokens,
    )
    # Strands does not know the window of these models.
    model.update_config(context_window_limit=session.tier.context_window)
    return model
