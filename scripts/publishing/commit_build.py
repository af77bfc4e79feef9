"""Building a commit: from its files and by its own builder, whatever lies in the work tree or is done to it meanwhile.

The files are the commit's blobs, written as they are: no checkout filter (`core.autocrlf`, `.git/info/attributes`), no
ignore file and no file that nobody committed has a part in it. `git archive` and a worktree would apply the filters.
The builder is the commit's `scripts/bundle.py`, in a process that imports from there and from the standard library
alone. What it builds is kept apart from what is built from work trees.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from scripts import bundle
from scripts.bundle import Bundles
from scripts.publishing import git
from scripts.publishing.archive import BundleError, tail
from scripts.publishing.git import GitError
from scripts.publishing.source_tree import SourceTreeError

_FOLDERS: Final = frozenset({"agent_pkg", "scripts"})
_FILES: Final = frozenset({"pyproject.toml", "uv.lock"})
"""At the top and in members of the workspace, without which uv cannot read the lock."""
_MODES: Final = {b"100644": 0o644, b"100755": 0o755}
_BUILDER: Final = """\
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from scripts import bundle
platform, out, layers, answer = sys.argv[2:]
try:
    built = bundle.build(platform=platform, out=Path(out), layers=Path(layers), progress=lambda x: print(x, flush=True))
except bundle.BundleError as error:
    sys.exit(str(error))
Path(answer).write_text(str(built.folder))
"""


def build(
    root: Path, commit: str, *, platform: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> Bundles:
    """Build a commit's wheel and bundles, or find them in the cache.

    Args:
        root: The workspace, for its repository and its cache.
        commit: Its id; nothing else of the repository counts.
        platform: A key of `bundle.PLATFORMS`; None is this machine's.
        progress: Gets one line for each step that takes time.

    Raises:
        SourceTreeError: If the commit cannot be read, or holds a link in place of a file.
        BundleError: If it cannot be built.
    """
    cache = root / "build"
    with tempfile.TemporaryDirectory(prefix="commit-") as scratch:
        tree, answer = Path(scratch, "tree"), Path(scratch, "answer")
        export(root, commit, into=tree)
        places = (cache / "commits", cache / "layers", answer)
        _run(tree, platform or bundle.host_platform(), *map(str, places), progress=progress)
        built = bundle.load(Path(answer.read_text()))
    if built is None:
        raise BundleError(f"{cache}: the files just built are gone; is another program clearing it?")
    return built


def export(root: Path, commit: str, *, into: Path) -> None:
    """Write what a build needs of a commit, byte for byte.

    Args:
        root: The workspace; may be a folder of a larger repository.
        commit: Its id.
        into: Folder to make.

    Raises:
        SourceTreeError: If the commit cannot be read, or something in it is no file.
    """
    try:
        entries = [entry for entry in _listed(git.ask(root, "ls-tree", "-r", "-z", commit)) if _is_needed(entry[0])]
        for name, mode, _ in entries:
            if mode not in _MODES:
                kind = "submodule" if mode == b"160000" else "symbolic link"
                raise SourceTreeError(
                    f"{name}: is a {kind} in commit {commit[:12]}, and what it points to is no part of the commit; put "
                    "the files there"
                )
        ids = b"".join(blob + b"\n" for _, _, blob in entries)
        contents = _contents(git.ask(root, "cat-file", "--batch", given=ids))
        for (name, mode, _), content in zip(entries, contents, strict=True):
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
            path.chmod(_MODES[mode])
    except (GitError, ValueError) as error:
        raise SourceTreeError(f"commit {commit[:12]} cannot be read: {error}") from error
    except FileExistsError as error:
        raise SourceTreeError(
            f"commit {commit[:12]} has two files that this file system cannot tell apart: {error.filename}"
        ) from error


def _listed(tree: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield path, mode and id of each entry."""
    for entry in tree.split(b"\0")[:-1]:
        about, _, name = entry.partition(b"\t")
        mode, _, blob = about.split(b" ")
        yield os.fsdecode(name), mode, blob


def _is_needed(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] in _FOLDERS or path.name in _FILES


def _contents(batch: bytes) -> Iterator[bytes]:
    """Yield what `git cat-file --batch` printed, object by object: `<id> blob <size>`, the content, a line's end."""
    start = 0
    while start < len(batch):
        end = batch.index(b"\n", start)
        what = batch[start:end].split(b" ")
        if len(what) != 3 or what[1] != b"blob":
            raise ValueError(os.fsdecode(batch[start:end]))  # such as `<id> missing`, of a partial clone
        start = end + 1 + int(what[2]) + 1
        yield batch[end + 1 : start - 1]


def _run(tree: Path, *arguments: str, progress: Callable[[str], None]) -> None:
    # Isolated, without site-packages and without writing byte-code: no folder or variable of the caller has a say in
    # what is imported. Each step that waits for others has a time-out there.
    command = [sys.executable, "-I", "-S", "-B", "-c", _BUILDER, str(tree), *arguments]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, stderr=said, text=True) as builder,
    ):
        try:
            for line in builder.stdout or ():
                progress(line.rstrip("\n"))
            status = builder.wait()
        except BaseException:
            builder.terminate()
            raise
        said.seek(0)
        problem = tail(said.read())
    if status != 0:
        raise BundleError(problem or f"the builder ended with {status}")
