"""Build what runs on AWS from this workspace: the agent's wheel, the runtime's zip and the Lambdas' zip.

Same inputs give the same bytes, in any directory: versions come from `uv.lock` with their hashes, names are sorted,
times and permissions are fixed, paths in byte-code are relative. So a checksum names a build, and a second build is a
look-up: `build/layers/<key>/` holds dependencies, `build/bundles/<key>/` whole bundles. A change of our code alone
reuses the layer, which is copied and appended to without being compressed again.

This builds what is in the folder. What an environment gets is built from a commit: `scripts/publishing/commit_build.py`
runs this program of the commit on an export of it.
"""

import argparse
import json
import platform as host
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from scripts.publishing import archive, backend, cache, uv_tool, versions
from scripts.publishing.archive import BundleError
from scripts.publishing.backend import Pin
from scripts.publishing.uv_tool import run_uv

__all__ = ["Artifact", "BundleError", "Bundles", "build", "host_platform", "load"]

Kind = Literal["runtime", "lambda"]
Progress = Callable[[str], None]

ROOT: Final = Path(__file__).resolve().parents[1]
AWS_PLATFORM: Final = "linux-arm64"
"""AgentCore Runtime runs on ARM64 only; the Lambdas use it too, so that one build serves both."""

PLATFORMS: Final[Mapping[str, str]] = {
    "linux-arm64": "aarch64-manylinux2014",
    "linux-x86_64": "x86_64-manylinux2014",
    "macos-arm64": "aarch64-apple-darwin",
    "macos-x86_64": "x86_64-apple-darwin",
}
"""Our platform names, and what uv calls them. manylinux2014 needs glibc 2.17, which every supported runtime has."""

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""Versions that this package, Lambda and AgentCore's code deployment (PYTHON_3_10 to PYTHON_3_14) all accept."""

EXTRAS: Final[Mapping[Kind, Sequence[str]]] = {"runtime": ("--extra", "runtime"), "lambda": ()}
SERVICES: Final[Mapping[Kind, frozenset[str]]] = {
    "runtime": frozenset({"bedrock-runtime", "bedrock-agentcore", "lambda"}),
    "lambda": frozenset({"dynamodb", "lambda", "s3", "sts"}),
}
"""Services that each bundle calls. All other models are 25 MB of botocore; without its model, a service is unknown."""

