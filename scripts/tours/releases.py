"""The guided tour of a release: publish the next version, try it on a share of new sessions, promote it, take it back.

Each step is checked from outside: by what the `done` event of an answer says, and by what a refusal says.
"""

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

from local_aws.runtime import bootstrap
from local_aws.runtime.bundle import prepare_bundle
from local_aws.runtime.config import CodeLocation
from local_aws.runtime.history import HISTORY_FILE, VersionHistory
from local_aws.stack.processes import base_interpreter
from scripts import publish
from scripts.apply import apply_again, running_laptop
from scripts.bundle import BundleError, Bundles
from scripts.clients.canary import endpoint_of
from scripts.clients.runtime import Session, load_stack, new_session_id
from scripts.laptop import release_laptop
from scripts.laptop.laptop import release_file_of
from scripts.laptop.platform import Progress, ReloadError
from scripts.publishing.artifact_store import PublishError
from scripts.publishing.sbom import SbomError
from scripts.publishing.target import LAPTOP
from scripts.releases import release_file
from scripts.releases.release_checks import manifest_key
from scripts.releases.release_file import CANDIDATE, LIVE, ReleaseError
from scripts.terraform.setup import TerraformError
from scripts.tours.raised_sources import empty_cache, next_minor, published_versions, raised

SHARE_PERCENT: Final = 50
SESSIONS: Final = 6
_MOST_SESSIONS: Final = 24
"""All on one side: once in eight million times."""
_IDS: Final = 10_000
_TOLERANCE: Final = 2.5
"""Percentage points: five standard deviations of the share of 10,000 random ids at 50 %."""
_PARALLEL: Final = 4
_START_SECONDS: Final = 60
_QUESTION: Final = "Who are you?"


RELEASE_ERRORS: Final = (ReleaseError, PublishError, BundleError, SbomError, TerraformError, ReloadError)
"""What ends the tour: something that is needed for the next step did not work at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a release, and how it ended."""

    what: str
    expected: str
    got: str

    @property
    def ok(self) -> bool:
        """Whether it ended as it must."""
        return self.expected == self.got


