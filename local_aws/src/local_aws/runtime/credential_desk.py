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
    """The endpoint where session processes fetch the role's credentials, each with a path and token of its own.

    Args:
        session: Where they come from.
    """

    def __init__(self, session: RoleSession) -> None:
        self._session = session
        self._tokens: dict[str, str] = {}  # by path segment
        self.app = Starlette(routes=[Route("/credentials/{desk_id}", self._serve)])

    def issue(self) -> CredentialGrant:
        """Admit one more process."""
        desk_id = secrets.token_urlsafe(12)
        self._tokens[desk_id] = secrets.token_urlsafe(32)
        return CredentialGrant(path=f"/credentials/{desk_id}", token=self._tokens[desk_id])

    def revoke(self, grant: CredentialGrant) -> None:
        """Admit a process no longer."""
        self._tokens.pop(grant.path.rpartition("/")[2], None)

    async def _serve(self, request: Request) -> Response:
        expected = self._tokens.get(request.path_params["desk_id"])
        given = request.headers.get("authorization", "")
        if expected is None or not hmac.compare_digest(given.encode(), expected.encode()):
            return JSONResponse({"Code": "AccessDenied", "Message": "not admitted"}, status_code=403)
        try:
            credentials = await self._session.credentials()
        except RoleSessionError as failure:
            logger.warning("error=<%s> | no credentials for a session process", failure)
            return JSONResponse({"Code": "Unavailable", "Message": "no role session"}, status_code=503)
        return JSONResponse(credentials.document())
