"""What a clinic says of itself: one JSON object in S3, written at onboarding."""

import json
from typing import Any, Final

from clinic_agent.aws_errors import AWS_ERRORS, as_agent_error, error_code
from clinic_agent.errors import NotFound, Unavailable
from clinic_agent.keys import profile_key

FIELDS: Final = ("clinic_id", "name", "specialty", "opening_hours", "services")
"""All that is told. Whatever else an operator may note in the object is not the assistant's business."""
MAX_PROFILE_BYTES: Final = 65_536


class ClinicProfile:
    """The profile of one clinic, read anew each time: an edit counts at once."""

    def __init__(self, *, client: Any, bucket: str, clinic_id: str) -> None:
        self._client = client  # a boto3 S3 client with the tenant's credentials
        self._bucket = bucket
        self._clinic_id = clinic_id
        self._key = profile_key(clinic_id)

    def read(self) -> dict[str, Any]:
        """Return the profile.

        Raises:
            NotFound: If the clinic has none.
            Throttled, Unavailable: If it can't be read, or is none.
        """
        try:
            response = self._client.get_object(Bucket=self._bucket, Key=self._key)
            source = response["Body"].read(MAX_PROFILE_BYTES + 1)
        except AWS_ERRORS as error:
            if error_code(error) in ("NoSuchKey", "AccessDenied", "403", "404") and not self._exists():
                raise NotFound("This clinic has no profile.") from None
            raise as_agent_error(error, part="profile") from None
        return self._checked(source)

    def _exists(self) -> bool:
        """Whether the object is there. S3 denies a read of a missing one to who may not list the whole bucket."""
        try:
            listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._key, MaxKeys=1)
        except AWS_ERRORS as error:
            raise as_agent_error(error, part="profile") from None
        return any(item["Key"] == self._key for item in listed.get("Contents", []))

    def _checked(self, source: bytes) -> dict[str, Any]:
        try:
            profile = json.loads(source) if len(source) <= MAX_PROFILE_BYTES else None
        except (ValueError, RecursionError):
            profile = None
        # Another clinic's profile under this clinic's key is a mistake of ours; it is not passed on.
        if not isinstance(profile, dict) or profile.get("clinic_id") != self._clinic_id:
            raise Unavailable("profile_unavailable", "The clinic's profile cannot be read at the moment.")
        return {name: profile[name] for name in FIELDS if name in profile}