@dataclass(slots=True, kw_only=True)
class ReleaseTour:
    """Releases the next version on a running stack. It is left with the old version live and no canary.

    `take_back` makes its agent and its functions those of before again, which takes an apply; runtime versions and
    published versions stay, as nobody can delete them. Another tour takes the version after those.
    """

    state_dir: Path
    access_token: Callable[[], str] = field(repr=False)
    progress: Progress = lambda _: None
    old: str = field(init=False)
    new: str = field(init=False)
    _before: release_file.Release = field(init=False)

    def __post_init__(self) -> None:
        """Look what is live, and which version comes next.

        Raises:
            NoStack, ReleaseError: If no stack is running there, or nothing was applied to it.
        """
        stack, laptop = running_laptop(self.state_dir)
        self._before = self._release
        live = self._before.agent_version_of(LIVE)
        if live is None:
            raise ReleaseError("release.endpoints.live: serves nothing yet; `make apply` first")
        key = manifest_key(self._before, self._before.agent_version)
        there = published_versions(laptop.client("s3"), bucket=stack["buckets"]["artifacts"], manifest_key=key)
        self.old, self.new = live, next_minor([*there, *self._before.runtime_versions.values()])

    def take_back(self) -> None:
        """Let the stack run what it ran before the tour: agent, functions, endpoints and share.

        Raises:
            ReleaseError, TerraformError, ReloadError: If it cannot be applied.
        """
        now = self._release
        before = replace(
            self._before,
            runtime_versions=now.runtime_versions,
            runtime_contracts=now.runtime_contracts,
            functions_contract=now.functions_contract,
        )
        release_file.save(before, self._file)
        apply_again(self.state_dir, self.progress)

    def steps(self) -> Iterator[Step]:
        """Make every step and yield how it ended."""
        with tempfile.TemporaryDirectory(prefix="release-") as scratch, ThreadPoolExecutor(1) as background:
            folder = Path(scratch)
            before = self._session(LIVE)
            yield self._answers("a session begins", before, LIVE, self.old)
            sources = raised(folder / "one", self.new)
            bundles = sources.build(out=empty_cache(folder / "cache-1"), progress=self.progress)
            yield self._refused(f"promotes {self.new} before it is published", self._promote, "was never published")
            first = self._put(bundles)
            publish.record(LAPTOP, first, laptop=self.state_dir)
            yield self._refused(
                f"promotes {self.new} before it is applied", self._promote, "no runtime version runs it"
            )
            # Most of an apply is Terraform's provider waiting for functions, five seconds at a time: here all else is
            # built and published meanwhile.
            earlier = self._release
            applying = background.submit(apply_again, self.state_dir, self.progress)
            yield from self._publish_again(folder, first)
            other = self._of_another_contract(folder)
            yield from self._applied(applying.result().release, earlier, before)
            yield from self._canary(before)
            yield from self._promote_and_roll_back(before)
            yield from self._another_contract(*other, folder)

    def _publish_again(self, folder: Path, first: publish.Manifest) -> Iterator[Step]:
        again = raised(folder / "two", self.new)
        second = self._put(again.build(out=empty_cache(folder / "cache-2")))
        written = sum(item.outcome == "uploaded" for item in second.objects.values())
        equal = _checksums(first) == _checksums(second)
        expected = "the same SHA-256 of every file, nothing written again"
        yield Step(
            what=f"publishes {self.new} twice, built in two folders",
            expected=expected,
            got=expected if equal and not written else f"{written} written again, checksums equal: {equal}",
        )
        again.edit("agent_pkg/src/clinic_agent/__init__.py", r"\Z", "\n")
        changed = again.build(out=empty_cache(folder / "cache-2"))
        yield self._refused(
            f"publishes other content as {self.new}",
            lambda: self._put(changed),
            "a published version never changes",
        )

    def _applied(self, applied: release_file.Release, earlier: release_file.Release, before: Session) -> Iterator[Step]:
        number = max(map(int, earlier.runtime_versions)) + 1
        endpoints = "unmoved" if applied.endpoints == earlier.endpoints else f"at {dict(applied.endpoints)}"
        yield Step(
            what=f"applies {self.new}",
            expected=f"runtime version {number} runs {self.new}, endpoints unmoved",
            got=f"runtime version {applied.newest_number_of(self.new)} runs {self.new}, endpoints {endpoints}",
        )
        yield self._answers("the session goes on", before, LIVE, self.old)
        yield self._answers("a new session begins", self._session(), LIVE, self.old)

    def _canary(self, before: Session) -> Iterator[Step]:
        self._promote(share_percent=SHARE_PERCENT)
        sessions = self._new_sessions()
        with ThreadPoolExecutor(_PARALLEL) as pool:
            versions = list(pool.map(lambda session: session.ask(_QUESTION).agent_version, sessions))
        expected = Counter(self.new if session.endpoint == CANDIDATE else self.old for session in sessions)
        yield Step(
            what=f"candidate is {self.new} with {SHARE_PERCENT} %: {len(sessions)} sessions begin",
            expected=_split(expected) if len(expected) > 1 else "some on either version",
            got=_split(Counter(str(version) for version in versions)),
        )
        stack = load_stack(self.state_dir / "stack.json")  # with the share that clients go by now
        chosen = sum(endpoint_of(stack, new_session_id()) == CANDIDATE for _ in range(_IDS)) * 100 / _IDS
        near = abs(chosen - SHARE_PERCENT) <= _TOLERANCE
        yield Step(
            what=f"{_IDS:,} more session ids are drawn",
            expected=f"{SHARE_PERCENT} % for the candidate",
            got=f"{SHARE_PERCENT} % for the candidate" if near else f"{chosen:.1f} % for the candidate",
        )
        yield self._answers("the old session goes on", before, LIVE, self.old)
        canary = self._session(CANDIDATE)
        yield self._answers("a session begins at the candidate", canary, CANDIDATE, self.new)
        self._promote(share_percent=0)
        yield self._answers("... and goes on when the share is 0", canary, CANDIDATE, self.new)

    def _promote_and_roll_back(self, before: Session) -> Iterator[Step]:
        self._promote(endpoint=LIVE)
        during = self._session()
        yield self._answers(f"live is {self.new}: a new session begins", during, LIVE, self.new)
        yield self._answers("the old session goes on", before, LIVE, self.old)
        release_laptop.roll_back(self.state_dir, endpoint=LIVE, progress=self.progress)
        yield self._answers("live is rolled back: a new session begins", self._session(), LIVE, self.old)
        yield self._answers("the session of before goes on", during, LIVE, self.new)

    def _of_another_contract(self, folder: Path) -> tuple[Bundles, publish.Manifest]:
        """Publish a version whose agent needs another contract of the platform."""
        major, minor, _ = self.new.split(".")
        sources = raised(folder / "contract", f"{major}.{int(minor) + 1}.0")
        sources.need_contract(2)
        bundles = sources.build(out=empty_cache(folder / "cache-1"), progress=self.progress)
        return bundles, self._put(bundles)

    def _another_contract(self, bundles: Bundles, published: publish.Manifest, folder: Path) -> Iterator[Step]:
        kept = self._release
        release_file.save(release_file.with_published(kept, published.to_json()), self._file)
        try:
            yield self._refused(
                f"applies {bundles.version}, which needs contract 2",
                lambda: apply_again(self.state_dir, self.progress),
                "release.contract_version: must be 1",
            )
        finally:
            release_file.save(kept, self._file)
        said = self._start(bundles, folder / "started")
        yield Step(
            what=f"starts {bundles.version} all the same",
            expected="ends with: the platform offers contract 1, this agent needs contract 2",
            got=f"ends with: {said}",
        )
        yield self._answers("a new session begins", self._session(), LIVE, self.old)

    @property
    def _file(self) -> Path:
        return release_file_of(running_laptop(self.state_dir)[1].state)

    @property
    def _release(self) -> release_file.Release:
        return release_file.load(self._file)

    def _put(self, bundles: Bundles) -> publish.Manifest:
        stack, laptop = running_laptop(self.state_dir)
        bucket = stack["buckets"]["artifacts"]
        return publish.publish(s3=laptop.client("s3"), bucket=bucket, bundles=bundles)

    def _start(self, bundles: Bundles, folder: Path) -> str:
        """Start an agent as the stand-in does, in the environment that Terraform gave the newest version."""

        def copy(_: CodeLocation, file: IO[bytes]) -> None:
            file.write(bundles.runtime.path.read_bytes())

        code = CodeLocation(bucket="", key="", sha256=bundles.runtime.sha256, entry_point="main.py")
        unpacked = prepare_bundle(code, directory=folder, download=copy)
        history = VersionHistory.load(self.state_dir / HISTORY_FILE)
        environment = history.versions[max(history.versions, key=int)]["environment_variables"]
        command = [base_interpreter(), "-I", "-S", "-B", bootstrap.__file__, str(unpacked), code.entry_point]
        try:
            ended = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_START_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return "nothing, it runs"
        said = re.search(r"the platform offers contract \d+, this agent needs contract \d+", ended.stderr)
        return said[0] if said and ended.returncode else f"exit code {ended.returncode}"

    def _promote(self, endpoint: str = CANDIDATE, share_percent: int | None = None) -> None:
        release_laptop.promote(
            self.state_dir,
            version=self.new,
            endpoint=endpoint,
            share_percent=share_percent,
            progress=self.progress,
        )

    def _session(self, endpoint: str | None = None) -> Session:
        """Begin a session as a client does: by the share of this moment, unless the endpoint is given."""
        return Session(load_stack(self.state_dir / "stack.json"), self.access_token(), endpoint=endpoint)

    def _new_sessions(self) -> list[Session]:
        """Begin some sessions, and more if all of them happen to begin at one endpoint: a split is to be seen."""
        sessions = [self._session() for _ in range(SESSIONS)]
        while len({session.endpoint for session in sessions}) == 1 and len(sessions) < _MOST_SESSIONS:
            sessions.append(self._session())
        return sessions

    def _answers(self, what: str, session: Session, endpoint: str, version: str) -> Step:
        answer = session.ask(_QUESTION)
        got = f"{session.endpoint} answers as {answer.agent_version}" if answer.agent_version else f"{answer.code}"
        return Step(what=what, expected=f"{endpoint} answers as {version}", got=got)

    def _refused(self, what: str, action: Callable[[], Any], reason: str) -> Step:
        expected = f"refused: {reason}"
        try:
            action()
        except (ReleaseError, PublishError) as refusal:
            said = " ".join(str(refusal).split())
            return Step(what=what, expected=expected, got=expected if reason in said else f"refused: {said}")
        return Step(what=what, expected=expected, got="done")


def _split(versions: Counter[str]) -> str:
    return ", ".join(f"{count} on {version}" for version, count in sorted(versions.items()))


def _checksums(published: publish.Manifest) -> dict[str, str]:
    return {role: item.sha256 for role, item in published.objects.items()}