RUNTIME_MAIN: Final = '''\
"""Entry point of the AgentCore runtime."""

from clinic_agent.app import main

if __name__ == "__main__":
    main()
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """One built file."""

    path: Path
    sha256: str  # hex
    size: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundles:
    """All that one version of the agent ships for one platform."""

    name: str
    version: str
    platform: str  # a key of PLATFORMS
    python: str  # minor version, such as 3.11: the byte-code and the compiled packages are for it alone
    contract_version: int  # of the platform that it needs
    backend: tuple[Pin, ...]  # what built the wheel
    lock: Artifact  # a copy of the uv.lock that it was built from
    wheel: Artifact
    runtime: Artifact
    lambda_: Artifact

    @property
    def folder(self) -> Path:
        """The cache entry that holds all of it."""
        return self.wheel.path.parent

    @property
    def lock_sha256(self) -> str:
        """Checksum of `uv.lock`, as hex."""
        return self.lock.sha256

    @property
    def architecture(self) -> str:
        """`arm64` or `x86_64`, as Lambda spells them."""
        return self.platform.rpartition("-")[2]


def host_platform() -> str:
    """Name the platform that this interpreter runs on.

    Raises:
        BundleError: If no bundle can be built for it.
    """
    system = {"Linux": "linux", "Darwin": "macos"}.get(host.system(), host.system().lower())
    machine = {"aarch64": "arm64", "AMD64": "x86_64"}.get(host.machine(), host.machine())
    if f"{system}-{machine}" not in PLATFORMS:
        raise BundleError(f"this machine is {system}-{machine}; bundles are built for {', '.join(PLATFORMS)}")
    return f"{system}-{machine}"


def build(
    *,
    platform: str | None = None,
    python: str | None = None,
    root: Path = ROOT,
    out: Path | None = None,
    layers: Path | None = None,
    progress: Progress = lambda _: None,
) -> Bundles:
    """Build the wheel and both bundles, or find them in the cache.

    Args:
        platform: A key of `PLATFORMS`; None is this machine's.
        python: Minor version that the bundle must be for; None is the running interpreter's.
        root: The workspace: holds `uv.lock` and `agent_pkg/`.
        out: Cache; None is `build/` in the workspace.
        layers: Cache of dependencies, which depend on `uv.lock` alone; None is `layers/` in the cache.
        progress: Gets one line for each step that takes time.

    Returns:
        The artifacts, in the cache. Treat them as read-only.

    Raises:
        BundleError: If the platform or Python is not supported, the version cannot be released, the build backend is
            not pinned, the package holds a link, or uv fails.
    """
    platform = platform or host_platform()
    if platform not in PLATFORMS:
        raise BundleError(f"platform: {platform!r} is none of {', '.join(PLATFORMS)}")
    running = _running()
    # Byte-code can be written only by the version that will read it, so the running interpreter decides.
    if running not in PYTHONS or (python or running) != running:
        raise BundleError(
            f"python: {python or running!r} cannot be built by Python {running}; "
            f"supported are {', '.join(PYTHONS)}, each by itself: "
            f"rm -rf .venv; make install PYTHON=python{python or '3.11'}"
        )
    try:
        name, version = versions.read(root)
    except versions.VersionError as error:
        raise BundleError(str(error)) from error
    # zlib is in the key because another zlib may compress the same input to other bytes.
    tools = (
        *(Path(m).read_text() for m in (__file__, archive.__file__, backend.__file__, uv_tool.__file__)),
        sys.version,
        zlib.ZLIB_RUNTIME_VERSION,
    )
    order = _Order(
        root=root,
        out=out or root / "build",
        layers=layers or (out or root / "build") / "layers",
        platform=platform,
        name=name,
        version=version,
        tools=tools,
        backend=backend.read(root),
        progress=progress,
    )
    inputs = _inputs(root)
    home = order.out / "bundles" / cache.key([*tools, platform, *inputs])
    if (found := load(home)) is not None:
        return found
    shutil.rmtree(home, ignore_errors=True)  # damaged, or not there
    order.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=order.out, prefix=".tmp-") as work:
        done = _assemble(order, work=Path(work), python=running)
        if _inputs(root) != inputs:
            progress("the sources changed while they were built, once more")
            return build(platform=platform, python=python, root=root, out=out, layers=layers, progress=progress)
        cache.keep(done, home)
    if (built := load(home)) is None:
        raise BundleError(f"{home}: the files just built are gone; is another program clearing build/?")
    return built


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be built, where."""

    root: Path
    out: Path
    layers: Path
    platform: str
    name: str
    version: str
    tools: tuple[str, ...]  # whatever turns the same sources into other bytes
    backend: tuple[Pin, ...]
    progress: Progress


def _inputs(root: Path) -> list[str]:
    """Describe what a build reads of a workspace."""
    package = root / "agent_pkg"
    for path in package.rglob("*"):
        if path.is_symlink():
            raise BundleError(
                f"{path.relative_to(root)}: is a symbolic link, and what it points to is no part of the package; put "
                "the files there"
            )
    try:
        workspace = [f"{name}={cache.sha256(root / name)}" for name in ("pyproject.toml", "uv.lock")]
    except FileNotFoundError as error:
        raise BundleError(f"{error.filename}: is missing, and the dependencies are locked with it") from error
    return [*workspace, *cache.sources(package)]


def _assemble(order: _Order, *, work: Path, python: str) -> Path:
    """Make a folder with the wheel, both zips, the lock and the index that `load` reads."""
    with ThreadPoolExecutor(len(EXTRAS)) as pool:
        layers = {kind: pool.submit(_layer, order, kind=kind, work=work / kind) for kind in EXTRAS}
        order.progress(f"building the wheel of {order.name} {order.version}")
        done = work / "done"
        wheel = _wheel(root=order.root, into=done)
        ours = _unpacked(wheel, into=work / "ours")
        shutil.copyfile(order.root / "uv.lock", done / "uv.lock")
        files = {"wheel": wheel, "lock": done / "uv.lock"}
        for kind, layer in layers.items():
            files[kind] = done / f"{kind}-{order.platform}-py{python.replace('.', '')}.zip"
            shutil.copyfile(layer.result(), files[kind])
            archive.append(files[kind], ours, extra={"main.py": RUNTIME_MAIN} if kind == "runtime" else {})
    index = {
        "name": order.name,
        "version": order.version,
        "platform": order.platform,
        "python": python,
        "contract_version": _contract(ours / "clinic_agent" / "contract.py"),
        "backend": [asdict(pin) for pin in order.backend],
        "files": {k: {"name": p.name, "sha256": cache.sha256(p), "size": p.stat().st_size} for k, p in files.items()},
    }
    (done / "bundles.json").write_text(json.dumps(index, indent=2))
    return done


def _contract(module: Path) -> int:
    """Read the contract version of the code that is packed, which need not be the code that is running."""
    text = module.read_text(encoding="utf-8") if module.is_file() else ""
    found = re.search(r"^CONTRACT_VERSION: Final = (\d+)$", text, re.MULTILINE)
    if found is None:
        raise BundleError(f"{module.name}: has no line `CONTRACT_VERSION: Final = <number>`, which names the contract")
    return int(found[1])


def _layer(order: _Order, *, kind: Kind, work: Path) -> Path:
    """Zip the locked dependencies of one bundle, byte-compiled and without what it never loads."""
    work.mkdir()
    wanted, tree, done = work / "requirements.txt", work / "tree", work / "layer"
    run_uv(
        *("export", "--frozen", "--package", "clinic-agent", *EXTRAS[kind], "--no-dev", "--no-emit-workspace"),
        *("--no-header", "--no-annotate", "--output-file", str(wanted)),
        root=order.root,
    )
    home = order.layers / cache.key([*order.tools, order.platform, kind, wanted.read_text()])
    if (home / "layer.zip").is_file():
        home.touch()
        return home / "layer.zip"
    order.progress(f"installing and compiling the dependencies of the {kind} bundle for {order.platform}")
    run_uv(
        *("pip", "install", "--python", sys.executable, "--target", str(tree), "--requirements", str(wanted)),
        *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile"),
        *("--python-platform", PLATFORMS[order.platform], "--python-version", _running()),
        root=order.root,
    )
    archive.trim(tree, services=SERVICES[kind])
    archive.byte_compile(tree)
    done.mkdir()
    archive.append(done / "layer.zip", tree)
    cache.keep(done, home)
    return home / "layer.zip"


def _wheel(*, root: Path, into: Path) -> Path:
    into.mkdir(parents=True)
    run_uv(
        *("build", "--package", "clinic-agent", "--wheel", "--out-dir", str(into), "--no-create-gitignore"),
        *("--python", sys.executable, "--no-python-downloads"),
        *("--build-constraints", str(root / backend.CONSTRAINTS), "--require-hashes", "--require-build-hashes"),
        root=root,
    )
    return next(into.glob("*.whl"))


def _unpacked(wheel: Path, *, into: Path) -> Path:
    # The wheel is pure Python, so unpacking it installs it.
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(into)
    for record in into.glob("*.dist-info/RECORD"):
        record.unlink()
    archive.byte_compile(into)
    return into


def _running() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def load(home: Path) -> Bundles | None:
    """Read a cache entry; None if there is none or a file of it has changed."""
    try:
        index = json.loads((home / "bundles.json").read_text())
        files = index.pop("files")
        if any(cache.sha256(home / f["name"]) != f["sha256"] for f in files.values()):
            return None
    except FileNotFoundError:
        return None
    home.touch()
    made = {role: Artifact(path=home / f["name"], sha256=f["sha256"], size=f["size"]) for role, f in files.items()}
    index["backend"] = tuple(Pin(**pin) for pin in index["backend"])
    return Bundles(**index, lock=made["lock"], wheel=made["wheel"], runtime=made["runtime"], lambda_=made["lambda"])


def main(argv: Sequence[str] | None = None) -> int:
    """Build for the given platforms, by default this machine's and AWS's, and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bundle", description=__doc__.splitlines()[0])
    parser.add_argument("--platform", action="append", choices=sorted(PLATFORMS), help="may be repeated")
    parser.add_argument("--python", choices=PYTHONS, help="fail unless this is the version that gets built")
    args = parser.parse_args(argv)
    try:
        for name in args.platform or dict.fromkeys((host_platform(), AWS_PLATFORM)):
            built = build(platform=name, python=args.python, progress=lambda line: print(f"  {line}", flush=True))
            for item in (built.wheel, built.runtime, built.lambda_):
                print(f"{item.path.name:<44} {item.size / 1e6:6.1f} MB  sha256 {item.sha256[:12]}  {item.path.parent}")
    except BundleError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
