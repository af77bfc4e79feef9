"""Where the session processes fetch the execution role's credentials."""

from __future__ import annotations

import hmac
import logging
import secrets
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_aws.agentcore.role_session import RoleSession, RoleSessionError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialGrant:
    """What one session process needs to fetch credentials."""

    path: str
    token: str = field(repr=False)


class CredentialDesk:
    """The endpoint where session processes fetch their role's credentials, each with a path and token of its own."""

    def __init__(self) -> None:
        self._admitted: dict[str, tuple[str, RoleSession]] = {}  # token and role, by path segment
        self.app = Starlette(routes=[Route("/credentials/{desk_id}", self._serve)])

    def issue(self, role: RoleSession) -> CredentialGrant:
        """Admit one more process to a role's credentials."""
        desk_id, token = secrets.token_urlsafe(12), secrets.token_urlsafe(32)
        self._admitted[desk_id] = token, role
        return CredentialGrant(path=f"/credentials/{desk_id}", token=token)

    def revoke(self, grant: CredentialGrant) -> None:
        """Admit a process no longer."""
        self._admitted.pop(grant.path.rpartition("/")[2], None)

    async def _serve(self, request: Request) -> Response:
        admitted = self._admitted.get(request.path_params["desk_id"])
        given = request.headers.get("authorization", "")
        if admitted is None or not hmac.compare_digest(given.encode(), admitted[0].encode()):
            return JSONResponse({"Code": "AccessDenied", "Message": "not admitted"}, status_code=403)
        try:
            credentials = await admitted[1].credentials()
        except RoleSessionError as failure:
            logger.warning("error=<%s> | no credentials for a session process", failure)
            return JSONResponse({"Code": "Unavailable", "Message": "no role session"}, status_code=503)
        return JSONResponse(credentials.document())
