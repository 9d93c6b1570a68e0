"""What can be said of settings before the start, without torch: what the start would refuse, the plan, the time.

What only data and network can tell (a missing file, a model that does not fit) is found by trying, in a process of its
own (`Measure`), or by the start itself; either way it belongs beside a field of the form.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hptui import registry
from hptui.budget import budget_lines, settled
from hptui.config import FIELDS, PLUG_INS, Arm, Layer, StudyConfig, environment_layer, resolve, takes_path
from hptui.config.data_places import data_places, folder_of_data, not_there
from hptui.errors import ConfigError, DatasetError, HptuiError, RunDirectoryError
from hptui.planning import ArmPlan, Refused, Speed, plan_study, study_lines, time_words, unused_settings
from hptui.record.new_folders import new_directory
from hptui.ui.widgets.row import Row

Measure = Callable[[StudyConfig, Callable[[], bool]], Speed | Refused | None]
"""measures how fast a study would be trained here, or finds what is refused; None if the second argument, asked now and
then, says that nobody waits for it any more. To be called in a thread."""

SPEED = (
    *("dataset", "data_dir", "image_size", "train_size", "validation_size", "split_seed", "class_weights"),
    *("intensity", "resize", "pages"),
    *("test_size", "column", "group_column", "group_pattern", "allow_overlap"),
    *("model", "optimizer", "loss", "schedule", "search", "set", "device", "images_on", "threads", "precision"),
)
"""settings on which a measurement depends; ranges, because their ends are tried"""
FLAG = re.compile(r"--([a-z][a-z-]*[a-z])")


@dataclass(frozen=True)
class FormFindings:
    """What came of a look at a form."""

    config: StudyConfig | None
    """the settings that it holds; None if anything is wrong that keeps a plan from being made"""
    problems: dict[str, str]
    """what is wrong, in the words of a form, by the field that it belongs to"""
    notes: dict[str, str]
    """what stands beside settings that make no difference, by the field"""
    lines: list[str]
    """plan and cost"""


def first_settings() -> tuple[StudyConfig, str]:
    """The defaults with what the environment says; and what is wrong with the environment, if anything is."""
    try:
        return resolve([environment_layer()]).config, ""
    except ConfigError as error:
        return resolve([]).config, str(error)


def look_at_form(
    rows: Iterable[Row],
    config: StudyConfig,
    answer: Callable[[StudyConfig], Speed | Refused | None],
    typed_into: Container[str],
) -> FormFindings:
    """Look for what is wrong in a form, and for what the study will cost.

    Args:
        rows: of the form.
        config: what holds for settings that have no row.
        answer: says what was measured, if the settings are those that were measured.
        typed_into: fields that are being typed into: of a path there nobody says yet that it is missing.
    """
    read, problems = read_rows(rows, config)
    if read is None:
        return FormFindings(None, _in_form_words(problems), {}, [])
    missing = missing_paths(read)  # they may be mended on the disk, and so may what was found
    problems = {field: words for field, words in missing.items() if field not in typed_into}
    found, lines = answer(read), []
    if isinstance(found, Refused):
        problems |= {refused_setting(found, read): found.message}
    speed = found if isinstance(found, Speed) else None
    checked: StudyConfig | None = read
    try:
        lines = plan_words(read, planned(read, speed), speed)
    except HptuiError as error:
        checked, problems = None, {setting_of(str(error), read): str(error)}
    return FormFindings(checked, _in_form_words(problems), unused_notes(checked), lines)


def _in_form_words(problems: Mapping[str, str]) -> dict[str, str]:
    return {setting: in_form_words(problem) for setting, problem in problems.items()}


def speed_key(config: StudyConfig) -> object:
    """What a measurement depends on."""
    return tuple(getattr(config, field) for field in SPEED)


def read_rows(rows: Iterable[Row], config: StudyConfig) -> tuple[StudyConfig | None, dict[str, str]]:
    """A form as checked settings, or messages by the field that each belongs to.

    Args:
        rows: of the form.
        config: what holds for settings that have no row.
    """
    settings: dict[str, Any] = msgspec.to_builtins(config) | {"search": {}}
    errors: dict[str, str] = {}
    for row in rows:
        try:
            row.add_to(settings)
        except ConfigError as error:
            errors[row.setting] = str(error)
    if errors:
        return None, errors
    try:
        config = resolve([Layer("form", settings)]).config
        check_parts(config)
        if config.out is not None:
            new_directory(config)
    except RunDirectoryError as error:
        return None, {"out": str(error)}
    except HptuiError as error:
        return None, {setting_of(str(error), config): str(error)}
    return config, {}


def check_parts(config: StudyConfig) -> None:
    """Raise ConfigError, its first word the field, for plug-ins that are not here or do not fit each other."""
    for field, folder in PLUG_INS.items():
        path = registry.own_file(getattr(config, field) or "")
        if path is not None and not path.expanduser().is_file():
            form = "function" if folder in ("datasets", "schedules") else "Class"
            raise ConfigError(f"{field}: there is no file {path}. Write path/file.py:{form}.")
    package = registry.constant("optimizers", config.optimizer, "PACKAGE")
    if isinstance(package, str) and importlib.util.find_spec(package) is None:
        raise ConfigError(
            f"optimizer: {config.optimizer} needs the package {package}; install it with: "
            "pip install 'hptui[optimizers]'"
        )
    averages = registry.constant("optimizers", config.optimizer, "READ_ELSEWHERE") is True
    if averages and config.batchnorm == "running" and registry.constant("models", config.model, "BATCH_NORM") is True:
        raise ConfigError(
            f"optimizer: {config.optimizer} cannot train {config.model}, which has BatchNorm, with batchnorm = running."
        )


def missing_paths(config: StudyConfig) -> dict[str, str]:
    """What is said of paths that are not there, by the field; of a data set it is what the start would say.

    A plug-in that does not tell where it looks (PATH_IS, PATH_BELOW) is left to the start, and so is a disk that gives
    no answer.
    """
    data_dir, problems = None if config.data_dir is None else Path(config.data_dir), {}
    name, _, path = config.dataset.partition(":")
    kind, below = (registry.constant("datasets", name, constant) for constant in ("PATH_IS", "PATH_BELOW"))
    with suppress(OSError, DatasetError):
        if data_dir is not None and not folder_of_data(data_dir).is_dir():
            problems["data_dir"] = f"data_dir: there is no folder {data_dir}."
    with suppress(OSError, DatasetError):
        if path and kind in ("file", "folder") and isinstance(below, tuple):
            places = data_places(path, data_dir, below)
            if not any(place.is_dir() if kind == "folder" else place.is_file() for place in places):
                problems["dataset"] = not_there(config.dataset, kind, places)
    return problems


def planned(config: StudyConfig, speed: Speed | None) -> dict[Arm, ArmPlan] | None:
    """What the arms plan; None with a strategy of the user's own: to import it may take seconds, and torch."""
    if any(registry.is_own(config.strategy_of(arm)) for arm in config.arms):
        return None
    return plan_study(settled(config, speed), speed.images if speed is not None else 0)


