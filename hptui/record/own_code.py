"""The code that a study brings along, and whether it may be run: only what was trained with or allowed here.

A study names its own network, data set or strategy as `file.py:Name`, with a copy in its folder, or as `module:name`.
Whoever predicts, replays or resumes runs that with all rights of the user, and the folder may have come from anywhere.
So what was trained here is remembered by a checksum of names and code, among the user's state, and so is what somebody
allowed:

    STATE/allowed/SHA256.json     one for each code, whatever studies have it

Code that has changed since has another checksum, and is asked about again.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from hptui import registry
from hptui.config import PLUG_INS, StudyConfig
from hptui.errors import INSTALLED, ConfigError, RunDirectoryError, UsageError
from hptui.opening import read_file
from hptui.record.files import replace_file
from hptui.record.machine_paths import path_of, recall_paths
from hptui.record.new_folders import SOURCES
from hptui.record.study_directory import Study
from hptui.record.study_folders import shown

NAMED = 12
"""files that a question names one by one; of more the number"""


@dataclass(frozen=True)
class OwnCode:
    """What a study would run beyond hptui and what is installed."""

    directory: Path
    """of the study"""
    settings: dict[str, str]
    """names by the setting that has them"""
    files: tuple[Path, ...]
    checksum: str
    """SHA-256 of the names and of the content of the files, wherever they lie"""


class CodeNotAllowedError(UsageError):
    """A study brings code along that nobody on this machine has trained with or allowed."""


def own_code(study: Study) -> OwnCode | None:
    """What a study brings along; None if all that it names belongs to hptui.

    Raises:
        ConfigError: it names a module that is not here.
        RunDirectoryError: it names a file outside of its folder, or has a link where its files should be.
    """
    settings = own_settings(study.config)
    if not settings:
        return None
    files = dict(_files(study, settings))
    digest = hashlib.sha256()
    for field, value in settings.items():
        digest.update(f"{field}={value}\n".encode("utf-8", "surrogateescape"))
    for name, file in sorted(files.items()):
        digest.update(f"{name} {hashlib.sha256(read_file(file)).hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return OwnCode(study.directory, settings, tuple(files.values()), digest.hexdigest())


def own_settings(config: StudyConfig) -> dict[str, str]:
    """The names of a configuration that are neither hptui's nor of an installed package of plug-ins."""
    named = {field: getattr(config, field) for field in PLUG_INS}
    return {
        field: value
        for field, value in named.items()
        if value is not None and registry.is_own(value) and not (field == "dataset" and path_of(value))
    }


def _files(study: Study, settings: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """All that could be imported, by a name that does not depend on where it lies."""
    sources = study.directory / SOURCES
    for field, value in settings.items():
        file = registry.own_file(value)
        if file is None:
            yield from _module_files(value.rpartition(":")[0].partition(".")[0])
        elif file.name != str(file):
            raise RunDirectoryError(
                f"{study.directory}: {field} = {value!r} leads out of the study's folder; hptui writes no such name, "
                "and runs none."
            )
    for path in sorted(sources.rglob("*")):  # all: a file may import its neighbours, and read them
        if path.is_symlink():
            raise RunDirectoryError(f"{path} is a link; a study's code is run from files alone.")
        if path.is_file():
            yield path.relative_to(study.directory).as_posix(), path


def _module_files(name: str) -> Iterator[tuple[str, Path]]:
    """Files of a module in the current folder or on the path, but not of one that is installed: the user did that."""
    if name in sys.builtin_module_names:
        return
    spec = importlib.machinery.PathFinder.find_spec(name, [str(Path.cwd()), *sys.path])
    if spec is None:
        raise ConfigError(
            f"there is no module {name} here, which the study's own code is in; start hptui in the folder that has it, "
            "or name that folder in PYTHONPATH. Of code that is named as path/file.py:Name a study keeps a copy."
        )
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    places += [Path(spec.origin)] if spec.origin and not places else []
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    for place in places:
        found = place.resolve()
        if INSTALLED & set(found.parts) or any(found.is_relative_to(folder) for folder in installed):
            continue
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            yield f"module {path.relative_to(place.parent).as_posix()}", path


def require_allowed(study: Study, allowed: str = "") -> None:
    """Raise unless the code of a study may be run here.

    Args:
        study: about to be trained, replayed, or asked for predictions.
        allowed: checksum of what somebody has allowed a moment ago: a home may be read-only, and remember nothing.

    Raises:
        CodeNotAllowedError: nobody has trained with it here, or allowed it.
        RunDirectoryError: see `own_code`.
    """
    code = unknown_code(study)
    if code is not None and code.checksum != allowed:
        raise CodeNotAllowedError(
            f"{study.directory} brings code of its own ({_named(code)}), which was not trained with or allowed here; "
            f"read it in {study.directory / SOURCES}, then give --trust."
        )


def unknown_code(study: Study) -> OwnCode | None:
    """The code that somebody has to be asked about before it is run; None if there is none."""
    code = own_code(study)
    return None if code is None or _is_known(code, study) else code


def _is_known(code: OwnCode, study: Study) -> bool:
    """Whether it is remembered, or is no other than the user's own files, where they were when the study began."""
    if _memory(code).exists():
        return True
    places = recall_paths(study.id)
    own = [registry.own_file(value) and field in places for field, value in code.settings.items()]
    return all(own) and all(Path(place).is_file() for place in places.values() if Path(place).suffix == ".py")


def remember_code(code: OwnCode) -> bool:
    """Remember that this may be run; False where that cannot be written, as in a home that is read-only."""
    path = _memory(code)
    about = {
        "study": shown(code.directory),
        "time": time.time(),
        "settings": {field: shown(value) for field, value in code.settings.items()},
        "files": [shown(file) for file in code.files],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, msgspec.json.encode(about))
    except OSError:
        return False
    return True


def remember_trained(study: Study) -> None:
    """Remember the code of a study that begins here: who trains with it has chosen it."""
    if (code := own_code(study)) is not None:
        remember_code(code)


def _memory(code: OwnCode) -> Path:
    return platformdirs.user_state_path("hptui") / "allowed" / f"{code.checksum}.json"


def code_question(code: OwnCode) -> str:
    """What somebody has to know who is asked: which code, whose, and what saying yes means."""
    files = [f"  {_shown_file(file, code)}" for file in code.files]
    if len(files) > NAMED:
        files[NAMED:] = [f"  and {len(files) - NAMED} more"]
    return "\n".join(
        [
            f"{shown(code.directory)} brings code of its own, which was not trained with or allowed here:",
            *(f"  {field} = {value}" for field, value in code.settings.items()),
            *files,
            f"  SHA-256 {code.checksum}",
            "It would run with all your rights: read your files, change them, reach the network. Read it first.",
        ]
    )


def _named(code: OwnCode) -> str:
    return ", ".join(f"{field} = {value}" for field, value in code.settings.items())


def _shown_file(file: Path, code: OwnCode) -> str:
    place = file.relative_to(code.directory) if file.is_relative_to(code.directory) else file
    compiled = "" if file.suffix == ".py" else ", no Python source"
    return f"{shown(place)}: {file.stat().st_size} bytes, of {_owner(file)}{compiled}"


def _owner(file: Path) -> str:
    try:
        return file.owner()
    except (KeyError, OSError, NotImplementedError):  # a number without a name; a system without owners
        return f"user {file.stat().st_uid}"
