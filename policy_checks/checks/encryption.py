"""Keys of the customer, which the customer can take away."""

from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.plan import Plan, Resource

_KEYS: Final = {
    "aws_bedrockagentcore_memory": "encryption_key_arn",
    "aws_bedrockagentcore_gateway": "kms_key_arn",
    "aws_bedrockagentcore_policy_engine": "encryption_key_arn",
    "aws_bedrock_guardrail": "kms_key_arn",
}


def _own_key(resource: Resource, plan: Plan) -> Iterator[str]:
    argument = _KEYS[resource.type]
    key = resource.known(argument)
    if not key:
        yield f"{argument} is not set, so a key of AWS encrypts it"
    elif "alias/aws/" in str(key):
        yield f"{argument} is {key}, a key of AWS, which nobody can disable"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_26",
        name="Memories, gateways, policy engines and guardrails of production have a key of their own",
        severity=Severity.HIGH,
        why="With a customer managed key, every use is in CloudTrail, and access ends when the key is disabled. A "
        "memory's "
        "key cannot be changed later without losing what it holds.",
        fix="Set the KMS key (variable customer_managed_key).",
        types=tuple(_KEYS),
        rule=_own_key,
        production=True,
    ),
)
