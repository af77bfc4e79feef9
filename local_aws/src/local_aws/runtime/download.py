"""Fetches the bundle from S3."""

from __future__ import annotations

from typing import IO

from local_aws.agentcore.role_session import RoleCredentials
from local_aws.runtime.bundle import Download
from local_aws.runtime.config import CodeLocation, LaptopSettings
from local_aws.runtime.errors import BundleError


def s3_download(laptop: LaptopSettings, credentials: RoleCredentials) -> Download:
    """Build a download that is authorized as the execution role, as AgentCore's own is."""

    def download(code: CodeLocation, file: IO[bytes]) -> None:
        # Only when a bundle is new: importing them takes longer than starting the stand-in.
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        client = boto3.client(
            "s3",
            endpoint_url=laptop.aws_endpoint_url,
            region_name=laptop.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.token,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
        )
        try:
            body = client.get_object(Bucket=code.bucket, Key=code.key)["Body"]
            for chunk in body.iter_chunks(1_048_576):
                file.write(chunk)
        except ClientError as failure:
            problem = failure.response.get("Error", {}).get("Code", "error")
            raise BundleError(f"s3://{code.bucket}/{code.key}: the execution role gets {problem}") from failure
        except BotoCoreError as failure:
            raise BundleError(f"s3://{code.bucket}/{code.key}: {failure}") from failure
        finally:
            client.close()

    return download
