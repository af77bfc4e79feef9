"""Makes recorded versions servable: their bundles fetched and verified, their roles and authorizers at hand."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from local_aws.agentcore.authorizer import JwtAuthorizer
from local_aws.agentcore.errors import StandInError
from local_aws.agentcore.role_session import RoleSession
from local_aws.agentcore.signing_keys import SigningKeys
from local_aws.runtime.bundle import prepare_bundle
from local_aws.runtime.config import DEFAULT_ENDPOINT, RuntimeConfig, RuntimeVersion
from local_aws.runtime.download import s3_download
from local_aws.runtime.process import Launcher, LaunchPlan, VersionLauncher
from local_aws.runtime.sessions import Fleet

logger = logging.getLogger(__name__)

_BUNDLE_FOLDER: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedVersion:
    """A version that can be served."""

    version: RuntimeVersion
    authorizer: JwtAuthorizer
    fleet: Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the runtime serves from now on."""

    endpoints: Mapping[str, str]  # version number by endpoint
    versions: Mapping[str, ServedVersion]  # by number; also those that only sessions of before are on
    failed: Mapping[str, str] = field(default_factory=dict)  # why the newest, which DEFAULT alone names, is not there

    @property
    def warm(self) -> list[str]:
        """The versions that clients are sent to: those of named endpoints. DEFAULT is for trying things."""
        return sorted({number for name, number in self.endpoints.items() if name != DEFAULT_ENDPOINT})


class Deployer:
    """Prepares versions, each once: they never change.

    Args:
        laptop_client: For asking the emulator for credentials, and issuers for their keys.
        launcher: Starts the processes.
        secret: Shared with the emulator, see `RoleSession`.
        credentials_url: Of the credential desk, without the path.
    """

    def __init__(
        self, *, laptop_client: httpx.AsyncClient, launcher: Launcher, secret: str, credentials_url: str
    ) -> None:
        self._client = laptop_client
        self._launcher = launcher
        self._secret = secret
        self._credentials_url = credentials_url
        self._roles: dict[str, RoleSession] = {}  # by ARN: versions with the same role share its session
        self._keys: dict[str, SigningKeys] = {}  # by discovery URL
        self._versions: dict[str, ServedVersion] = {}

    async def deploy(self, config: RuntimeConfig) -> Deployment:
        """Prepare what a configuration names; all of it, or nothing is served that was not before.

        The newest version is another matter while no named endpoint serves it: nobody is sent to DEFAULT, and a broken
        bundle must not keep the others from moving, back above all. It is tried again at the next call.

        Raises:
            StandInError: If a role or a bundle of a named endpoint cannot be had, or a bundle is not the one that was
                published.
        """
        prepared, failed = dict(self._versions), {}
        named = {number for name, number in config.endpoints.items() if name != DEFAULT_ENDPOINT}
        for number, version in config.versions.items():
            if number in prepared:
                continue
            try:
                prepared[number] = await self._prepare(config, version)
            except StandInError as failure:
                if number in named:
                    raise
                failed[number] = str(failure)
                logger.warning("version=<%s> | cannot be served, only %s fails: %s", number, DEFAULT_ENDPOINT, failure)
        self._versions = prepared
        return Deployment(endpoints=config.endpoints, versions=prepared, failed=failed)

    async def drop(self, numbers: Collection[str], *, work_dir: Path) -> None:
        """Forget versions and remove the unpacked bundles that no other version runs; each takes some 100 MB.

        Args:
            numbers: Versions that no endpoint names and no session is on. One that is named again is fetched again.
            work_dir: Where bundles are unpacked.
        """
        self._versions = {number: served for number, served in self._versions.items() if number not in numbers}
        keep = {served.version.code.sha256 for served in self._versions.values()}
        await asyncio.to_thread(_remove_bundles, work_dir, keep)

    async def _prepare(self, config: RuntimeConfig, version: RuntimeVersion) -> ServedVersion:
        laptop, role = config.laptop, self._role(config, version.role_arn)
        work_dir = laptop.work_dir.resolve()
        download = s3_download(laptop, await role.credentials())
        bundle: Path = await asyncio.to_thread(prepare_bundle, version.code, directory=work_dir, download=download)
        plan = LaunchPlan(
            role=role,
            bundle=bundle,
            entry_point=version.code.entry_point,
            environment=version.environment,
            sessions_dir=work_dir / "sessions",
            credentials_url=self._credentials_url,
            start_timeout_seconds=laptop.start_timeout_seconds,
            stop_grace_seconds=laptop.stop_grace_seconds,
        )
        return ServedVersion(
            version=version,
            authorizer=JwtAuthorizer(version.authorizer, keys=self._keys_of(version.authorizer.discovery_url)),
            fleet=Fleet(
                source=VersionLauncher(launcher=self._launcher, plan=plan),
                idle_timeout_seconds=version.idle_timeout_seconds,
                max_lifetime_seconds=version.max_lifetime_seconds,
            ),
        )

    def _role(self, config: RuntimeConfig, role_arn: str) -> RoleSession:
        if role_arn not in self._roles:
            self._roles[role_arn] = RoleSession(
                endpoint_url=config.laptop.aws_endpoint_url,
                secret=self._secret,
                role_arn=role_arn,
                source_arn=config.arn,
                client=self._client,
            )
        return self._roles[role_arn]

    def _keys_of(self, discovery_url: str) -> SigningKeys:
        if discovery_url not in self._keys:
            self._keys[discovery_url] = SigningKeys(discovery_url, client=self._client)
        return self._keys[discovery_url]


def _remove_bundles(work_dir: Path, keep: Collection[str]) -> None:
    for folder in work_dir.resolve().glob("*"):
        if _BUNDLE_FOLDER.fullmatch(folder.name) and folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
