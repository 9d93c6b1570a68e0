"""The files that an own file imports from beside it: a study keeps them too, or it would keep half a network.

They are found by reading: every import statement of the file, and of what it imports, whose module is loaded by now
and lies below the file's folder, or below the current one. What is installed is no neighbour.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hptui.errors import INSTALLED
from hptui.own_files import imported, package_of

MOST = 200
"""files of one study: a file that imports more than that belongs to something that should be installed"""


def neighbours(file: Path) -> dict[str, Path]:
    """Files that an own file, which is loaded, needs beside it.

    Args:
        file: as it was named on the command line.

    Returns:
        Each by where it has to stand beside a copy of `file` so that the imports find it ("blocks.py",
        "networks/blocks.py"). A file that is itself a part of a package, because it imports relatively, is among them.
    """
    file = file.resolve()
    package = package_of(file)
    found: dict[str, Path] = {}
    if package:
        found[f"{package.replace('.', '/')}/{file.name}"] = file
    roots = (file.parents[package.count(".") + 1] if package else file.parent, Path.cwd().resolve())
    waiting = [(file, package)]
    while waiting and len(found) < MOST:
        path, of = waiting.pop()
        for name in _imported(path, of):
            origin = _origin(name, roots)
            if origin is None or origin == file:
                continue
            is_package = origin.name == "__init__.py"
            place = str(PurePosixPath(*name.split("."))) + ("/__init__.py" if is_package else ".py")
            if place not in found:
                found[place] = origin
                waiting.append((origin, name if is_package else name.rpartition(".")[0]))
    return found


def _imported(path: Path, package: str) -> Iterator[str]:
    """Names of modules that a file may import, those of the packages above them too."""
    above = package.split(".") if package else []
    for level, name in imported(path):
        parts = [*(above[: len(above) - level + 1] if level else []), *name.split(".")]
        yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _origin(name: str, roots: tuple[Path, ...]) -> Path | None:
    """File of a loaded module that is the user's own."""
    origin = getattr(sys.modules.get(name), "__file__", None)
    if not isinstance(origin, str) or not origin.endswith(".py"):
        return None
    path = Path(origin).resolve()
    own = any(path.is_relative_to(root) for root in roots)
    return path if own and not INSTALLED & set(path.parts) and name.partition(".")[0] != "hptui" else None
