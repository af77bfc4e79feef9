"""Publish a version of the agent into an environment's artifacts bucket, where it stays as it is.

    make publish-agent ENV=dev        (python -m scripts.publish --env dev)

Under the version go the wheel, both bundles, a list of what is in each (SBOM), where it all came from (provenance),
checksums, and the manifest that names them. A published version never changes: environments take their code by
version and checksum. So an object that is there with the same content is left alone, and one with other content stops
the program before anything is written. The manifest goes last: whoever finds it finds all that it names.

All environments but the laptop get what a commit holds, built from the commit itself and not from the work tree, so
that a clone of it gives the same bytes again. A work tree that differs is refused all the same: whoever publishes it
would think that it is published.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.stack.state import StateFolder
from scripts import bundle
from scripts.bundle import BundleError, Bundles
from scripts.laptop.lock import changing
from scripts.publishing import commit_build, manifest, package_index, source_tree
from scripts.publishing.artifact_store import OtherContent, PublishError, Store, Upload
from scripts.publishing.manifest import ARTIFACTS, MANIFEST, Manifest, Published
from scripts.publishing.package_index import PackageIndexError
from scripts.publishing.source_tree import SourceTree, SourceTreeError
from scripts.publishing.target import (
    LAPTOP,
    STACK_FILE,
    Target,
    client,
    environment_target,
    laptop_target,
    require_access,
)
from scripts.releases import release_file
from scripts.releases.advice import for_environment
from scripts.releases.release_file import NoReleaseError, ReleaseError

__all__ = ["Manifest", "PublishError", "publish"]

Progress = Callable[[str], None]

_LARGE_BYTES: Final = 1_000_000
"""Uploads from this size on are announced: they take time."""
UNKNOWN: Final = SourceTree(commit=None, committed_at=None, repository=None, problem="nobody looked")
"""Sources of which nothing is known: marked as differing from every commit."""


def publish(
    *,
    s3: Any,
    bucket: str,
    bundles: Bundles,
    source: SourceTree = UNKNOWN,
    owner: str | None = None,
    progress: Progress = lambda _: None,
) -> Manifest:
    """Put a version into the bucket, where it stays as it is.

    Args:
        s3: boto3 client.
        bucket: Name of the artifacts bucket.
        bundles: From `build_for`, or from `scripts.bundle.build`.
        source: What they were built from; it is written down, not judged.
        owner: Account that the bucket must belong to; None does not ask.
        progress: Gets one line for each large upload.

    Returns:
        The manifest, with what was uploaded and what was there. If these artifacts were published before from another
        commit or by another builder, it is the manifest of then.

    Raises:
        PublishError: If the bucket holds other content under this version. Nothing has been written then, unless
            somebody else publishes at the same moment.
        SbomError: If a bundle holds something else than the lock says.
    """
    store = Store(s3=s3, bucket=bucket, version=bundles.version, owner=owner)
    content, uploads = manifest.contents(bundles, source)
    try:
        published_before = store.has(uploads[MANIFEST].key, uploads[MANIFEST].sha256)
    except OtherContent as refusal:
        return _published_before(store, bundles, uploads, refusal)
    # All are looked at before the first is written: a refusal leaves the bucket as it was.
    there = {role: store.has(u.key, u.sha256) for role, u in uploads.items() if role != MANIFEST}
    there[MANIFEST] = published_before
    done: dict[str, Published] = {}
    for role, upload in uploads.items():  # in this order: the manifest is last
        if not there[role] and upload.size >= _LARGE_BYTES:
            progress(f"uploading {upload.key} ({upload.size / 1e6:.1f} MB)")
        outcome = "unchanged" if there[role] else store.put(upload)
        done[role] = Published(key=upload.key, sha256=upload.sha256, size=upload.size, outcome=outcome)
    return Manifest(bundles=bundles, content=content, objects=done)


def _published_before(store: Store, bundles: Bundles, uploads: dict[str, Upload], refusal: OtherContent) -> Manifest:
    """Accept a version whose artifacts are these very ones, whatever commit or builder they came from.

    A commit that changes nothing of the agent gives the same wheel and bundles, with another provenance. The first one
    counts; nothing is written.
    """
    text = store.read(uploads[MANIFEST].key)
    try:
        found = json.loads(text)
        named = manifest.listed(found)
        same = all(named[role]["sha256"] == uploads[role].sha256 for role in ARTIFACTS)
        keys = {role: (str(entry["key"]), str(entry["sha256"]), int(entry["size"])) for role, entry in named.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise refusal from None
    if not same or found.get("version") != bundles.version or found.get("contract_version") != bundles.contract_version:
        raise refusal
    for key, digest, _ in keys.values():
        if not store.has(key, digest):
            raise PublishError(
                f"s3://{store.bucket}/{key} is named by the manifest of {bundles.version} and is not there, or may not "
                "be read; raise the version in agent_pkg/pyproject.toml, then publish again"
            )
    done = {
        role: Published(key=key, sha256=digest, size=size, outcome="unchanged")
        for role, (key, digest, size) in keys.items()
    }
    done[MANIFEST] = Published(
        key=uploads[MANIFEST].key,
        sha256=sha256(text).hexdigest(),
        size=len(text),
        outcome="unchanged",
    )
    return Manifest(bundles=bundles, content=found, objects=done, before=True)


def sources_for(environment: str, *, root: Path = bundle.ROOT) -> SourceTree:
    """Look at the sources, and refuse what an environment must not get.

    Args:
        environment: On the laptop anything goes; provenance says that it differs from its commit.
        root: The workspace.

    Raises:
        SourceTreeError: If an environment would get what no commit holds.
    """
    found = source_tree.describe(root)
    if environment != LAPTOP:
        found.require_clean()
    return found


def build_for(
    environment: str, *, root: Path = bundle.ROOT, progress: Progress = lambda _: None
) -> tuple[Bundles, SourceTree]:
    """Build what an environment gets: the commit. The laptop gets its work tree where that differs from its commit.

    Args:
        environment: Such as `dev`; `local` gets bundles for this machine, all others those for AWS.
        root: The workspace.
        progress: Gets one line for each step that takes time.

    Returns:
        The bundles, and what they were built from.

    Raises:
        SourceTreeError: If an environment would get what no commit holds, or the commit cannot be read.
        BundleError: If they cannot be built.
    """
    source = sources_for(environment, root=root)
    platform = None if environment == LAPTOP else bundle.AWS_PLATFORM
    if source.commit is not None and source.is_clean:
        return commit_build.build(root, source.commit, platform=platform, progress=progress), source
    return bundle.build(root=root, platform=platform, progress=progress), source


def record(environment: str, published: Manifest, *, laptop: Path) -> Path:
    """Write into the environment's release file what was published; its endpoints stay where they are.

    Args:
        environment: Such as `dev`.
        published: From `publish`.
        laptop: Folder of the laptop's stack.

    Returns:
        The release file.

    Raises:
        ReleaseError: If the file cannot be read or written, or names other checksums under this version.
    """
    if environment != LAPTOP:
        return _record(published, release_file.path_of(environment))
    with changing(StateFolder(path=laptop.absolute())):
        return _record(published, laptop / release_file.FILE_NAME)


def _record(published: Manifest, path: Path) -> Path:
    try:
        old = release_file.load(path)
    except NoReleaseError:
        old = None
    release_file.save(release_file.with_published(old, published.to_json()), path)
    return path


def _publish(options: argparse.Namespace, tell: Progress) -> tuple[Manifest, Target]:
    # Not from the laptop: its wheel may hold what no commit does.
    index = None if options.env == LAPTOP else package_index.from_environment(os.environ)
    if options.env == LAPTOP:
        to = laptop_target(
            bucket=options.bucket, endpoint_url=options.endpoint_url, stack_file=options.stack, env=os.environ
        )
    else:
        to = environment_target(options.env, bucket=options.bucket, endpoint_url=options.endpoint_url)
        require_access(options.env, to, chosen=bool(options.bucket or options.endpoint_url), env=os.environ)
    bundles, source = build_for(options.env, root=bundle.ROOT, progress=tell)
    published = publish(
        s3=client(to, env=os.environ),
        bucket=to.bucket,
        bundles=bundles,
        source=source,
        owner=to.account_id,
        progress=tell,
    )
    if index is not None:
        tell(f"uploading {bundles.wheel.path.name} to {index.upload_url}")
        package_index.upload(bundles.wheel.path, index, root=bundle.ROOT)
    return published, to


def _summary(published: Manifest, bucket: str) -> str:
    made = published.bundles
    folder = published.key.rpartition("/")[0]
    lines = [
        f"{made.name} {made.version} (contract {made.contract_version}, {made.platform}) in s3://{bucket}/{folder}/"
    ]
    for item in published.objects.values():
        name = item.key.rpartition("/")[2]
        size = f"{item.size / 1e6:.1f} MB" if item.size >= 100_000 else f"{item.size / 1e3:.1f} kB"
        lines.append(f"  {name:<44} {size:>9}  sha256 {item.sha256[:12]}  {item.outcome}")
    if published.before:
        lines.append("These artifacts were published before, from another commit or by another builder; that stays.")
    return "\n".join(lines)


def _next(environment: str, version: str) -> str:
    if environment == LAPTOP:
        return "Next: make apply"
    return (
        f"Next: make plan ENV={environment}, make apply ENV={environment}, "
        f"then make promote ENV={environment} VERSION={version}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Build if needed, publish, print what went where and what comes next."""
    parser = argparse.ArgumentParser(prog="python -m scripts.publish", description=__doc__.splitlines()[0])
    parser.add_argument("--env", default=LAPTOP, help="dev, staging, prod, ...; local (default) is the running laptop")
    parser.add_argument("--bucket", help="default: artifacts_bucket of the environment's terraform.tfvars")
    parser.add_argument("--endpoint-url", help="of S3; default: the Region's own, on the laptop from its stack.json")
    parser.add_argument("--stack", type=Path, default=STACK_FILE, help="the laptop's stack.json")
    options = parser.parse_args(argv)
    try:
        published, to = _publish(options, lambda line: print(f"  {line}", flush=True))
        print(_summary(published, to.bucket))
        print(f"written to {record(options.env, published, laptop=options.stack.parent)}")
    except (BundleError, PublishError, PackageIndexError, SourceTreeError, ReleaseError) as error:
        print(f"publish: {for_environment(str(error), options.env)}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"publish: AWS refused or did not answer: {error}", file=sys.stderr)
        return 1
    print(_next(options.env, published.bundles.version))
    return 0


if __name__ == "__main__":
    sys.exit(main())
