"""The list of what is in a bundle (SBOM), as CycloneDX 1.6 JSON, read from the bundle itself and from `uv.lock`.

`uv export --format cyclonedx1.5` lists what the lock knows for all platforms and Pythons. This lists what was packed:
each package's own metadata is in the zip, and tells name, version, licence and which wheel it came from; the lock has
that wheel's checksum and who asked for it. A package that the lock does not explain is an error.
"""

import json
import re
import tomllib
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Final

from scripts.bundle import EXTRAS, Artifact, Bundles, Kind
from scripts.publishing import versions
from scripts.publishing.archive import BundleError

_SERIAL: Final = uuid.UUID("0b9b2f0e-6a0c-5c53-9d53-6d6f6c1f7a10")
"""Namespace of serial numbers: made from the bundle's checksum, so one bundle has one."""
_SPDX: Final = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense"}
)
"""SPDX ids that packages write into the old free-text field; anything else there is a name."""
_LICENCE_CHARS: Final = 100  # the free-text field may hold a whole licence


class SbomError(BundleError):
    """What is in the bundle and what the lock says differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    """A package as it is in the zip."""

    name: str  # normalised
    version: str
    licence: dict[str, Any] | None  # as CycloneDX has it
    tags: frozenset[str]  # of the wheel it came from


def sbom(bundles: Bundles, kind: Kind, *, lock: Path, timestamp: str | None) -> dict[str, Any]:
    """List what is in a bundle.

    Args:
        bundles: What was built.
        kind: Which of the two bundles.
        lock: The `uv.lock` that it was built from.
        timestamp: Time of the commit (RFC 3339): two builds of a commit give the same bytes. None leaves it out.

    Raises:
        SbomError: If bundle and lock do not fit.
    """
    bundle = bundles.runtime if kind == "runtime" else bundles.lambda_
    packed = {package.name: package for package in _packed(bundle.path)}
    own = packed.pop(bundles.name, None)
    if own is None or own.version != versions.packaged(bundles.version):
        has = own.version if own else "none"
        raise SbomError(
            f"{bundle.path.name}: must hold {bundles.name} {bundles.version}, and holds {has}; build it again"
        )
    locked = _Lock(tomllib.loads(lock.read_text(encoding="utf-8")))
    edges = locked.edges(bundles.name, extras=[name for name in EXTRAS[kind] if name != "--extra"], present=packed)
    if unexplained := sorted(packed.keys() - edges.keys()):
        raise SbomError(f"{bundle.path.name}: holds {', '.join(unexplained)}, which {lock.name} does not ask for")
    refs = {name: f"pkg:pypi/{name}@{package.version}" for name, package in packed.items()}
    root = f"pkg:generic/{bundles.name}@{bundles.version}"
    refs[bundles.name] = root
    components = [_component(package, refs[name], locked) for name, package in sorted(packed.items())]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SERIAL, bundle.sha256)}",
        "version": 1,
        "metadata": _metadata(bundles, bundle, kind=kind, root=root, timestamp=timestamp),
        "components": components,
        "dependencies": [
            {"ref": refs[name], "dependsOn": sorted(refs[target] for target in targets)}
            for name, targets in sorted(edges.items())
        ],
    }


def encode(document: Mapping[str, Any]) -> bytes:
    """Write an SBOM, always as the same bytes."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _metadata(bundles: Bundles, bundle: Artifact, *, kind: Kind, root: str, timestamp: str | None) -> dict[str, Any]:
    properties = {"bundle": kind, "platform": bundles.platform, "python": bundles.python, "file": bundle.path.name}
    return {
        **({"timestamp": timestamp} if timestamp else {}),
        "lifecycles": [{"phase": "build"}],
        "component": {
            "type": "application",
            "bom-ref": root,
            "name": bundles.name,
            "version": bundles.version,
            "purl": root,
            "hashes": [{"alg": "SHA-256", "content": bundle.sha256}],
            "properties": [{"name": f"{bundles.name}:{name}", "value": value} for name, value in properties.items()],
        },
    }


def _component(package: _Packed, ref: str, locked: "_Lock") -> dict[str, Any]:
    wheel = locked.wheel(package)
    return {
        "type": "library",
        "bom-ref": ref,
        "name": package.name,
        "version": package.version,
        "purl": ref,
        **({"licenses": [package.licence]} if package.licence else {}),
        "hashes": [{"alg": "SHA-256", "content": wheel["hash"].removeprefix("sha256:")}],
        "externalReferences": [{"type": "distribution", "url": wheel["url"]}],
    }


