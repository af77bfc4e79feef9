"""The bundles, built for real from the workspace as it is. The cache makes all runs but the first fast."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from clinic_agent.contract import CONTRACT_VERSION
from scripts import bundle
from scripts.publishing import archive, backend, cache

MEGABYTE = 1_000_000
RUNTIME_BUDGET = 36 * MEGABYTE


@pytest.fixture(scope="module")
def built() -> bundle.Bundles:
    return bundle.build()


@pytest.fixture(scope="module")
def unpacked(built: bundle.Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("runtime")
    with zipfile.ZipFile(built.runtime.path) as packed:
        packed.extractall(into)
    return into


def run_in(bundle_dir: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program that sees the bundle and the standard library, and nothing of this environment."""
    prelude = f"import sys; sys.path.insert(0, {str(bundle_dir)!r})\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", prelude + program], cwd="/", capture_output=True, text=True, timeout=60
    )


CLIENTS = """
import boto3
session = boto3.Session(region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
for name in {services!r}:
    session.client(name)
"""


def test_the_runtime_bundle_imports_by_itself_and_makes_every_client(unpacked: Path) -> None:
    program = (
        "import strands, strands.models.bedrock, bedrock_agentcore, bedrock_agentcore.runtime, mcp, clinic_agent\n"
    )
    done = run_in(unpacked, program + CLIENTS.format(services=sorted(bundle.SERVICES["runtime"])))
    assert (done.returncode, done.stderr) == (0, "")


def test_every_module_of_the_agent_imports_from_the_runtime_bundle(unpacked: Path) -> None:
    program = f"""
import importlib, os, pkgutil, clinic_agent
os.environ["PLATFORM_CONTRACT"] = "{CONTRACT_VERSION}"
for module in pkgutil.walk_packages(clinic_agent.__path__, "clinic_agent."):
    importlib.import_module(module.name)
"""
    done = run_in(unpacked, program)
    assert (done.returncode, done.stderr) == (0, "")


def test_both_bundles_know_the_version_of_the_package(built: bundle.Bundles, tmp_path: Path) -> None:
    project = tomllib.loads((bundle.ROOT / "agent_pkg" / "pyproject.toml").read_text())["project"]
    for artifact in (built.runtime, built.lambda_):
        into = tmp_path / artifact.path.stem
        with zipfile.ZipFile(artifact.path) as packed:
            packed.extractall(into)
        done = run_in(into, "from clinic_agent.version import agent_version; print(agent_version())")
        assert (done.stdout.strip(), done.stderr) == (project["version"], "")


def test_the_lambda_bundle_holds_the_core_alone(built: bundle.Bundles, tmp_path: Path) -> None:
    with zipfile.ZipFile(built.lambda_.path) as packed:
        packed.extractall(tmp_path)
    handlers = f"import os; os.environ['PLATFORM_CONTRACT'] = '{CONTRACT_VERSION}'\n"
    handlers += "from clinic_agent.lambdas import broker, claims, interceptor, tools\n"
    done = run_in(tmp_path, handlers + CLIENTS.format(services=sorted(bundle.SERVICES["lambda"])))
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "strands").exists()
    assert not (tmp_path / "main.py").exists()


def test_a_service_that_was_trimmed_is_named_in_the_error(unpacked: Path) -> None:
    done = run_in(unpacked, CLIENTS.format(services=["ec2"]))
    assert done.stderr.strip().splitlines()[-1] == (
        "botocore.exceptions.UnknownServiceError: Unknown service: 'ec2'. Valid service names are: "
        + ", ".join(sorted(bundle.SERVICES["runtime"]))
    )


def test_nothing_is_compiled_at_a_cold_start(unpacked: Path) -> None:
    program = """
import os, strands.models.bedrock, bedrock_agentcore
cached = [m.__cached__ for m in sys.modules.values() if (getattr(m, "__cached__", None) or "").startswith(sys.path[0])]
print(len(cached), [path for path in cached if not os.path.exists(path)])
"""
    # -I ignores PYTHONDONTWRITEBYTECODE, so without byte-code in the bundle the import itself would write it.
    done = run_in(unpacked, "sys.dont_write_bytecode = True\n" + program)
    count, _, missing = done.stdout.partition(" ")
    assert int(count) > 300
    assert missing.strip() == "[]"


def test_byte_code_is_loaded_without_a_look_at_the_source(unpacked: Path) -> None:
    code = next((unpacked / "strands" / "__pycache__").glob("__init__.*.pyc"))
    assert code.read_bytes()[4:8] == b"\x01\x00\x00\x00"  # PEP 552: hash-based, unchecked