def unused_notes(config: StudyConfig | None) -> dict[str, str]:
    """What stands beside settings that make no difference with these strategies, by the field."""
    if config is None:
        return {}
    strategies = dict.fromkeys(
        [config.strategy, *([config.baseline] if config.baseline not in ("fixed", "none") else [])]
    )
    return dict.fromkeys(unused_settings(config), f"not used by {' and '.join(strategies)}")


def plan_words(config: StudyConfig, plans: Mapping[Arm, ArmPlan] | None, speed: Speed | None) -> list[str]:
    """Cost, and the time where it was measured; then the plan, a line for each stage."""
    if plans is None:
        runs = " + ".join([str(config.runs)] * len(config.arms))
        lines = [f"what is tried, and its cost, depends on {config.strategy}; {runs} runs of {config.epochs} epochs"]
        return lines if speed is None else [*lines, f"{speed.trained:,.0f} images/s on this machine ({speed.device})"]
    *stages, cost = study_lines(config, plans)
    first = cost if speed is None else f"{cost}; {time_words(config, plans, speed)}"
    return [first, *budget_lines(config, speed), *stages]


def setting_of(message: str, config: StudyConfig) -> str:
    """The field that is to be mended: its first word, a flag that it names, or what of the settings it begins with."""
    first = message.split(maxsplit=1)[0].rstrip(":=,") if message.strip() else ""
    if first in FIELDS:
        return first
    flags: list[str] = FLAG.findall(message)
    if named := [field for flag in flags if (field := flag.replace("-", "_")) in FIELDS]:
        return named[0]
    for field, folder in PLUG_INS.items():
        name, _, path = (getattr(config, field) or "").partition(":")
        is_named = name and first.strip("'\"").partition(":")[0] == name
        if is_named or (path and takes_path(folder, name) and path in message):
            return field
    return ""


def refused_setting(refused: Refused, config: StudyConfig) -> str:
    """The field of what a trial found: of a data set the one that the start would name, which reads it the same way."""
    named = setting_of(refused.message, config) if refused.setting == "dataset" else ""
    return named or refused.setting


def in_form_words(message: str) -> str:
    """A message as the form says it: the commands' flags are fields there."""

    def named(flag: re.Match[str]) -> str:
        field: str = flag[1].replace("-", "_")
        known = field if field in FIELDS else f"--{flag[1]}"
        return "the searched ranges" if field == "search" else known

    return FLAG.sub(named, message)
