"""Where data and own files lie on this machine: no part of a study, because its folder can be copied anywhere.

It is kept among the user's state, by the study's identity, so that `hptui resume` finds them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from hptui import registry
from hptui.config import LOCAL, PLUG_INS, StudyConfig
from hptui.errors import UsageError
from hptui.opening import read_file
from hptui.parsing import parse_json
from hptui.record.files import replace_file
from hptui.record.neighbours import neighbours

DEFAULTS = StudyConfig()


def portable(config: StudyConfig) -> tuple[StudyConfig, dict[str, str]]:
    """The settings with bare file names, and the absolute path behind each.

    Own files that such a file imports have paths too, under FIELD/FILE.py.
    """
    changes: dict[str, Any] = {field: getattr(DEFAULTS, field) for field in LOCAL}
    places: dict[str, str] = {}
    for field in PLUG_INS:
        if field in LOCAL:
            continue
        value: str | None = getattr(config, field)
        if value is None:
            continue
        if field == "dataset" and path_of(value):
            path = Path(path_of(value)).expanduser()
            if path.exists():  # otherwise it is relative to --data-dir or to the cache, and stays so
                places[field] = str(path.resolve())
                changes[field] = f"{value.partition(':')[0]}:{path.resolve().name}"
        elif (file := registry.own_file(value)) is not None:
            places[field] = str(file.resolve())
            places |= {f"{field}/{place}": str(path) for place, path in neighbours(file).items()}
            changes[field] = registry.without_folder(value)
    if config.weights is not None:
        weights = Path(config.weights).expanduser()
        places["weights"], changes["weights"] = str(weights.resolve()), weights.name
    return msgspec.structs.replace(config, **changes), places


def of_this_machine(config: StudyConfig) -> dict[str, str]:
    """Settings that are no part of the study, but hold as long as it is trained here."""
    settings: dict[str, str] = {}
    if config.data_dir is not None:
        settings["data_dir"] = str(Path(config.data_dir).expanduser().resolve())
    if config.parallel != DEFAULTS.parallel:
        settings["parallel"] = config.parallel
    if config.engine is not None:
        file = registry.own_file(config.engine)
        own = "" if file is None else f"{file.expanduser().resolve()}:{config.engine.rpartition(':')[2]}"
        settings["engine"] = own or config.engine
    if config.engine_args:
        settings["engine_args"] = msgspec.json.encode(config.engine_args).decode()
    return settings


def path_of(dataset: str) -> str:
    """What follows the name of a data set that hptui knows; empty for all others.

    Whatever it means to the data set, it may be a path of this machine, and none is written into a study.
    """
    name, _, argument = dataset.partition(":")
    return argument if registry.is_known("datasets", name) else ""


def _identity(study_id: str) -> str:
    """Raise OSError for what is no identity: a study that was received must not name a file of its own choice."""
    if re.fullmatch("[0-9a-f]{32}", study_id) is None:
        raise FileNotFoundError(errno.ENOENT, "no study's identity", study_id)
    return study_id


def _places_file(study_id: str) -> Path:
    """Raise OSError for what is no identity."""
    return platformdirs.user_state_path("hptui") / "places" / f"{_identity(study_id)}.json"


def remember_paths(study_id: str, places: dict[str, str]) -> None:
    """Keep the absolute path behind each setting that has one."""
    try:
        path = _places_file(study_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, msgspec.json.encode(places))
    except OSError:
        pass  # resume then asks for --data-dir; no reason to refuse the study


def recall_paths(study_id: str) -> dict[str, str]:
    """Paths by setting, as `remember_paths` kept them; empty where it could not, or was on another machine."""
    try:
        places: dict[str, str] = parse_json(read_file(_places_file(study_id)), dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}
    return places


def jobs_folder(study_id: str, directory: Path, above: Path | None = None) -> Path:
    """Where scripts and output of a study's jobs lie, which a scheduler trains.

    Args:
        study_id: its identity, which copies of it share.
        directory: of the study; a copy has jobs of its own.
        above: the folder that was chosen for it; else the user's state.

    Raises:
        OSError: that is no identity.
    """
    place = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:12]
    above = above or platformdirs.user_state_path("hptui") / "jobs"
    return above.expanduser().resolve() / f"{_identity(study_id)}-{place}"


def make_private(folder: Path) -> None:
    """Make a folder that nobody else may write in, or see that the one which is there is such.

    Raises:
        UsageError: it is somebody else's, others may write in it, it is no folder, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror or error}.") from None
    if not stat.S_ISDIR(found.st_mode):
        problem = "is no folder"
    elif found.st_uid != os.geteuid():
        problem = "is another user's"
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem = "can be written by others"
    else:
        return
    raise UsageError(f"{folder} {problem}, and what lies there is run; remove it, or choose another folder.")


def forget_paths(study_id: str) -> None:
    """Keep nothing of where the data of a study lie, which is no more."""
    with contextlib.suppress(OSError):
        _places_file(study_id).unlink(missing_ok=True)


def forget_jobs(study_id: str, directory: Path) -> None:
    """Keep nothing of the jobs of the study in this folder; those of its copies stay."""
    with contextlib.suppress(OSError):
        shutil.rmtree(jobs_folder(study_id, directory), ignore_errors=True)
