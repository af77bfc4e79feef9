"""`POST /_local/service-session`: credentials for a role that an AWS service assumes.

No caller can ask STS to act as a service, so the stand-in for AgentCore Runtime asks here. The role's trust policy
decides, with the service as principal and the keys `aws:SourceArn` and `aws:SourceAccount`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from local_aws.emulator.control_endpoint import Application, InvalidRequestError, with_endpoint

PATH: Final = "/_local/service-session"
SESSION_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSessionRequest:
    """Which service assumes which role, and for what."""

    role_arn: str
    service: str  # such as bedrock-agentcore.amazonaws.com
    source_arn: str
    source_account: str
    session_name: str

    @classmethod
    def parse(cls, body: bytes) -> ServiceSessionRequest:
        """Read a request body.

        Raises:
            InvalidRequestError: If it is not a JSON object with exactly these fields.
        """
        try:
            data = json.loads(body)
            request = cls(**data)
        except (ValueError, TypeError) as failure:
            raise InvalidRequestError("the body has to be JSON with the fields of a service session") from failure
        if not all(isinstance(getattr(request, name), str) for name in cls.__slots__):
            raise InvalidRequestError("every field has to be a string")
        return request


def _trust_for(document: Any, service: str) -> dict[str, Any]:
    """Reduce a trust policy to what it says about a service, in the form the emulator evaluates."""
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    found = []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if principal == "*" or service in ([services] if isinstance(services, str) else services):
            found.append({**statement, "Principal": "*"})
    return {**policy, "Statement": found}


def open_session(request: ServiceSessionRequest) -> dict[str, str] | None:
    """Assume a role as a service.

    Returns:
        The credentials, for an hour, or None if the role does not exist or does not trust the service for this.
    """
    from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy
    from ministack.core.responses import get_region
    from ministack.services import iam, sts

    assumed_arn, refused = sts._assumed_role_arn(request.role_arn, request.session_name)
    if refused:
        return None
    account, name = request.role_arn.split(":")[4], request.role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name)
    if role is None or role.get("Arn") != request.role_arn:
        return None
    context = EvalContext(
        principal_arn=request.service,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn=request.role_arn,
        region=get_region(),
        service_context={"aws:sourcearn": request.source_arn, "aws:sourceaccount": request.source_account},
    )
    trust = _trust_for(role.get("AssumeRolePolicyDocument", "{}"), request.service)
    if not evaluate_trust_policy(trust, request.service, context):
        return None
    key, secret, token = sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
    expires = time.time() + SESSION_SECONDS
    sts.register_session(
        key,
        {
            "Arn": assumed_arn,
            "UserId": f"{sts._role_id(request.role_arn)}:{request.session_name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
            "Expiration": expires,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    expiration = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": expiration}


def with_service_sessions(application: Application, *, secret: str | None) -> Application:
    """Put the endpoint in front of an application; without `secret` it answers 404 to everybody."""

    def handle(body: bytes) -> tuple[int, dict[str, Any]]:
        request = ServiceSessionRequest.parse(body)
        credentials = open_session(request)
        if credentials is None:
            message = f"{request.service} is not authorized to perform sts:AssumeRole on {request.role_arn}"
            return 403, {"error": {"code": "access_denied", "message": message}}
        return 200, credentials

    return with_endpoint(application, handle, method="POST", path=PATH, secret=secret)