def test_zips_fit_the_budget_and_hold_nothing_that_differs_between_builds(built: bundle.Bundles) -> None:
    assert built.runtime.size <= RUNTIME_BUDGET
    assert built.lambda_.size <= 12 * MEGABYTE
    for artifact in (built.runtime, built.lambda_):
        with zipfile.ZipFile(artifact.path) as packed:
            entries = packed.infolist()
        assert {(e.date_time, e.create_system, e.external_attr) for e in entries} == {
            ((1980, 1, 1, 0, 0, 0), 3, 0o100644 << 16)
        }
        names = [entry.filename for entry in entries]
        assert len(names) == len(set(names))
        assert sum(entry.file_size for entry in entries) <= 250 * MEGABYTE  # Lambda's limit, the lower of the two
        assert [
            n for n in names if n.startswith("bin/") or n.endswith(("/RECORD", "/INSTALLER", "direct_url.json"))
        ] == []


def test_licences_and_entry_points_are_kept(built: bundle.Bundles) -> None:
    with zipfile.ZipFile(built.runtime.path) as packed:
        names = packed.namelist()
    packages = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    licensed = {name.partition("/")[0] for name in names if re.search(r"\.dist-info/.*(LICENSE|COPYING)", name)}
    assert {name for name in packages - licensed if not name.startswith("clinic_agent-")} == set()
    assert any(name.startswith("opentelemetry_api") and name.endswith("entry_points.txt") for name in names)


def test_native_code_in_the_bundles_for_aws_is_for_arm64() -> None:
    built = bundle.build(platform=bundle.AWS_PLATFORM)
    for artifact in (built.runtime, built.lambda_):
        with zipfile.ZipFile(artifact.path) as packed:
            heads = {name: packed.read(name)[:20] for name in packed.namelist() if name.endswith(".so")}
        assert len(heads) >= 2
        # The ELF header's e_machine, 183 for AArch64. Built on another machine, a wrong one would show up on AWS only.
        assert {name: int.from_bytes(head[18:20], "little") for name, head in heads.items()} == dict.fromkeys(
            heads, 183
        )


def test_main_starts_the_app(built: bundle.Bundles) -> None:
    with zipfile.ZipFile(built.runtime.path) as packed:
        text = packed.read("main.py").decode()
    assert "from clinic_agent.app import main" in text
    compile(text, "main.py", "exec")


FOREIGN = {
    "UV_CONFIG_FILE": "/nonexistent/uv.toml",
    "UV_NO_BUILD_ISOLATION": "1",
    "UV_BUILD_CONSTRAINT": "/nonexistent/constraints.txt",
    "UV_EXCLUDE_NEWER": "2020-01-01",
    "UV_PYTHON": "/nonexistent/python",
    "PYTHONPATH": "",
}


