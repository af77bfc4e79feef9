"""A model server of one's own in place of the offline model: `make up MODEL_URL=http://127.0.0.1:11434`."""

from dataclasses import dataclass
from typing import Final

import httpx

from local_aws.stack.state import StackError

_ANSWER_SECONDS: Final = 5.0


class ModelServerError(StackError):
    """There is no OpenAI-compatible server at that address, or not that model. The message says what was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel:
    """An OpenAI-compatible server and the model to ask there."""

    url: str  # without /v1
    name: str


def find_model(url: str, name: str | None) -> OwnModel:
    """Ask a server for its models.

    Args:
        url: Where it is, with or without `/v1`.
        name: The model to use there; None takes the first that it lists. Bedrock's ids mean nothing to it.

    Raises:
        ModelServerError: If it does not answer, or does not have the model.
    """
    base = url.rstrip("/").removesuffix("/v1").rstrip("/")
    listing = f"{base}/v1/models"
    try:
        answer = httpx.get(listing, timeout=_ANSWER_SECONDS, trust_env=False)
        answer.raise_for_status()
        names = [str(model["id"]) for model in answer.json()["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise ModelServerError(
            f"MODEL_URL: {listing} lists no models ({type(error).__name__}); start the server, or leave MODEL_URL away"
        ) from None
    if not names:
        raise ModelServerError(f"MODEL_URL: {base} has no model yet; load one there first")
    if name is not None and name not in names:
        raise ModelServerError(f"MODEL_NAME: {base} has no model {name!r}, but {', '.join(names)}")
    return OwnModel(url=base, name=name or names[0])
