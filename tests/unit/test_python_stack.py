"""The comparison of the Python stack with the HCL root finds what differs, and says when nothing was compared."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scripts import python_stack
from scripts.documentation.hcl_module import read_module
from scripts.python_stack import (
    NOT_RUN,
    Comparison,
    Difference,
    changes,
    node_version,
    plan_differences,
    settings_differences,
)

ROOT_TF = """
terraform {
  required_version = ">= 1.11, < 2.0"
  required_providers {
    aws = { source = "hashicorp/aws", version = "6.69.1" }
  }
  backend "s3" {}
}
module "a" {
  source = "../../modules/a"
  x      = 1
}
"""
CONFIGURATION: dict[str, Any] = {
    "terraform": {
        "required_version": ">= 1.11, < 2.0",
        "required_providers": {"aws": {"source": "hashicorp/aws", "version": "6.69.1"}},
        "backend": {"s3": {"bucket": "b"}},
    },
    "module": {"a": {"source": "../../../terraform/modules/a", "x": 1}},
}
PLAN: dict[str, Any] = {
    "output_changes": {
        "compared_a_x": {"after": {"k": 1}, "after_unknown": {}},
        "url": {"after": "u", "after_unknown": False},
    },
    "resource_changes": [
        {
            "address": "module.a.t.r",
            "change": {"after": {"name": "n", "tags": {"a": "1"}}, "after_unknown": {"id": True}},
        }
    ],
}


def _changed(document: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    at: Any = copy
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return copy


def test_equal_plans_have_no_differences() -> None:
    assert list(plan_differences(PLAN, PLAN)) == []


@pytest.mark.parametrize(
    ("path", "value", "what", "hcl", "python"),
    [
        (["output_changes", "compared_a_x", "after", "k"], 2, "input a_x (after): k", 1, 2),
        (["output_changes", "compared_a_x"], None, "input a_x (after)", {"k": 1}, "<missing>"),
        (["output_changes", "url", "after_unknown"], True, "output url (after_unknown)", False, True),
        (
            ["resource_changes", 0, "change", "after", "tags", "a"],
            "2",
            "module.a.t.r (after): tags: a",
            "1",
            "2",
        ),
        (
            ["resource_changes", 0, "change", "after_unknown", "id"],
            None,
            "module.a.t.r (after_unknown): id",
            True,
            "<missing>",
        ),
        (["resource_changes", 0, "address"], "module.b.t.r", "module.b.t.r (after)", "<missing>", {"name": "n"}),
    ],
)
def test_a_difference_names_its_field(path: list[Any], value: Any, what: str, hcl: Any, python: Any) -> None:
    found = {d.what: d for d in plan_differences(PLAN, _changed(PLAN, path, value))}
    assert found[what].hcl == hcl
    assert found[what].python == python or found[what].python.items() >= python.items()


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        (["terraform", "required_version"], ">= 1.5", "terraform.required_version"),
        (
            ["terraform", "required_providers", "aws", "version"],
            "6.0.0",
            "terraform.required_providers: aws: version",
        ),
        (["terraform", "backend"], {"local": {}}, "terraform.backend"),
        (["module", "a", "source"], "../modules/b", "module sources: a"),
        (["module", "b"], {"source": "../modules/b"}, "module sources: b"),
    ],
)
def test_what_no_plan_shows_is_compared_too(tmp_path: Path, path: list[Any], value: Any, what: str) -> None:
    (tmp_path / "main.tf").write_text(ROOT_TF)
    root = read_module(tmp_path)
    assert list(settings_differences(root, CONFIGURATION)) == []
    assert [d.what for d in settings_differences(root, _changed(CONFIGURATION, path, value))] == [what]


def test_a_difference_is_one_line_however_long_its_values() -> None:
    line = str(Difference(what="x", hcl="a\n" * 500, python=None))
    assert line.startswith('x: HCL root "a\\n')
    assert line.endswith("…, Python stack null")
    assert "\n" not in line


def _node(folder: Path, script: str) -> dict[str, str]:
    program = folder / "node"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": str(folder)}


def test_the_version_of_node_is_read(tmp_path: Path) -> None:
    assert node_version(_node(tmp_path, "echo v22.11.0")) == (22, 11, 0)
    assert node_version(_node(tmp_path, "echo nonsense")) is None
    assert node_version(_node(tmp_path, "exit 1")) is None
    assert node_version({"PATH": str(tmp_path / "empty")}) is None


@pytest.mark.parametrize(
    ("script", "found"), [(None, "there is no node on the PATH"), ("echo v18.20.0", "node 18.20.0 is too old")]
)
def test_without_node_it_says_that_nothing_was_checked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str | None,
    found: str,
) -> None:
    monkeypatch.setattr(os, "environ", _node(tmp_path, script) if script else {"PATH": str(tmp_path)})
    monkeypatch.setattr(python_stack, "compare", lambda _: pytest.fail("nothing may be run"))
    assert python_stack.main([]) == NOT_RUN
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"python-stack: NOT RUN, nothing was checked: {found}. Install Node ")
    assert python_stack.main(["--require-node"]) == 1
    assert capsys.readouterr().err.startswith(f"python-stack: FAILED: {found}, and --require-node was given. ")


@pytest.mark.parametrize(
    ("differences", "taken_over", "said", "code"),
    [
        ((), (), "", 0),
        ((Difference(what="x", hcl=1, python=2),), (), "python-stack: x: HCL root 1, Python stack 2\n", 1),
        (
            (),
            ("module.a.t.r (update)",),
            "python-stack: on the state of the HCL root, the stack would change module.a.t.r (update)\n",
            1,
        ),
    ],
)
def test_a_difference_fails_the_check(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    differences: tuple[Difference, ...],
    taken_over: tuple[str, ...],
    said: str,
    code: int,
) -> None:
    monkeypatch.setattr(os, "environ", _node(tmp_path, "echo v22.11.0"))
    monkeypatch.setattr(python_stack, "_run", lambda *_: None)
    compared = Comparison(differences=differences, inputs=3, resources=4, taken_over=taken_over)
    monkeypatch.setattr(python_stack, "compare", lambda _: compared)
    assert python_stack.main([]) == code
    printed = capsys.readouterr()
    assert printed.err == said
    assert printed.out == (
        "python-stack: dev, HCL root and Python stack: 3 module inputs and 4 planned resources compared, "
        f"{len(differences)} differences; on the root's state the stack would change {len(taken_over)} things\n"
    )


def test_what_a_plan_would_change_is_listed_with_its_outputs() -> None:
    plan = {
        "resource_changes": [
            {"address": "a.kept", "change": {"actions": ["no-op"]}},
            {"address": "data.a.b", "change": {"actions": ["read"]}},
            {"address": "a.made", "change": {"actions": ["delete", "create"]}},
        ],
        "output_changes": {"same": {"actions": ["no-op"]}, "url": {"actions": ["update"]}},
    }
    assert list(changes(plan)) == ["a.made (delete/create)", "output url (update)"]
