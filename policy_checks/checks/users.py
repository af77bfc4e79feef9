"""Users: who gets an account, and how they sign in."""

from collections.abc import Iterator
from typing import Final

from policy_checks.check import Check, Severity
from policy_checks.plan import Plan, Resource, listed

_PASSWORD_FLOWS: Final = {
    "ALLOW_USER_PASSWORD_AUTH",
    "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    "ADMIN_NO_SRP_AUTH",
    "USER_PASSWORD_AUTH",
}


def _closed(resource: Resource, plan: Plan) -> Iterator[str]:
    if resource.known("admin_create_user_config", "allow_admin_create_user_only") is not True:
        yield "admin_create_user_config.allow_admin_create_user_only is not true, so anybody signs himself up"


def _no_passwords(resource: Resource, plan: Plan) -> Iterator[str]:
    for flow in listed(resource.known("explicit_auth_flows"), what="explicit_auth_flows"):
        if flow in _PASSWORD_FLOWS:
            yield f"explicit_auth_flows holds {flow}: the application sees the password, and one guess is one call"


def _no_implicit(resource: Resource, plan: Plan) -> Iterator[str]:
    if "implicit" in listed(resource.known("allowed_oauth_flows"), what="allowed_oauth_flows"):
        yield "allowed_oauth_flows holds implicit: tokens stand in the address, and in the browser's history"


CHECKS: Final = (
    Check(
        id="CKV_AGENTCORE_36",
        name="Nobody signs himself up",
        severity=Severity.HIGH,
        why="An account is a token, and a token passes the authorizer. Who is a user is the clinics' decision.",
        fix="Set admin_create_user_config { allow_admin_create_user_only = true }.",
        types=("aws_cognito_user_pool",),
        rule=_closed,
    ),
    Check(
        id="CKV_AGENTCORE_37",
        name="Clients of production take no passwords",
        severity=Severity.HIGH,
        why="With a password flow everybody may try passwords straight at the API, without the hosted page and its "
        "second "
        "factor.",
        fix="Use the code flow with PKCE (variable password_sign_in = false).",
        types=("aws_cognito_user_pool_client",),
        rule=_no_passwords,
        production=True,
    ),
    Check(
        id="CKV_AGENTCORE_38",
        name="No client uses the implicit flow",
        severity=Severity.MEDIUM,
        why="Its tokens travel in addresses, where history, logs and referrers keep them.",
        fix='Set allowed_oauth_flows = ["code"].',
        types=("aws_cognito_user_pool_client",),
        rule=_no_implicit,
    ),
)
