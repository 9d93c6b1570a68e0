"""A study's folder: what was asked, the user's own files, and one folder per run. Known to writers and readers.

Where data and own files lie on this machine is not part of a study (see `machine_paths`): a folder can be copied
anywhere.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tomli_w
from msgspec import Meta

import hptui
from hptui.config import Arm, StudyConfig, from_plain, to_plain
from hptui.errors import ConfigError, RunDirectoryError
from hptui.opening import read_text
from hptui.parsing import parse_toml, ready
from hptui.plan import Plan
from hptui.record.class_counts import Count
from hptui.record.data_summary import DataSummary
from hptui.record.events import SCHEMA, Amount, Time
from hptui.record.files import replace_file
from hptui.record.intensity import Intensity
from hptui.record.machine_paths import of_this_machine, portable, remember_paths
from hptui.record.new_folders import SOURCES, new_directory, refuse_used
from hptui.record.presence import Presence
from hptui.record.run_directory import RunFile, check_schema, create_run, run_name
from hptui.record.seals import seal_text, text_damage
from hptui.record.steering import steered
from hptui.record.study_folders import STUDY_FILE, shown, studies_folder
from hptui.record.write_errors import cannot_write

OUTPUT_FILE = "output.log"


class DiskUse(msgspec.Struct, frozen=True):
    """Bytes that each run of a study is expected to take up."""

    kept: Count
    """once it is completed: networks and predictions"""
    checkpoint: Count
    """of each checkpoint: one stays until the whole study is finished, because epochs may be added"""


@ready
class Study(msgspec.Struct, frozen=True):
    """An existing study."""

    directory: Path
    id: Annotated[str, Meta(pattern="^[0-9A-Za-z_-]{1,100}$")]
    """also the name of a file among the user's state"""
    created: Time
    """seconds since 1970, UTC"""
    config: StudyConfig
    """without paths of this machine; with what was changed since it began"""
    fingerprint: str
    """SHA-256 of the images and labels; a resumed study has to read the same"""
    planned_cost: dict[str, Amount]
    """images of probes and training that each arm is expected to need, as a multiple of one plain training"""
    disk: DiskUse | None = None
    """None: an older hptui did not plan it"""
    plans: dict[str, Plan] = {}
    """by arm, what a run of it is to decide; without those that decide nothing. An older hptui did not keep it"""
    data: DataSummary | None = None
    """what was read; None: an older hptui did not record it, nor look for images in two splits"""
    warnings: tuple[str, ...] = ()
    """what a trial found before the training began, one line each"""
    weights_digest: str = ""
    """SHA-256 of the file of pretrained weights; empty: there is none"""
    begun: StudyConfig | None = None
    """the settings that it began with, where some were changed since; null: it has them still"""
    intensity: Intensity | None = None
    """what brings images to 0..255, fitted on the training images; None: an older hptui, which had 8 bits alone"""

    @property
    def config_at_start(self) -> StudyConfig:
        """The settings that it began with."""
        return self.begun or self.config

    @property
    def name(self) -> str:
        """Name that can be shown and written in JSON: bytes that are no UTF-8 are replaced."""
        return shown(self.directory.name)

    def runs(self) -> list[tuple[Arm, int, Path]]:
        """All planned runs (arm, seed, folder) in the order they are trained: pair by pair."""
        return [
            (arm, seed, self.directory / run_name(arm, seed)) for seed in self.config.seeds for arm in self.config.arms
        ]

    def create_run(self, arm: Arm, seed: int, directory: Path) -> None:
        """Make the folder of one of `runs`."""
        create_run(directory, RunFile(SCHEMA, hptui.__version__, arm, seed, to_plain(self.config), self.id))


