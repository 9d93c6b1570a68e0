"""Import a user's own file or module, as it could be when run as a script, or as a part of its package."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.errors import ConfigError

if TYPE_CHECKING:
    from types import CodeType

_DEEPEST = 6
"""folders above a file that may be packages it imports from"""


def import_module(location: str) -> Any:
    """Import a module, which may lie in the current folder."""
    with _importable_from(Path.cwd()):
        return importlib.import_module(location)


def package_of(path: Path) -> str:
    """Name of the package that a file has to be a part of, so that what it imports is found; empty: it need not be.

    It has to, where it imports relatively, or a neighbour by the name of a folder above them ("from networks.blocks
    import ..." in networks/net.py).
    """
    folders = path.resolve().parents
    deep = 0
    for level, name in imported(path):
        deep = max(deep, level, *(at for at in range(1, min(len(folders), _DEEPEST)) if _is_in(name, folders[at - 1])))
    while 0 < deep < len(folders) - 1 and all((folders[at] / "__init__.py").exists() for at in (deep - 1, deep)):
        deep += 1
    return ".".join(folder.name for folder in reversed(folders[:deep]))


def _is_in(name: str, folder: Path) -> bool:
    """Whether a dotted name begins with the folder's, and goes on with what is in it."""
    first, _, rest = name.partition(".")
    inner = rest.partition(".")[0]
    return bool(inner) and first == folder.name and any((folder / one).exists() for one in (f"{inner}.py", inner))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Modules that a file may import, each with the folders above it that a relative import begins from."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # importing it tells what is wrong
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = f"{node.module}." if node.module else ""
            yield from ((node.level, f"{base}{alias.name}") for alias in node.names)


def import_file(path: Path) -> Any:
    """Import a file; it may import its neighbours, and as a part of its package where it has to be one."""
    # A name of its own for each path, so that two files called model.py do not replace each other.
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
    package = package_of(path)
    root = path.resolve().parents[package.count(".") + 1 if package else 0]
    unique = f"{package}." * bool(package) + f"hptui_own_{path.stem}_{digest}"
    spec = importlib.util.spec_from_file_location(unique, path, loader=_FromSource(unique, str(path)))
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # dataclasses and pickling look their module up by name
    try:
        with _importable_from(root):
            if package:
                importlib.import_module(package)
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module


class _FromSource(importlib.machinery.SourceFileLoader):
    """Runs what the file says: compiled code beside it, in a study that was received, may say something else."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


@contextmanager
def _importable_from(folder: Path) -> Iterator[None]:
    """Let an own file import its neighbours, as it could when run as a script; nothing is left beside them."""
    sys.path.insert(0, str(folder))
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a study's code stays what it was
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_none
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
