"""The release file of an environment: what was published, what was applied, and what each endpoint serves.

Terraform reads it as variable `release`; `publish`, `apply`, `promote` and `rollback` write it. Everything here is pure
but for `load` and `save`: a change makes another `Release`, and whoever asked for it decides whether it is kept.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = [
    *("Artifacts", "Bundle", "NoReleaseError", "Release", "ReleaseError"),
    *("load", "parse", "path_of", "promoted", "rolled_back", "save", "with_applied", "with_published"),
]

ROOT: Final = Path(__file__).resolve().parents[2]
FILE_NAME: Final = "release.auto.tfvars.json"
LIVE: Final = "live"
CANDIDATE: Final = "candidate"
FIRST: Final = "1"
"""The number that AgentCore gives a new runtime's first version."""

_ENDPOINT: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,47}")
"""An endpoint's name. Source: `CreateAgentRuntimeEndpoint`, botocore's service model."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,4}")
"""A runtime version. Source: `AgentRuntimeVersion`, botocore's service model."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")
_VERSION: Final = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")


class ReleaseError(Exception):
    """The release file is not as it must be, or may not be changed so. The message says what to do."""


class NoReleaseError(ReleaseError):
    """There is no release file: nothing was published for this environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A published file."""

    key: str  # in the artifacts bucket
    sha256: str  # hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """What the newest published version ships, and what it was built for."""

    runtime: Bundle
    lambda_: Bundle
    runtime_name: str  # as AgentCore names a Python, such as PYTHON_3_11
    lambda_runtime: str  # as Lambda does, such as python3.11
    architecture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The content of a release file. `with_published` makes the first one of an environment."""

    agent_version: str  # of the newest published bundle, which the next apply makes the newest runtime version
    contract_version: int
    artifacts: Artifacts
    runtime_versions: Mapping[str, str] = field(default_factory=dict)  # agent version by the number AgentCore gave
    runtime_contracts: Mapping[str, int] = field(default_factory=dict)  # contract by that number; see `contract_of`
    functions_contract: int | None = None  # of the functions that run, from the last apply that succeeded as a whole
    endpoints: Mapping[str, str] = field(default_factory=lambda: {LIVE: FIRST, CANDIDATE: FIRST})  # numbers
    previous: Mapping[str, str] = field(default_factory=dict)  # number that an endpoint served before
    candidate_share_percent: int = 0  # of new sessions

    def agent_version_of(self, endpoint: str) -> str | None:
        """Return the agent version that an endpoint serves; None before the first apply.

        Raises:
            ReleaseError: If there is no such endpoint.
        """
        return self.runtime_versions.get(self._number(endpoint))

    def newest_number_of(self, version: str) -> str | None:
        """Return the newest runtime version that runs an agent version; None if none does."""
        return _newest(number for number, agent in self.runtime_versions.items() if agent == version)

    def contract_of(self, number: str) -> int:
        """Return the contract of a runtime version; what is not recorded has that of the newest published version."""
        return self.runtime_contracts.get(number, self.contract_version)

    @property
    def functions_contract_now(self) -> int | None:
        """Contract of the functions that run; None before the first apply. Unrecorded, that of the newest version."""
        newest = _newest(self.runtime_versions)
        return self.functions_contract or (None if newest is None else self.contract_of(newest))

    @property
    def coming(self) -> str | None:
        """Number of the runtime version that the next apply makes, if it changes the contract; None if it does not.

        AgentCore counts versions of a runtime one by one, and Terraform refuses to move an endpoint if it did not.
        """
        newest = _newest(self.runtime_versions)
        if newest is None or self.contract_of(newest) == self.contract_version or self._is_settled:
            return None
        return str(int(newest) + 1)

    @property
    def _is_settled(self) -> bool:
        """Whether functions and endpoints are of the newest published contract, whatever the newest number runs."""
        served = [self.runtime_contracts.get(number) for number in self.endpoints.values()]
        return {self.functions_contract_now, *served} == {self.contract_version}

    def check_endpoints(self) -> None:
        """Check that the next apply leaves no endpoint on an agent of another contract; Terraform checks environments.

        Raises:
            ReleaseError: If it would.
        """
        if any(self.contract_of(number) != self.contract_version for number in self.endpoints.values()):
            raise ReleaseError(
                f"release.endpoints: must serve agents of contract {self.contract_version}, which this apply brings to"
                " the functions; move them in the same apply: make promote"
                f" VERSION={self.agent_version} ENDPOINT={LIVE} ARGS=--with-apply (docs/upgrade.md);"
                f" got {dict(self.endpoints)}"
            )

    def with_applied(self, newest_version: str, agent_version: str, *, whole: bool = False) -> "Release":
        """Record what an apply made.

        Args:
            newest_version: The runtime's newest version, the number that AgentCore gave.
            agent_version: The agent that it runs.
            whole: Whether everything was applied without a failure, so that the functions are of this release too. A
                runtime's version alone does not say that.

        Raises:
            ReleaseError: If that number ran another agent version until now: a runtime version never changes.
        """
        _check(newest_version, _NUMBER, "newest_version", "a number from 1 to 99999")
        _check(agent_version, _VERSION, "agent_version", "a semantic version such as 0.2.0")
        known = self.runtime_versions.get(newest_version)
        if known not in (None, agent_version):
            raise ReleaseError(
                f"release.runtime_versions.{newest_version}: is {known!r}, but the runtime's tag says"
                f" {agent_version!r}, and a runtime version never changes. Was the runtime made anew? Then remove the"
                " release file and publish again."
            )
        versions = {**self.runtime_versions, newest_version: agent_version}
        contracts = {newest_version: self.contract_version, **self.runtime_contracts}
        return replace(
            self,
            runtime_versions=_by_number(versions),
            runtime_contracts=_by_number(contracts),
            functions_contract=self.contract_version if whole else self.functions_contract,
        )

    def promoted(
        self, version: str, endpoint: str, *, share_percent: int | None = None, with_apply: bool = False
    ) -> "Release":
        """Let an endpoint serve an agent version, and remember what it served.

        A promotion to live ends the canary: its share becomes 0, so that a later rollback of live leaves nobody behind
        on the version that was rolled back.

        With `with_apply` all endpoints move to the version that the next apply makes: the only way to change the
        contract, since the functions change in that apply too and serve no agent of the old contract any more.

        Args:
            version: The agent version.
            endpoint: `candidate` or `live`.
            share_percent: Share of new sessions that the candidate gets; None leaves it as it is.
            with_apply: Whether all endpoints move with the next apply, which changes the contract.

        Raises:
            ReleaseError: If that version was never published or not applied yet, if the endpoint serves it already, if
                its contract is not that of the functions, or if the share is none.
        """
        _check(version, _VERSION, "VERSION", "a semantic version such as 0.2.0")
        served = self._number(endpoint)
        share = self._share(endpoint, share_percent)
        if with_apply:
            return self._promoted_with_apply(version, endpoint)
        number = self.newest_number_of(version)
        if version == self.agent_version and self.coming is not None:
            raise ReleaseError(
                f"VERSION: {version} is of contract {self.contract_version} and changes the platform's, so endpoints"
                " have to move in the apply that brings it: `make promote` with ENDPOINT=live ARGS=--with-apply"
            )
        if number is None and version == self.agent_version:
            raise ReleaseError(
                f"VERSION: {version} is published, but no runtime version runs it yet; run `make apply` for this"
                " environment first"
            )
        if number is None:
            known = ", ".join(sorted({*self.runtime_versions.values(), self.agent_version}))
            raise ReleaseError(
                f"VERSION: {version} was never published to this environment, which knows {known}; publish it with"
                " `make publish-agent`, then `make apply`"
            )
        self._check_contract("VERSION", number)
        if number == served and (endpoint != CANDIDATE or share == self.candidate_share_percent):
            raise ReleaseError(
                f"ENDPOINT: {endpoint} serves {version} (runtime version {number}) already; there is nothing to promote"
            )
        if number == served:  # another share of the same version
            return replace(self, candidate_share_percent=share)
        return replace(
            self,
            endpoints={**self.endpoints, endpoint: number},
            previous={**self.previous, endpoint: served},
            candidate_share_percent=share,
        )

    def _promoted_with_apply(self, version: str, endpoint: str) -> "Release":
        coming = self.coming
        if coming is None:
            raise ReleaseError(
                f"--with-apply: is for a release that changes the contract, and {self.agent_version} is of contract"
                f" {self.contract_version} as what runs is; `make apply` first, then `make promote` without it"
            )
        if endpoint != LIVE:
            raise ReleaseError(
                f"ENDPOINT: must be {LIVE} with --with-apply, and all others move with it: no function serves an agent"
                f" of the old contract afterwards; got {endpoint}"
            )
        if version != self.agent_version:
            raise ReleaseError(
                f"VERSION: must be {self.agent_version} with --with-apply, the version that the next apply brings; got"
                f" {version}"
            )
        if set(self.endpoints.values()) == {coming}:
            raise ReleaseError(
                f"ENDPOINT: all wait for runtime version {coming} already; `make apply` makes it and moves them"
            )
        return replace(
            self,
            endpoints=dict.fromkeys(self.endpoints, coming),
            previous={name: number for name, number in self.endpoints.items() if number != coming},
            candidate_share_percent=0,
        )

    def _check_contract(self, name: str, number: str) -> None:
        """Refuse a runtime version whose agent the running functions do not serve."""
        running = self.functions_contract_now or self.contract_version
        if self.contract_of(number) == running:
            return
        if self.contract_of(number) == self.contract_version:
            raise ReleaseError(
                f"{name}: runtime version {number} ({self.runtime_versions.get(number, 'unknown')}) is of contract"
                f" {self.contract_version}, which the functions will be of after the next `make apply` that succeeds;"
                f" until then they are of contract {running}, and it would serve nobody"
            )
        raise ReleaseError(
            f"{name}: runtime version {number} ({self.runtime_versions.get(number, 'unknown')}) is of contract"
            f" {self.contract_of(number)}, and the functions are of contract {running}, so it would serve nobody;"
            " to go back over a contract, publish an agent and apply a platform of the old one (docs/upgrade.md)"
        )

    def rolled_back(self, endpoint: str) -> "Release":
        """Let an endpoint serve what it served before its last promotion.

        The way back is used up by that: a second rollback would be a promotion of what was just found bad. The
        candidate gets no new sessions afterwards, whichever endpoint it was: it may serve the same bad version.

        Raises:
            ReleaseError: If nothing is known that it served before, or the functions do not serve that any more.
        """
        self._number(endpoint)
        before = self.previous.get(endpoint)
        if before is None:
            if len(self.runtime_versions) <= 1:
                raise ReleaseError(f"ENDPOINT: {endpoint} never served another version. Nothing to go back to.")
            raise ReleaseError(
                f"ENDPOINT: {endpoint} was not promoted, or not since its last rollback, so there is nothing to go back"
                " to; name a version instead: `make promote`"
            )
        self._check_contract("ENDPOINT", before)
        return replace(
            self,
            endpoints={**self.endpoints, endpoint: before},
            previous={name: number for name, number in self.previous.items() if name != endpoint},
            candidate_share_percent=0,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the file's content."""
        made = self.artifacts
        return {
            "release": {
                "agent_version": self.agent_version,
                "contract_version": self.contract_version,
                "artifacts": {
                    "runtime": {"key": made.runtime.key, "sha256": made.runtime.sha256},
                    "lambda": {"key": made.lambda_.key, "sha256": made.lambda_.sha256},
                    "runtime_name": made.runtime_name,
                    "lambda_runtime": made.lambda_runtime,
                    "architecture": made.architecture,
                },
                "runtime_versions": dict(self.runtime_versions),
                "runtime_contracts": dict(self.runtime_contracts),
                **({} if self.functions_contract is None else {"functions_contract": self.functions_contract}),
                "endpoints": dict(self.endpoints),
                "previous": dict(self.previous),
                "candidate_share_percent": self.candidate_share_percent,
            }
        }

    def _number(self, endpoint: str) -> str:
        if endpoint not in self.endpoints:
            raise ReleaseError(f"ENDPOINT: {endpoint!r} is none of {', '.join(sorted(self.endpoints))}")
        return self.endpoints[endpoint]

    def _share(self, endpoint: str, wanted: int | None) -> int:
        if wanted is not None and endpoint != CANDIDATE:
            raise ReleaseError(f"SHARE: only the {CANDIDATE} has one, and {endpoint} gets all other sessions; leave it")
        if endpoint == LIVE:
            return 0
        if wanted is None:
            return self.candidate_share_percent
        if not 0 <= wanted <= 100:
            raise ReleaseError(f"SHARE: must be a percentage from 0 to 100; got {wanted}")
        return wanted