def create_study(  # noqa: PLR0913 (what is known of a study when it begins, each by its name)
    directory: Path,
    config: StudyConfig,
    fingerprint: str,
    planned_cost: dict[str, float],
    *,
    disk: DiskUse | None = None,
    plans: dict[str, Plan] | None = None,
    intensity: Intensity | None = None,
    data: DataSummary | None = None,
    warnings: tuple[str, ...] = (),
    weights_digest: str = "",
) -> Study:
    """Make the folder, copy the user's own files into it, and write study.toml last.

    `new_directory` looked at the folder before data were read, which takes seconds: another start may have taken
    it meanwhile. It is claimed here; a name that hptui chose is then replaced by the next free one.

    Raises:
        RunDirectoryError: another study was begun in the folder meanwhile, or it cannot be written.
    """
    settings, places = portable(config)
    study = Study(
        directory.resolve(),
        uuid.uuid4().hex,
        time.time(),
        settings,
        fingerprint,
        planned_cost,
        disk=disk,
        plans=plans or {},
        intensity=intensity,
        data=data,
        warnings=warnings,
        weights_digest=weights_digest,
    )
    try:
        study = _claim_free_name(study, config)
        with Presence(study.directory):
            refuse_used(study.directory)
            _write(study, places)
    except OSError as error:
        raise RunDirectoryError(cannot_write(directory, error, then="start again")) from None
    remember_paths(study.id, places | of_this_machine(config))
    return study


def _claim_free_name(study: Study, config: StudyConfig) -> Study:
    """Make the folder; among the user's studies, where no --out was given, one that nobody else has made."""
    named = config.out is not None or study.directory.parent != studies_folder().resolve()
    while True:
        try:
            study.directory.mkdir(parents=True, exist_ok=named)
        except FileExistsError:
            if named:
                raise
            study = msgspec.structs.replace(study, directory=new_directory(config).resolve())
        else:
            return study


def _write(study: Study, places: dict[str, str]) -> None:
    """Write sources and study.toml; what a failure leaves does not stand in the way of the next start."""
    # Copied beside their place, so that a killed start leaves nothing that looks like the user's.
    partial = study.directory / f".{SOURCES}.{os.getpid()}.partial"
    try:
        _remove_left(partial)
        for key, place in places.items():
            if Path(place).suffix == ".py":
                copy = partial / key if key.endswith(".py") else partial / key / Path(place).name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(place, copy)
        _remove_left(study.directory / SOURCES)
        if partial.exists():
            partial.replace(study.directory / SOURCES)
        text = tomli_w.dumps(_content(study))
        replace_file(study.directory / STUDY_FILE, seal_text(text).encode())
    except BaseException:
        with contextlib.suppress(OSError):
            for remains in (partial, study.directory / SOURCES):
                shutil.rmtree(remains, ignore_errors=True)
        raise


def _content(study: Study) -> dict[str, Any]:
    """Plain data of study.toml, the settings last."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "hptui": hptui.__version__,
        "id": study.id,
        "created": study.created,
        "fingerprint": study.fingerprint,
        "planned_cost": study.planned_cost,
        "plans": msgspec.to_builtins(study.plans),
    }
    if study.warnings:
        content["warnings"] = list(study.warnings)
    if study.weights_digest:
        content["weights_digest"] = study.weights_digest
    if study.disk is not None:
        content["disk"] = msgspec.to_builtins(study.disk)
    if study.intensity is not None:
        content["intensity"] = msgspec.to_builtins(study.intensity)
    if study.data is not None:
        content["data"] = msgspec.to_builtins(study.data)
    return content | {"config": to_plain(study.config)}


def _remove_left(partial: Path) -> None:
    """Remove what stands under the name of a half-written folder; of a link the link alone."""
    if partial.is_dir() and not partial.is_symlink():
        shutil.rmtree(partial)
    else:
        partial.unlink(missing_ok=True)


def open_study(directory: Path) -> Study:
    """Read study.toml, and what was changed since in steering.json.

    Raises:
        RunDirectoryError: it is not there, damaged, written by another version, or names what is not here.
    """
    path = directory / STUDY_FILE
    try:
        text = read_text(path)
        content = parse_toml(text)
    except OSError as error:
        raise RunDirectoryError(f"{directory} is not a study: cannot read {STUDY_FILE}, {error.strerror}.") from None
    except ValueError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from None
    check_schema(content.get("schema"), path)
    if problem := text_damage(text):
        raise RunDirectoryError(f"{path} is damaged: {problem}.")
    try:
        begun = from_plain(msgspec.convert(content.get("config"), dict[str, Any]), "config")
        config = steered(begun, directory)
        facts = {"directory": directory.resolve(), "config": config, "begun": begun if config != begun else None}
        return msgspec.convert(content | facts, Study)
    except ConfigError as error:
        raise RunDirectoryError(f"{path} cannot be used here: {error}") from None
    except msgspec.ValidationError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.") from None
