"""Find plug-ins by name, and import one of them only when it is asked for.

A plug-in is one file in the folder of its kind (`hptui/datasets/`, `hptui/models/`, `hptui/strategies/`, ...), named as
the user types it, whose `__all__` holds exactly one name. Files that start with an underscore are shared by several,
and no plug-ins. Outside packages join through an entry point in the group `hptui.datasets`, `hptui.models` and so on; a
user's own file joins as `path/file.py:name` or `module:name`.
"""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.errors import ConfigError, failure_words, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FOLDERS = {
    "datasets": "dataset",
    "models": "model",
    "optimizers": "optimizer",
    "losses": "loss",
    "schedules": "schedule",
    "strategies": "strategy",
    "engines": "engine",
    "hyperparameters": "hyperparameter",
    "ui.panels": "panel",
}
"""the plug-in folders, and what one of their plug-ins is called"""
LIBRARIES = "models._libraries"
"""the folder of the libraries of networks, which have one file each"""


def names(folder: str) -> list[str]:
    """Names of all plug-ins in `folder`, sorted, without importing any of them."""
    return sorted(_built_in(folder) | {point.name for point in entry_points(folder)})


def is_built_in(folder: str, name: str) -> bool:
    """Whether `folder` has a file of this name: its import cannot fail as that of an installed package can."""
    return name in _built_in(folder)


def _built_in(folder: str) -> frozenset[str]:
    return _names_in(_places(folder))


@cache
def _names_in(places: tuple[str, ...]) -> frozenset[str]:
    """Listed once: a start asks some fifty times, which would be a fiftieth of the time to the first picture."""
    return frozenset(module.name for module in pkgutil.iter_modules(places) if not module.name.startswith("_"))


def _places(folder: str) -> tuple[str, ...]:
    package = importlib.util.find_spec(f"hptui.{folder}")
    if package is None or package.submodule_search_locations is None:
        raise LookupError(f"no plug-in folder {folder!r}")
    return tuple(package.submodule_search_locations)


def entry_points(folder: str) -> Iterable[EntryPoint]:
    """Plug-ins of installed packages."""
    points: Iterable[EntryPoint] = _all_entry_points().select(group=f"hptui.{folder}") if _may_have_any() else ()
    return points


@cache
def _all_entry_points() -> Any:
    from importlib import metadata

    return metadata.entry_points()


@cache
def _may_have_any() -> bool:
    """Whether any installed package may bring a plug-in.

    Most often none does, and that is seen in 1 ms where `importlib.metadata` takes 20 ms of every start.
    """
    return any(map(_may_bring_plug_ins, map(Path, sys.path)))


def _may_bring_plug_ins(place: Path) -> bool:
    """Whether a folder of packages has one that names a group of ours; an archive of packages may have."""
    try:
        packages = [name for name in os.listdir(place) if name.endswith((".dist-info", ".egg-info"))]  # noqa: PTH208 (a path for each of hundreds takes longer than all the rest)
    except NotADirectoryError:
        return True
    except OSError:
        return False
    return any(_names_our_group(place / name / "entry_points.txt") for name in packages)


def _names_our_group(file: Path) -> bool:
    with suppress(OSError):
        return b"[hptui." in file.read_bytes()
    return False


def is_known(folder: str, name: str) -> bool:
    """Whether `folder` has a plug-in of this name."""
    return is_built_in(folder, name) or any(point.name == name for point in entry_points(folder))


def library_of(name: str) -> tuple[str, str] | None:
    """Library and network of `torchvision:resnet18`; None: the name has no library that hptui knows."""
    library, separator, network = name.partition(":")
    return (library, network) if separator and network and library in libraries() else None


@cache
def libraries() -> tuple[str, ...]:
    """Packages of which any network can be asked for by its name; they need not be installed."""
    return tuple(sorted(_built_in(LIBRARIES)))


def check_name(folder: str, name: str, word: str | None = None) -> None:
    """Raise ConfigError unless `name` is a known plug-in or has the form of an own object (`file.py:name`).

    The message calls it `word`; where none is given, what the folder holds.
    """
    if folder == "models" and library_of(name) is not None:
        return
    if folder == "models" and name in libraries():
        raise ConfigError(f"{word or FOLDERS[folder]} {name!r}: write {name}:NAME, the name of one of its networks.")
    if not is_own(name) and not is_known(folder, name):
        other = next((kind for kind in FOLDERS if kind != folder and is_known(kind, name)), None)
        hint = (
            f" It is {_article(FOLDERS[other])}." if other is not None else _form(name) or nearest(name, names(folder))
        )
        raise ConfigError(f"unknown {word or FOLDERS[folder]} {name!r}.{hint}")