def with_published(release: Release | None, manifest: Mapping[str, Any]) -> Release:
    """Make the release in which a published version is the newest one. Endpoints stay where they are.

    Args:
        release: What is there; None for an environment's first.
        manifest: Content of the `manifest-<platform>.json` that was published.

    Raises:
        ReleaseError: If the manifest lacks something, or names other checksums under the version that is there.
    """
    top = _Object("manifest", manifest)
    made = top.object("artifacts")
    new = Release(
        agent_version=top.matching("version", _VERSION, "a semantic version such as 0.2.0"),
        contract_version=top.number("contract_version", 1, 9999),
        artifacts=Artifacts(
            runtime=_bundle(made.object("runtime")),
            lambda_=_bundle(made.object("lambda")),
            runtime_name=top.text("runtime"),
            lambda_runtime=top.text("lambda_runtime"),
            architecture=top.text("architecture"),
        ),
    )
    if release is None:
        return new
    if release.agent_version == new.agent_version and release.artifacts != new.artifacts:
        raise ReleaseError(
            f"release.artifacts: are not those of the manifest of {new.agent_version}, and a published version"
            " never changes; raise the version in agent_pkg/pyproject.toml, then publish again"
        )
    return replace(
        release,
        # Files of before 0.2 name none: what was applied until now is of the contract that was published last.
        runtime_contracts=_by_number({n: release.contract_of(n) for n in release.runtime_versions}),
        functions_contract=release.functions_contract_now,
        agent_version=new.agent_version,
        contract_version=new.contract_version,
        artifacts=new.artifacts,
    )


