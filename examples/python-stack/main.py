"""Synthesise one environment: `python main.py --environment dev`.

Terraform plans and applies what it writes; neither this program nor Terraform needs the CLI of CDK Terrain.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cdktn import App

from python_stack.errors import StackError
from python_stack.inputs import Files, Inputs
from python_stack.stack import EnvironmentStack

REPOSITORY: Final = Path(__file__).resolve().parents[2]


def synthesise(files: Files, out: Path) -> Path:
    """Write a stack, and beside it the files that it shares with the HCL root.

    Args:
        files: What to make it from.
        out: Folder for the output.

    Returns:
        The folder to run terraform in.

    Raises:
        StackError: If an input is missing or wrong.
    """
    inputs = Inputs.load(files)
    folder = out / "stacks" / inputs.environment
    # Terraform of this range alone: the S3 backend locks its state by a file, which older ones cannot.
    app = App(outdir=str(out), stack_traces=False, context={"targetVersions": {"terraform": ">=1.11.0 <2.0.0"}})
    EnvironmentStack(app, inputs=inputs, folder=folder)
    app.synth()
    inputs.write_beside(folder)
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    """Synthesise, and say where."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environment", required=True, help="a folder of terraform/envs, such as dev")
    parser.add_argument("--terraform", type=Path, default=REPOSITORY / "terraform", help="the Terraform sources")
    parser.add_argument("--catalog", type=Path, help="the catalog (that of terraform.tfvars, or terraform/catalog)")
    parser.add_argument("--backend", type=Path, help="settings of the state (backend.hcl of the environment)")
    parser.add_argument("--release", type=Path, help="what runs (release.auto.tfvars.json of the environment)")
    parser.add_argument("--out", type=Path, default=Path("cdktf.out"), help="folder for the output (cdktf.out)")
    options = parser.parse_args(argv)
    files = Files(
        environment=options.environment,
        terraform=options.terraform,
        catalog=options.catalog,
        backend=options.backend,
        release=options.release,
    )
    try:
        folder = synthesise(files, options.out.resolve())
    except StackError as error:
        print(f"python-stack: {error}", file=sys.stderr)
        return 1
    print(f"Synthesised. Next: terraform -chdir={folder} init, then plan")
    return 0


if __name__ == "__main__":
    sys.exit(main())
