"""What is in a bundle: from the bundle itself, valid CycloneDX, the same bytes each time."""

import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts import bundle
from scripts.bundle import Bundles, Kind
from scripts.publishing import sbom
from scripts.publishing.sbom import SbomError
from tests.unit.publish_support import PACKAGES, WEB, artifact, bundle_zip, make_bundles

TIME = "2026-11-26T08:00:00Z"


def problem(document: Any) -> Any:
    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))


@pytest.fixture
def bundles(tmp_path: Path) -> Bundles:
    return make_bundles(tmp_path)


def listed(bundles: Bundles, kind: Kind) -> dict[str, Any]:
    return sbom.sbom(bundles, kind, lock=bundles.lock.path, timestamp=TIME)


def test_it_holds_what_is_in_the_bundle_and_nothing_else(bundles: Bundles) -> None:
    runtime, functions = listed(bundles, "runtime"), listed(bundles, "lambda")
    assert [c["name"] for c in runtime["components"]] == ["core-lib", "speed-lib", "web-lib"]
    assert [c["name"] for c in functions["components"]] == ["core-lib", "speed-lib"]
    assert runtime["components"][0] == {
        "type": "library",
        "bom-ref": "pkg:pypi/core-lib@2.0.0",
        "name": "core-lib",
        "version": "2.0.0",
        "purl": "pkg:pypi/core-lib@2.0.0",
        "licenses": [{"expression": "Apache-2.0 OR MIT"}],
        "hashes": [{"alg": "SHA-256", "content": "a" * 64}],  # of the wheel for this platform, of two in the lock
        "externalReferences": [
            {"type": "distribution", "url": "https://x.example/core_lib-2.0.0-cp311-abi3-linux_a.linux_b.whl"}
        ],
    }
    assert [c["licenses"] for c in runtime["components"][1:]] == [
        [{"license": {"id": "MIT"}}],
        [{"license": {"name": "Dual License"}}],
    ]


def test_it_tells_who_asked_for_what(bundles: Bundles) -> None:
    edges = {d["ref"]: d["dependsOn"] for d in listed(bundles, "runtime")["dependencies"]}
    assert edges == {
        "pkg:generic/clinic-agent@1.2.3": ["pkg:pypi/core-lib@2.0.0", "pkg:pypi/web-lib@4.1"],
        "pkg:pypi/core-lib@2.0.0": ["pkg:pypi/speed-lib@0.3"],  # by the extra that was asked for, not by the other
        "pkg:pypi/speed-lib@0.3": [],
        "pkg:pypi/web-lib@4.1": ["pkg:pypi/core-lib@2.0.0"],
    }


def test_it_is_of_one_file_and_time_and_always_the_same(bundles: Bundles) -> None:
    first, again = listed(bundles, "lambda"), listed(bundles, "lambda")
    assert sbom.encode(first) == sbom.encode(again)
    assert first["metadata"]["timestamp"] == TIME
    assert first["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": bundles.lambda_.sha256}]
    assert first["serialNumber"] != listed(bundles, "runtime")["serialNumber"]


@pytest.mark.parametrize("kind", ["runtime", "lambda"])
def test_that_of_the_real_bundles_is_valid_and_complete(kind: Kind) -> None:
    real = bundle.build()
    document = sbom.sbom(real, kind, lock=real.lock.path, timestamp=TIME)
    assert problem(document) is None
    components = {c["name"]: c for c in document["components"]}
    assert {"boto3", "botocore", "cryptography", "pyjwt"} <= components.keys()
    assert ("strands-agents" in components) == (kind == "runtime")
    assert all(len(c["hashes"][0]["content"]) == 64 and c["licenses"] for c in components.values())
    reached = {ref for d in document["dependencies"] for ref in d["dependsOn"]}
    assert reached == {c["bom-ref"] for c in components.values()}


def test_the_validator_would_notice_a_mistake(bundles: Bundles) -> None:
    document = listed(bundles, "lambda")
    assert problem(document) is None
    document["components"][0]["hashes"][0]["content"] = "no digest"
    assert problem(document) is not None


def test_a_package_that_nobody_asked_for_is_an_error(tmp_path: Path, bundles: Bundles) -> None:
    artifact(bundles.lambda_.path, bundle_zip({**PACKAGES, **WEB}))
    with pytest.raises(SbomError) as caught:
        listed(bundles, "lambda")
    assert str(caught.value) == "lambda-linux-arm64-py311.zip: holds web-lib, which uv.lock does not ask for"


def test_a_package_of_another_version_or_wheel_than_the_locks_is_an_error(bundles: Bundles) -> None:
    metadata, _ = PACKAGES["core_lib-2.0.0"]
    artifact(bundles.lambda_.path, bundle_zip({**PACKAGES, "core_lib-2.0.0": (metadata, ["py3-none-any"])}))
    with pytest.raises(SbomError, match=r"core-lib 2.0.0: 0 files of uv.lock are for \['py3-none-any'\]"):
        listed(bundles, "lambda")


def test_a_bundle_of_another_version_of_the_agent_is_an_error(bundles: Bundles) -> None:
    own = {"clinic_agent-1.2.3": ("Name: clinic-agent\nVersion: 1.2.2\n", ["py3-none-any"])}
    artifact(bundles.lambda_.path, bundle_zip({**PACKAGES, **own}))
    with pytest.raises(SbomError, match=r"must hold clinic-agent 1.2.3, and holds 1.2.2"):
        listed(bundles, "lambda")