class _Lock:
    """`uv.lock`, read."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._packages: dict[str, list[Mapping[str, Any]]] = {}
        for package in content["package"]:
            self._packages.setdefault(package["name"], []).append(package)

    def edges(self, name: str, *, extras: Sequence[str], present: Mapping[str, _Packed]) -> dict[str, set[str]]:
        """Follow what each package asks for, from one of them on, as far as it is present.

        What is not present was for another platform or Python.
        """
        found: dict[str, set[str]] = {name: set()}
        todo: list[tuple[str, str | None]] = [(name, None), *((name, extra) for extra in extras)]
        seen = set(todo)
        while todo:
            source, extra = todo.pop()
            for wanted in self._wanted(source, extra, present):
                target = wanted["name"]
                if target not in present:
                    continue
                found[source].add(target)
                found.setdefault(target, set())
                more: list[tuple[str, str | None]] = [(target, None), *((target, e) for e in wanted.get("extra", ()))]
                todo += [step for step in more if step not in seen]
                seen |= set(more)
        return found

    def wheel(self, package: _Packed) -> Mapping[str, Any]:
        """Return the one file of the lock that a package was unpacked from."""
        found: list[Mapping[str, Any]] = [
            wheel
            for locked in self._of_version(package.name, package.version)
            for wheel in locked.get("wheels", ())
            if _tags(wheel["url"]) == package.tags
        ]
        if len(found) != 1:
            raise SbomError(
                f"{package.name} {package.version}: {len(found)} files of uv.lock are for {sorted(package.tags)}, so "
                "its checksum is not known; was the bundle built from another lock?"
            )
        return found[0]

    def _wanted(self, name: str, extra: str | None, present: Mapping[str, _Packed]) -> Iterator[Mapping[str, Any]]:
        versions = self._of_version(name, present[name].version) if name in present else self._packages.get(name, [])
        for package in versions:
            yield from (
                package.get("dependencies", ())
                if extra is None
                else (package.get("optional-dependencies", {}).get(extra, ()))
            )

    def _of_version(self, name: str, version: str) -> list[Mapping[str, Any]]:
        return [package for package in self._packages.get(name, []) if package["version"] == version]


def _packed(bundle: Path) -> Iterator[_Packed]:
    with zipfile.ZipFile(bundle) as archive:
        names = set(archive.namelist())
        for name in sorted(names):
            if not re.fullmatch(r"[^/]+\.dist-info/METADATA", name):
                continue
            metadata = _parsed(archive.read(name))
            wheel = _parsed(archive.read(name.replace("METADATA", "WHEEL")))
            yield _Packed(
                name=re.sub(r"[-_.]+", "-", str(metadata["Name"])).lower(),
                version=str(metadata["Version"]),
                licence=_licence(metadata),
                tags=frozenset(str(tag) for tag in wheel.get_all("Tag", ())),
            )


def _parsed(content: bytes) -> Message:
    return BytesParser().parsebytes(content, headersonly=True)


def _licence(metadata: Message) -> dict[str, Any] | None:
    if expression := metadata["License-Expression"]:
        return {"expression": str(expression)}
    text = str(metadata["License"] or "").strip()
    if not text:
        found = [c.rpartition("::")[2].strip() for c in _classifiers(metadata) if c.startswith("License ::")]
        text = " / ".join(found)
    if not text:
        return None
    if text in _SPDX:
        return {"license": {"id": text}}
    return {"license": {"name": text.splitlines()[0][:_LICENCE_CHARS]}}


def _classifiers(metadata: Message) -> Iterable[str]:
    return (str(value) for value in metadata.get_all("Classifier", ()))


def _tags(url: str) -> frozenset[str]:
    """Spell out a wheel's file name: `a.b-c-d.whl` is for `a-c-d` and `b-c-d`."""
    pythons, abis, platforms = url.rpartition("/")[2].removesuffix(".whl").split("-")[-3:]
    return frozenset(
        f"{python}-{abi}-{platform}"
        for python in pythons.split(".")
        for abi in abis.split(".")
        for platform in platforms.split(".")
    )