def test_two_directories_give_the_same_bytes(built: bundle.Bundles, tmp_path: Path) -> None:
    # Another workspace, cache and hash seed. Only the Lambdas' layer is made anew; the runtime's takes longer and the
    # same steps, and is copied.
    root = tmp_path / "elsewhere"
    for name in ("agent_pkg", "local_aws"):
        shutil.copytree(bundle.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(bundle.ROOT / name, root / name)
    # None of these has a say: an ignore file above, uv's settings here, and those of the environment below.
    (tmp_path / ".gitignore").write_text("*.py\n")
    (root / "uv.toml").write_text("no-index = true\n")
    runtime_layers = [
        p.parent for p in (bundle.ROOT / "build" / "layers").glob("*/layer.zip") if p.stat().st_size > 12e6
    ]
    for layer in runtime_layers:
        shutil.copytree(layer, root / "build" / "layers" / layer.name)
    program = (
        "from scripts import bundle; from pathlib import Path; import json, sys; "
        "b = bundle.build(root=Path(sys.argv[1])); "
        "print(json.dumps([b.wheel.sha256, b.lambda_.sha256, b.runtime.sha256]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)],
        cwd=bundle.ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "VIRTUAL_ENV": "/nowhere", **FOREIGN},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [built.wheel.sha256, built.lambda_.sha256, built.runtime.sha256]


def test_a_second_build_is_a_look_up_and_a_damaged_file_is_built_again(tmp_path: Path) -> None:
    said: list[str] = []
    first = bundle.build(progress=said.append)
    said.clear()
    assert bundle.build(progress=said.append) == first
    assert said == []

    root = tmp_path / "copy"
    home = root / "bundles" / first.wheel.path.parent.name
    shutil.copytree(first.wheel.path.parent, home)
    shutil.copytree(bundle.ROOT / "build" / "layers", root / "layers")
    (home / first.wheel.path.name).write_bytes(b"damaged")
    again = bundle.build(out=root, progress=said.append)
    assert said == [f"building the wheel of clinic-agent {first.version}"]
    assert again.wheel.sha256 == first.wheel.sha256
    assert cache.sha256(again.wheel.path) == first.wheel.sha256


def copied(into: Path) -> Path:
    """Copy what a build reads."""
    shutil.copytree(bundle.ROOT / "agent_pkg", into / "agent_pkg", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "uv.lock", "local_aws/pyproject.toml"):
        (into / name).parent.mkdir(exist_ok=True)
        shutil.copy(bundle.ROOT / name, into / name)
    return into


def test_another_build_backend_of_that_name_is_refused_and_never_runs(
    built: bundle.Bundles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, marker = tmp_path / "index", tmp_path / "it-ran"
    code = f"open({str(marker)!r}, 'w').close()\nraise SystemExit\n"
    for pin in built.backend:
        stem = f"{pin.name.replace('-', '_')}-{pin.version}"
        (index / pin.name).mkdir(parents=True)
        with zipfile.ZipFile(index / pin.name / f"{stem}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{pin.name.replace('-', '_')}/build.py", code)
            head = f"Metadata-Version: 2.1\nName: {pin.name}\nVersion: {pin.version}\n"
            wheel.writestr(f"{stem}.dist-info/METADATA", head)
            wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            wheel.writestr(f"{stem}.dist-info/RECORD", "")
        (index / pin.name / "index.html").write_text(f'<a href="{stem}-py3-none-any.whl">{stem}</a>')
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_VERIFY_HASHES", "1")
    root = copied(tmp_path / "elsewhere")
    with pytest.raises(bundle.BundleError, match=r"^uv build failed:\n(?s:.)*Hash mismatch for `hatchling=="):
        bundle.build(root=root, layers=bundle.ROOT / "build" / "layers")
    assert not marker.exists()


def test_a_package_that_the_build_backend_needs_and_nobody_pinned_is_refused(tmp_path: Path) -> None:
    root = copied(tmp_path / "elsewhere")
    pins = root / backend.CONSTRAINTS
    pins.write_text("".join(line for line in pins.read_text().splitlines(keepends=True) if "pluggy" not in line))
    with pytest.raises(bundle.BundleError, match=r"no trusted hash was provided for:\s+`pluggy`"):
        bundle.build(root=root, layers=bundle.ROOT / "build" / "layers")


def test_an_index_that_cannot_be_reached_is_reported_with_how_to_name_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(bundle.BundleError, match=r"An index of your own is named by UV_DEFAULT_INDEX;"):
        bundle.build(root=copied(tmp_path / "elsewhere"), layers=bundle.ROOT / "build" / "layers")


def test_a_link_in_the_package_is_refused_since_its_target_would_be_packed(tmp_path: Path) -> None:
    root = copied(tmp_path / "elsewhere")
    (root / "agent_pkg" / "src" / "clinic_agent" / "extra").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(bundle.BundleError, match=r"^agent_pkg/src/clinic_agent/extra: is a symbolic link"):
        bundle.build(root=root)


def test_unknown_platform_is_refused() -> None:
    with pytest.raises(bundle.BundleError) as caught:
        bundle.build(platform="linux-riscv64")
    assert str(caught.value) == (
        "platform: 'linux-riscv64' is none of linux-arm64, linux-x86_64, macos-arm64, macos-x86_64"
    )


def test_another_python_than_the_running_one_is_refused() -> None:
    other = next(p for p in bundle.PYTHONS if p != f"{sys.version_info.major}.{sys.version_info.minor}")
    with pytest.raises(bundle.BundleError, match=f"python: '{other}' cannot be built by Python"):
        bundle.build(python=other)


def test_a_failing_uv_is_reported_with_what_it_said(tmp_path: Path) -> None:
    shutil.copytree(bundle.ROOT / "agent_pkg", tmp_path / "agent_pkg", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.11'\n")
    (tmp_path / "uv.lock").write_text("this is no lock file")
    with pytest.raises(bundle.BundleError, match=r"^uv build failed:\n.*`clinic-agent` not found"):
        bundle.build(root=tmp_path)


def test_a_service_that_botocore_does_not_know_is_refused(tmp_path: Path) -> None:
    (tmp_path / "botocore" / "data" / "sts").mkdir(parents=True)
    with pytest.raises(archive.BundleError) as caught:
        archive.trim(tmp_path, services=frozenset({"sts", "bedrock-agentcorr"}))
    assert str(caught.value) == "services: botocore has no model of bedrock-agentcorr; was it renamed?"


def test_a_module_that_does_not_compile_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (:\n")
    with pytest.raises(archive.BundleError, match="compileall failed:"):
        archive.byte_compile(tmp_path)


def test_the_cache_keeps_the_newest_entries(tmp_path: Path) -> None:
    for age in range(8):
        done = tmp_path / "done"
        done.mkdir()
        os.utime(done, (1_000 + age, 1_000 + age))
        cache.keep(done, tmp_path / "entries" / str(age))
    assert sorted(path.name for path in (tmp_path / "entries").iterdir()) == ["2", "3", "4", "5", "6", "7"]


def test_a_file_that_becomes_a_program_is_another_source(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("")
    before = cache.sources(tmp_path)
    (tmp_path / "x.py").chmod(0o755)
    assert cache.sources(tmp_path) != before


def test_keys_of_different_parts_differ() -> None:
    assert cache.key(["ab", "c"]) != cache.key(["a", "bc"])
