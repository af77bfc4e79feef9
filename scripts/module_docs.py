"""Keep the generated parts of the Terraform documents up to date: the READMEs' tables, the pictures of the modules.

    python -m scripts.module_docs [--write]

The tables stand between the marks of terraform-docs and look as it prints them. Without `--write` it only looks, and
fails if something is out of date. Either way it refuses a module that its README does not explain.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.documentation.hcl_module import HclError, HclModule, read_module
from scripts.documentation.module_pictures import picture
from scripts.documentation.module_tables import TableError, tables

ROOT: Final = Path(__file__).resolve().parents[1]
COMMAND: Final = "make docs"
PICTURES: Final = "docs/architecture.md"
"""The document with pictures of modules; it marks which ones it wants."""
BEGIN: Final = "<!-- BEGIN_TF_DOCS -->"
END: Final = "<!-- END_TF_DOCS -->"
_EXAMPLE: Final = re.compile(r"^```hcl\n(?:(?!```).*\n)*?# expect: resources=\d+\n```$", re.MULTILINE)
_PICTURE: Final = re.compile(r"<!-- BEGIN_PICTURE (\S+) -->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document with a generated part."""

    path: Path
    now: str = field(repr=False)
    wanted: str = field(repr=False)

    @property
    def stale(self) -> bool:
        """Whether the generated part is another than it should be."""
        return self.now != self.wanted


def documents(root: Path = ROOT) -> tuple[list[Document], list[str]]:
    """Generate what the documents should hold.

    Args:
        root: The repository, or a folder with a `terraform/` in it.

    Returns:
        The documents that can be written, and all that is wrong, a line each: Terraform that cannot be read, a variable
        or output without a description, a README without marks or without a section that it needs.
    """
    sources = root / "terraform"
    found: list[Document] = []
    problems: list[str] = []
    modules: dict[str, HclModule] = {}
    for folder in module_folders(sources):
        name = folder.relative_to(sources).as_posix()
        readme = folder / "README.md"
        try:
            module = modules[name] = read_module(folder)
            problems += [f"terraform/{name}: {problem}" for problem in _undescribed(module)]
            generated = tables(module)
        except HclError as error:
            problems.append(str(error).replace(f"{root}/", ""))  # it begins with the file
            continue
        except TableError as error:
            problems.append(f"terraform/{name}: {error}")
            continue
        if not readme.is_file():
            problems.append(f"{_shown(readme, root)}: missing; write one that says what the folder creates")
            continue
        now = readme.read_text(encoding="utf-8")
        said = list(_unexplained(now, module=name.startswith("modules/"), root=name.startswith("envs/")))
        if now.count(BEGIN) != 1 or now.count(END) != 1 or now.index(BEGIN) > now.index(END):
            said.append(f"needs the lines {BEGIN} and {END}, once each, where the tables go")
        else:
            found.append(Document(path=readme, now=now, wanted=replaced(now, generated, begin=BEGIN, end=END)))
        problems += [f"{_shown(readme, root)}: {problem}" for problem in said]
    target = root / PICTURES
    if target.is_file():
        now = target.read_text(encoding="utf-8")
        wanted = now
        for name in dict.fromkeys(_PICTURE.findall(now)):
            begin, end = f"<!-- BEGIN_PICTURE {name} -->", f"<!-- END_PICTURE {name} -->"
            if name not in modules:
                problems.append(f"{PICTURES}: has a picture of {name}, which cannot be read below terraform/")
            elif now.count(begin) != 1 or now.count(end) != 1:
                problems.append(f"{PICTURES}: needs the lines {begin} and {end}, once each, where the picture goes")
            else:
                wanted = replaced(wanted, picture(modules[name]), begin=begin, end=end)
        found.append(Document(path=target, now=now, wanted=wanted))
    return found, problems


def module_folders(sources: Path) -> list[Path]:
    """List the folders of modules and roots: those with a `versions.tf`."""
    return sorted(path.parent for path in sources.rglob("versions.tf") if ".terraform" not in path.parts)


def replaced(text: str, generated: str, *, begin: str, end: str) -> str:
    """Put text between two marks, each of which is there once."""
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{generated}\n{end}{rest.partition(end)[2]}"


def _undescribed(module: HclModule) -> Iterator[str]:
    for variable in module.variables:
        if not variable.description.strip():
            yield f'variable "{variable.name}" has no description; say what it is, with its unit'
        if variable.type is None:
            yield f'variable "{variable.name}" has no type; give it one'
    for output in module.outputs:
        if not output.description.strip():
            yield f'output "{output.name}" has no description; say what it is'


def _unexplained(readme: str, *, module: bool, root: bool) -> Iterator[str]:
    """Say what a README does not explain.

    Args:
        readme: Its text.
        module: Whether others call this, so that it needs an example.
        root: Whether it is an environment, which creates what its modules do.
    """
    if not root:
        for section in ("**Creates:**", "**Does not create:**"):
            if section not in readme:
                yield f"has no {section}; list what the module creates, and what the caller has to bring"
    if module and len(_EXAMPLE.findall(readme)) != 1:
        yield "needs one ```hcl example whose last line is `# expect: resources=N`; the tests plan it"


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def main(argv: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Write or check, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.module_docs", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write what is out of date, rather than fail")
    options = parser.parse_args(argv)
    found, problems = documents(root)
    stale = [document for document in found if document.stale]
    for document in stale:
        shown = _shown(document.path, root)
        if options.write:
            document.path.write_text(document.wanted, encoding="utf-8")
            print(f"docs: wrote {shown}")
        else:
            print(f"docs: {shown}: the generated part is out of date; run: {COMMAND}", file=sys.stderr)
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    ended = "written" if options.write else "out of date"
    print(f"docs: {len(found)} documents, {len(stale)} {ended}, {len(problems)} problems")
    return 1 if problems or (stale and not options.write) else 0


if __name__ == "__main__":
    sys.exit(main())
