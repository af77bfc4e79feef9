"""Who may pass as whom: a request with credentials that are no AWS signature is nobody's, not the root's.

The emulator takes any `Authorization` header that it cannot read for the root's. A program that forgot to sign, or
passed a user's token on, would look as if its IAM rights were enough.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

from local_aws.emulator.control_endpoint import Application, send_json

_SIGNED: Final = (b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256", b"AWS ")
_TOKENS_BELONG: Final = ("/oauth2/", "/restapis/", "/lambda-url/")  # Cognito's own endpoints, deployed APIs
_HEALTH: Final = "/_ministack/health"


def with_signatures(application: Application, *, secret: str | None) -> Application:
    """Refuse unsigned credentials, and the emulator's own control paths to whoever does not know the secret."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            path, headers = scope["path"], dict(scope["headers"])
            given = headers.get(b"authorization", b"")
            if given and not given.startswith(_SIGNED) and not path.startswith(_TOKENS_BELONG):
                content = {"__type": "IncompleteSignatureException", "message": "Authorization is no AWS signature"}
                await send_json(send, 403, content, {"x-amzn-errortype": "IncompleteSignatureException"})
                return
            if path.startswith("/_ministack/") and path != _HEALTH:
                known = headers.get(b"x-local-secret", b"")
                if not secret or not hmac.compare_digest(known, secret.encode()):
                    await send_json(send, 404, {"error": {"code": "not_found", "message": "not found"}})
                    return
        await application(scope, receive, send)

    return serve
