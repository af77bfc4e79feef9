"""The emulator carries out what the Terraform code says for AWS, where it would not by itself."""

from __future__ import annotations

import os
from pathlib import Path

from tests.contract.support import Caller, allowed, create_role, policy, role_arn, serving, statement, trust


def test_a_bucket_that_demands_tls_serves_the_laptop(tmp_path: Path) -> None:
    """Every bucket policy here denies requests without TLS; the emulator speaks plain HTTP on the loopback."""
    with serving("local_aws.emulator", health="/_ministack/health", log=tmp_path / "log", environment=os.environ) as (
        url,
        _,
    ):
        root = Caller(endpoint=url)
        account = role_arn("x").replace("role/x", "root")
        create_role(
            root, "reader", [trust(account, "sts:AssumeRole")], [statement("s3:GetObject", "arn:aws:s3:::documents/*")]
        )
        s3 = root.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="k", Body=b"x")
        reader = root.assume("reader").client("s3")
        for value, served in (("false", True), ("true", False)):  # the second shows that the Deny is evaluated at all
            tls = {
                "Sid": "Tls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": ["arn:aws:s3:::documents", "arn:aws:s3:::documents/*"],
                "Condition": {"Bool": {"aws:SecureTransport": value}},
            }
            s3.put_bucket_policy(Bucket="documents", Policy=policy(tls))
            assert allowed(reader.get_object, Bucket="documents", Key="k") is served
