"""What the platform is measured against: the smallest BedrockAgentCoreApp with Strands, one tool and no tenancy.

It names a guardrail, since the role that it borrows may not call the model without.
"""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

from bedrock_agentcore import BedrockAgentCoreApp
from strands import Agent, tool
from strands.models.bedrock import BedrockModel

app = BedrockAgentCoreApp()
PATIENT = {"patient_id": "P-1001", "name": "Test Person", "birth_year": 1980, "conditions": ["asthma"]}


@tool
def get_patient(patient_id: str) -> str:
    """Read one patient of the clinic.

    Args:
        patient_id: The patient's id, such as P-1001.
    """
    return json.dumps({"patient": {**PATIENT, "patient_id": patient_id}})


def make_model() -> BedrockModel:
    """Make the model once a process, as the SDK's examples do."""
    return BedrockModel(
        model_id=os.environ["MODEL_ID"],
        region_name=os.environ["AWS_REGION"],
        guardrail_id=os.environ["GUARDRAIL_ID"],
        guardrail_version=os.environ["GUARDRAIL_VERSION"],
        guardrail_trace="disabled",
    )


MODEL = make_model()


@app.entrypoint
async def invoke(payload: dict[str, Any]) -> AsyncIterator[Any]:
    agent = Agent(model=MODEL, tools=[get_patient], system_prompt="You help clinicians.", callback_handler=None)
    async for event in agent.stream_async(payload["prompt"]):
        if "data" in event:
            yield {"type": "text", "text": event["data"]}


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]))
