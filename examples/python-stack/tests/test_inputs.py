"""What is missing or wrong is refused before anything is synthesised, with file, field and what to do."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from python_stack.errors import StackError
from python_stack.expressions import literal
from python_stack.inputs import Files, Inputs


def _said(files: Files) -> str:
    with pytest.raises(StackError) as caught:
        Inputs.load(files)
    return str(caught.value)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_environment_is_read(files: Files) -> None:
    inputs = Inputs.load(files)
    assert set(inputs.catalog.tiers) == {"basic", "premium"}
    assert {"name_prefix", "release", "policy_mode"} <= inputs.variables
    assert inputs.backend["use_lockfile"] is True
    assert json.loads(inputs.copies["release.auto.tfvars.json"]).keys() == {"release"}


def test_an_unknown_environment_is_refused(files: Files) -> None:
    said = _said(replace(files, environment="../dev"))
    assert said.startswith("environment: must be one of dev")
    assert said.endswith("; got '../dev'")


def test_all_that_is_wrong_in_a_catalog_is_listed_by_file_and_field(files: Files) -> None:
    catalog = files.terraform / "catalog"
    _edit(catalog / "tiers.yaml", "max_output_tokens: 2048", "max_output_token: 2048")
    _edit(catalog / "models.yaml", "context_window_tokens: 128000", "context_window_tokens: many")
    _edit(catalog / "tools" / "web_search.json", '"target": "web-search"', '"target": 7')
    said = _said(files).splitlines()
    assert "tiers.yaml.basic: 'max_output_tokens' is a required property" in said
    assert any(
        line.startswith("tiers.yaml.basic: Additional properties are not allowed ('max_output_token'") for line in said
    )
    assert "models.yaml.mistral.ministral-3-8b-instruct.context_window_tokens: 'many' is not of type 'integer'" in said
    assert "tools/web_search.json.target: 7 is not of type 'string'" in said


def test_a_word_that_yaml_takes_for_something_else_is_refused(files: Files) -> None:
    _edit(files.terraform / "catalog" / "models.yaml", 'checked_on: "2026-11"', "checked_on: 2026-11-26")
    assert "checked_on: datetime.date(2026, 11, 26) is not of type 'string'" in _said(files)


def test_a_folder_without_a_catalog_is_refused(files: Files, tmp_path: Path) -> None:
    said = _said(replace(files, catalog=tmp_path / "nothing"))
    assert said == f"catalog: {tmp_path / 'nothing'} must hold tiers.yaml; name the folder with --catalog"


def test_the_catalog_that_the_settings_name_is_read(files: Files, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (files.terraform / "catalog").rename(other)
    with (files.root / "terraform.tfvars").open("a") as settings:
        settings.write(f'catalog_dir = "{other}"\n')
    assert Inputs.load(files).catalog_folder == other


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (
            "terraform.tfvars",
            lambda text: text + 'polcy_mode = "ENFORCE"\n',
            "polcy_mode is no variable of variables.tf",
        ),
        ("terraform.tfvars", lambda _: "environment = {\n", "cannot be read as HCL: "),
        ("backend.hcl", lambda _: 'bucket = "b"\n', "key, region is missing; state must have a place"),
        (
            "backend.hcl",
            lambda text: text + 'dynamodb_table = "t"\n',
            "dynamodb_table must be one of bucket, encrypt, key",
        ),
        (
            "backend.hcl",
            lambda text: text.replace("use_lockfile = true", "use_lockfile = false"),
            "use_lockfile must be true, or two applies at once destroy the state",
        ),
        ("backend.hcl", lambda _: None, "is missing; write it (backend.hcl.example shows the lines) or name one"),
        (
            "release.auto.tfvars.json",
            lambda _: None,
            "is missing; publish an agent (make publish-agent ENV=dev) or name one",
        ),
        ("release.auto.tfvars.json", lambda _: "{", "must be JSON with an object release; got JSONDecodeError"),
        ("release.auto.tfvars.json", lambda _: "{}", "must be JSON with an object release; got KeyError"),
    ],
)
def test_what_is_wrong_in_a_file_is_refused(
    files: Files, file: str, change: Callable[[str], str | None], said: str
) -> None:
    path = files.root / file
    changed = change(path.read_text())
    if changed is None:
        path.unlink()
    else:
        path.write_text(changed)
    message = _said(files)
    assert said in message
    assert str(path) in message


def test_data_is_not_evaluated() -> None:
    data = {"a ${b}": ["%{ if }", None, 1, True], "c": "$${kept"}
    assert literal(data) == {"a $${b}": ["%%{ if }", "${null}", 1, True], "c": "$$${kept"}