def path_of(environment: str, *, root: Path = ROOT) -> Path:
    """Return where the release file of an environment is, or will be."""
    return root / "terraform" / "envs" / environment / FILE_NAME


def load(path: Path) -> Release:
    """Read a release file.

    Raises:
        NoReleaseError: If it is not there.
        ReleaseError: If it cannot be read, or a field is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NoReleaseError(
            f"{path}: does not exist, so nothing was published here; run `make publish-agent` for this environment"
        ) from None
    except OSError as failure:
        raise ReleaseError(f"{path}: cannot be read ({type(failure).__name__})") from failure
    try:
        return parse(json.loads(text))
    except ValueError as failure:
        raise ReleaseError(f"{path}: is not JSON ({failure}); restore it from your version control") from failure
    except ReleaseError as failure:
        raise ReleaseError(f"{path}: {failure}") from failure


def parse(document: Any) -> Release:
    """Check the decoded content of a release file.

    Raises:
        ReleaseError: If a field is missing, wrong or unknown, or two do not fit.
    """
    outer = _Object("file", document, known={"release"})
    top = outer.object("release", prefix=False, known=_FIELDS)
    made = top.object("artifacts", known={"runtime", "lambda", "runtime_name", "lambda_runtime", "architecture"})
    release = Release(
        agent_version=top.matching("agent_version", _VERSION, "a semantic version such as 0.2.0"),
        contract_version=top.number("contract_version", 1, 9999),
        artifacts=Artifacts(
            runtime=_bundle(made.object("runtime")),
            lambda_=_bundle(made.object("lambda")),
            runtime_name=made.text("runtime_name"),
            lambda_runtime=made.text("lambda_runtime"),
            architecture=made.text("architecture"),
        ),
        runtime_versions=top.map("runtime_versions", _NUMBER, _VERSION),
        runtime_contracts=top.numbers("runtime_contracts", _NUMBER, 1, 9999),
        functions_contract=top.optional_number("functions_contract", 1, 9999),
        endpoints=top.map("endpoints", _ENDPOINT, _NUMBER),
        previous=top.map("previous", _ENDPOINT, _NUMBER),
        candidate_share_percent=top.number("candidate_share_percent", 0, 100),
    )
    _check_together(release)
    return release


def save(release: Release, path: Path) -> None:
    """Replace a release file as a whole; the same content is always the same bytes.

    Raises:
        ReleaseError: If it cannot be written; the old one is still there then.
    """
    text = json.dumps(release.to_json(), indent=2) + "\n"
    draft: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        draft = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.chmod(0o644)  # it is committed by whoever releases, and holds no secret
        draft.replace(path)
    except OSError as failure:
        if draft is not None:
            draft.unlink(missing_ok=True)
        raise ReleaseError(f"{path}: cannot be written ({type(failure).__name__})") from failure


_FIELDS: Final = frozenset(
    {
        *("agent_version", "contract_version", "artifacts", "runtime_versions", "runtime_contracts"),
        *("functions_contract",),
        *("endpoints", "previous", "candidate_share_percent"),
    }
)


def _check_together(release: Release) -> None:
    for name in (LIVE, CANDIDATE):
        if name not in release.endpoints:
            raise ReleaseError(f"release.endpoints.{name}: is missing; every environment has {LIVE} and {CANDIDATE}")
    # Before the first apply no version is known, and both endpoints wait for the first.
    known = set(release.runtime_versions) or {FIRST}
    # When the contract changes, endpoints may wait for the version that the next apply makes.
    coming = {release.coming} - {None}
    for kind, numbers in (("endpoints", release.endpoints), ("previous", release.previous)):
        for name, number in numbers.items():
            if number not in (known | coming if kind == "endpoints" else known):
                raise ReleaseError(
                    f"release.{kind}.{name}: {number!r} is no runtime version that was applied here, which are"
                    f" {', '.join(sorted(known, key=int))}"
                )
    for number in release.runtime_contracts:
        if number not in release.runtime_versions:
            raise ReleaseError(f"release.runtime_contracts.{number}: is no number of release.runtime_versions")
    for name in release.previous:
        if name not in release.endpoints:
            raise ReleaseError(f"release.previous.{name}: is no endpoint, which are {', '.join(release.endpoints)}")


def _newest(numbers: Iterable[str]) -> str | None:
    return max(numbers, key=int, default=None)


def _by_number(entries: Mapping[str, _T]) -> dict[str, _T]:
    return dict(sorted(entries.items(), key=lambda entry: int(entry[0])))


def _bundle(entry: "_Object") -> Bundle:
    return Bundle(key=entry.text("key"), sha256=entry.matching("sha256", _SHA256, "a SHA-256 in hex"))


def _check(value: Any, pattern: re.Pattern[str], name: str, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ReleaseError(f"{name}: must be {what}; got {value!r}")
    return value


class _Object:
    """Reads checked fields of a decoded JSON object, with the path of each in the error."""

    def __init__(self, path: str, data: Any, *, known: Iterable[str] | None = None) -> None:
        if not isinstance(data, Mapping):
            raise ReleaseError(f"{path}: must be an object; got {type(data).__name__}")
        if known is not None and (unknown := sorted(set(data) - set(known))):
            raise ReleaseError(f"{path}.{unknown[0]}: is no field here, which are {', '.join(sorted(known))}")
        self._path = path
        self._data = data

    def object(self, name: str, *, prefix: bool = True, known: Iterable[str] | None = None) -> "_Object":
        return _Object(f"{self._path}.{name}" if prefix else name, self._data.get(name), known=known)

    def text(self, name: str) -> str:
        value = self._data.get(name)
        if not isinstance(value, str) or not value:
            raise ReleaseError(f"{self._path}.{name}: must be a string that is not empty; got {value!r}")
        return value

    def matching(self, name: str, pattern: re.Pattern[str], what: str) -> str:
        return _check(self._data.get(name), pattern, f"{self._path}.{name}", what)

    def number(self, name: str, low: int, high: int) -> int:
        value = self._data.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ReleaseError(f"{self._path}.{name}: must be a whole number from {low} to {high}; got {value!r}")
        return value

    def optional_number(self, name: str, low: int, high: int) -> int | None:
        return self.number(name, low, high) if name in self._data else None

    def map(self, name: str, keys: re.Pattern[str], values: re.Pattern[str]) -> dict[str, str]:
        entries = self._data.get(name)
        if not isinstance(entries, Mapping):
            raise ReleaseError(f"{self._path}.{name}: must be an object; got {type(entries).__name__}")
        for key, value in entries.items():
            if not keys.fullmatch(key):
                raise ReleaseError(f"{self._path}.{name}: {key!r} is no name that may stand here ({keys.pattern})")
            _check(value, values, f"{self._path}.{name}.{key}", f"of the form {values.pattern}")
        return dict(entries)

    def numbers(self, name: str, keys: re.Pattern[str], low: int, high: int) -> dict[str, int]:
        """Read whole numbers by name; a field that is not there is empty."""
        entries = _Object(f"{self._path}.{name}", self._data.get(name, {}))
        for key in entries._data:
            if not keys.fullmatch(key):
                raise ReleaseError(f"{entries._path}: {key!r} is no name that may stand here ({keys.pattern})")
        return {key: entries.number(key, low, high) for key in entries._data}