def _form(name: str) -> str:
    """How an own object is written, where a name seems to be meant for one; empty: it does not."""
    if name.endswith(".py"):
        return f" Write {name}:NAME, with the name of what is meant in that file."
    if ".py:" in name:
        return " What follows the colon has to be one name of that file, such as path/file.py:Net."
    return ""


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


@cache
def constant(folder: str, name: str, constant_name: str) -> Any:
    """A constant at the top of a plug-in's file, read without importing it; None where there is none.

    What a screen has to know of a plug-in that it must not import (a data set may need packages that are not here).
    """
    with suppress(OSError, SyntaxError, ValueError, ImportError):
        for node in ast.parse(_file(folder, name).read_text("utf-8")).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _names(node, constant_name):
                return ast.literal_eval(node.value)
    return None


def _names(node: ast.Assign | ast.AnnAssign, constant_name: str) -> bool:
    """Whether it is what an assignment, or one with an annotation, gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(getattr(target, "id", "") == constant_name for target in targets)


def _file(folder: str, name: str) -> Path:
    """Where a plug-in is written; raise FileNotFoundError where that cannot be told."""
    for place in _places(folder):
        if (path := Path(place) / f"{name}.py").is_file():
            return path
    for point in entry_points(folder):
        spec = importlib.util.find_spec(point.module) if point.name == name else None
        if spec is not None and spec.origin is not None:
            return Path(spec.origin)
    raise FileNotFoundError(name)


def mentioning(folder: str, word: str) -> list[str]:
    """Names of the plug-ins whose file has this word, and of all that are no single file here.

    Whoever looks for what one of them says need not import the others, which takes several times as long.
    """
    others = {name for place in _places(folder) for name in _names_in((place,)) if _lacks(place, name, word)}
    return [name for name in names(folder) if name not in others]


def _lacks(place: str, name: str, word: str) -> bool:
    with suppress(OSError):
        return word.encode() not in Path(place, f"{name}.py").read_bytes()
    return False


def load(folder: str, name: str) -> Any:
    """Import one plug-in and return its factory.

    Raises:
        ConfigError: the name is unknown (names the nearest valid one), or an own file cannot be imported.
    """
    if is_own(name):
        return load_own(name)
    check_name(folder, name)
    if (found := library_of(name)) is not None and folder == "models":
        return _load_network(*found)
    if not is_built_in(folder, name):
        point = next(point for point in entry_points(folder) if point.name == name)
        try:
            return point.load()
        except (Exception, SystemExit) as error:
            raise ConfigError(f"{name!r} cannot be imported: {type(error).__name__}: {error}") from error
    module = importlib.import_module(f"hptui.{folder}.{name}")
    (factory,) = module.__all__
    return getattr(module, factory)


def _load_network(library: str, network: str) -> Any:
    """What builds a library's network; raise ConfigError where it is not installed, or has no such network."""
    if importlib.util.find_spec(library) is None:
        raise ConfigError(
            f"model {library}:{network} needs the package {library}; install it with: pip install 'hptui[{library}]'"
        )
    module = importlib.import_module(f"hptui.{LIBRARIES}.{library}")
    try:
        return module.networks(network)
    except ImportError as error:
        raise ConfigError(f"{library} cannot be imported: {error}") from error


def is_own(name: str) -> bool:
    """Whether `name` points to a user's own object: `path/file.py:Name` or `module:name`."""
    location, separator, attribute = name.rpartition(":")
    return bool(separator and location and attribute.isidentifier() and location not in libraries())


def own_file(name: str) -> Path | None:
    """The file of `path/file.py:Name`; None for `module:name` and built-in names."""
    location = name.rpartition(":")[0]
    return Path(location) if is_own(name) and location.endswith(".py") else None


def without_folder(name: str) -> str:
    """`some/where/file.py:Name` as `file.py:Name`, other names unchanged: what may stand in a log."""
    path = own_file(name)
    return name if path is None else f"{path.name}:{name.rpartition(':')[2]}"


def load_own(name: str) -> Any:
    """Import `path/file.py:Name` or `module:name` (modules are also looked for in the current folder)."""
    location, _, attribute = name.rpartition(":")
    path = own_file(name)
    if path is not None and not path.is_file():
        raise ConfigError(f"{name!r}: there is no file {path}. Write path/file.py:Name.")
    from hptui.own_files import import_file, import_module  # most name no own code: the first picture need not wait

    try:
        module = import_file(path) if path is not None else import_module(location)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:  # a script that was not written to be imported may leave
        raise ConfigError(f"{name!r} cannot be imported: {failure_words(error)}") from error
    if not hasattr(module, attribute):
        public = [public for public in vars(module) if not public.startswith("_")]
        raise ConfigError(f"{location} has no {attribute!r}.{nearest(attribute, public)}")
    return getattr(module, attribute)
