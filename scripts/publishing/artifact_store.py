"""Objects in the artifacts bucket: written once, never replaced.

What is there is compared by two checksums: the one that its publisher noted, and the one that S3 computed.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

Outcome = Literal["uploaded", "unchanged"]


class PublishError(Exception):
    """The version was not published. The message says why, and what to change."""


class OtherContent(PublishError):
    """The bucket holds something else under a key that would be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What is to be there."""

    key: str
    sha256: str  # hex
    size: int  # bytes
    body: Path | bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The bucket, for one version."""

    s3: Any  # boto3 client
    bucket: str
    version: str
    owner: str | None = None  # account that the bucket must belong to; None on a laptop

    def has(self, key: str, sha256: str) -> bool:
        """Tell whether there is this content under this key; False if there is nothing.

        Raises:
            OtherContent: If there is other content.
        """
        try:
            head = self.s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED", **self._owner())
        except ClientError as error:
            # Without s3:ListBucket a missing key answers 403. The conditional put decides then.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                return False
            raise
        # The metadata is what a publisher said, the checksum what S3 computed: both must be ours.
        if head["Metadata"].get("sha256") == sha256 and head.get("ChecksumSHA256") == _base64(sha256):
            return True
        raise OtherContent(
            f"s3://{self.bucket}/{key} exists with other content, and a published version never changes. "
            f"Raise the version in agent_pkg/pyproject.toml (now {self.version}), then publish again."
        )

    def put(self, upload: Upload) -> Outcome:
        """Write an object that is not there.

        Raises:
            PublishError: If somebody else was faster, with other content.
        """
        body = upload.body if isinstance(upload.body, bytes) else upload.body.read_bytes()
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=upload.key,
                Body=body,
                ContentType=upload.content_type,
                ChecksumSHA256=_base64(upload.sha256),  # S3 refuses what does not arrive as it left
                Metadata={"sha256": upload.sha256},
                IfNoneMatch="*",  # S3 refuses to replace, whoever was faster
                **self._owner(),
            )
        except ClientError as error:
            # 409: another conditional write of the same key was under way.
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
            if not self.has(upload.key, upload.sha256):
                raise PublishError(
                    f"s3://{self.bucket}/{upload.key} is being written by somebody else, or may not be read; try again"
                ) from error
            return "unchanged"
        return "uploaded"

    def read(self, key: str) -> bytes:
        """Read a small object.

        Raises:
            PublishError: If it cannot be read, or is not what its publisher noted.
        """
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key, **self._owner())
            content: bytes = answer["Body"].read()
        except ClientError as error:
            raise PublishError(
                f"s3://{self.bucket}/{key} cannot be read ({error.response['Error']['Code']}); the publisher needs "
                "s3:GetObject there, and kms:Decrypt on the bucket's key"
            ) from error
        if hashlib.sha256(content).hexdigest() != answer["Metadata"].get("sha256"):
            raise PublishError(
                f"s3://{self.bucket}/{key} is not what its publisher noted; somebody exchanged it. Find out who, and "
                "publish under a new version."
            )
        return content

    def _owner(self) -> dict[str, str]:
        return {"ExpectedBucketOwner": self.owner} if self.owner else {}


def _base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()
