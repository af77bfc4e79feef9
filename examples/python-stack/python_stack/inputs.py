"""What an environment is made from: the files of its HCL root, which this stack shares.

`variables.tf` is the environment's interface. It goes beside the synthesised stack as it is, so the rules in it (what
production refuses, how names must look) hold at plan time, and are written once.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import hcl2
from lark.exceptions import LarkError

from python_stack.catalog import Catalog
from python_stack.errors import StackError

_BACKEND: Final = {"bucket", "key", "region", "encrypt", "kms_key_id", "profile", "role_arn", "use_lockfile"}
_OPTIONS: Final = hcl2.SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the files are."""

    environment: str  # name of a folder of terraform/envs
    terraform: Path  # the repository's terraform/
    catalog: Path | None = None  # None for the one that terraform.tfvars names, or the repository's
    backend: Path | None = None  # None for backend.hcl of the environment
    release: Path | None = None  # None for release.auto.tfvars.json of the environment

    @property
    def root(self) -> Path:
        """The environment's HCL root."""
        return self.terraform / "envs" / self.environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """An environment's inputs, read and checked."""

    environment: str
    modules: Path  # folder of the HCL modules
    catalog_folder: Path
    catalog: Catalog = field(repr=False)
    backend: Mapping[str, Any] = field(repr=False)  # settings of the S3 backend
    variables: frozenset[str]  # names, from variables.tf
    copies: Mapping[str, str] = field(repr=False)  # texts of the files that go beside the stack, by name

    @classmethod
    def load(cls, files: Files) -> "Inputs":
        """Read everything.

        Raises:
            StackError: With what is missing or wrong, and what to do.
        """
        known = sorted(path.parent.name for path in files.terraform.glob("envs/*/terraform.tfvars"))
        if files.environment not in known:
            raise StackError(f"environment: must be one of {', '.join(known) or 'none'}; got {files.environment!r}")
        variables = frozenset(
            name.strip('"') for block in _hcl(files.root / "variables.tf").get("variable", []) for name in block
        )
        values = _hcl(files.root / "terraform.tfvars")
        if unknown := sorted(values.keys() - variables):
            raise StackError(f"{files.root / 'terraform.tfvars'}: {', '.join(unknown)} is no variable of variables.tf")
        catalog_folder = files.catalog or Path(values.get("catalog_dir") or files.terraform / "catalog")
        return cls(
            environment=files.environment,
            modules=files.terraform / "modules",
            catalog_folder=catalog_folder,
            catalog=Catalog.load(catalog_folder),
            backend=_backend(files),
            variables=variables,
            copies={
                "variables.tf": (files.root / "variables.tf").read_text(encoding="utf-8"),
                "terraform.tfvars": (files.root / "terraform.tfvars").read_text(encoding="utf-8"),
                "release.auto.tfvars.json": _release(files),
            },
        )

    def write_beside(self, stack: Path) -> None:
        """Put the shared files beside a synthesised stack, and say where the catalog lies from there."""
        catalog = os.path.relpath(self.catalog_folder.resolve(), stack.resolve())
        located = json.dumps({"catalog_dir": catalog})
        for name, text in {**self.copies, "catalog.auto.tfvars.json": located}.items():
            (stack / name).write_text(text, encoding="utf-8")


def _backend(files: Files) -> dict[str, Any]:
    path = files.backend or files.root / "backend.hcl"
    if not path.is_file():
        raise StackError(f"backend: {path} is missing; write it (backend.hcl.example shows the lines) or name one")
    settings = _hcl(path)
    if unknown := sorted(settings.keys() - _BACKEND):
        raise StackError(f"{path}: {', '.join(unknown)} must be one of {', '.join(sorted(_BACKEND))}")
    if missing := sorted({"bucket", "key", "region"} - settings.keys()):
        raise StackError(f"{path}: {', '.join(missing)} is missing; state must have a place")
    if settings.get("use_lockfile", True) is not True:
        raise StackError(f"{path}: use_lockfile must be true, or two applies at once destroy the state")
    return {**settings, "use_lockfile": True}


def _release(files: Files) -> str:
    path = files.release or files.root / "release.auto.tfvars.json"
    if not path.is_file():
        raise StackError(
            f"release: {path} is missing; publish an agent (make publish-agent ENV={files.environment}) or name one"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return json.dumps({"release": content["release"]}, indent=2)
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(f"{path}: must be JSON with an object release; got {type(error).__name__}") from error


def _hcl(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=_OPTIONS)
    except (OSError, LarkError) as error:
        raise StackError(f"{path}: cannot be read as HCL: {str(error).strip()}") from error
    return content
