"""Settings from several places laid over each other, and a configuration checked as a whole."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hptui import registry
from hptui.config.study import AUTO, FIELDS, LOCAL, PAIRS, SYNONYMS, StudyConfig
from hptui.config.values import convert_field
from hptui.errors import ConfigError, nearest
from hptui.hyperparameters import default_search
from hptui.opening import read_given_text
from hptui.parsing import parse_toml
from hptui.space import check_cells, parse_range

ENVIRONMENT_PREFIX = "HPTUI_"
OTHER_VARIABLES = (
    *("HPTUI_TEST_DATA", "HPTUI_ASCII", "HPTUI_GRAPHICS", "HPTUI_DEBUG", "HPTUI_NOTIFY", "HPTUI_NOTIFY_COMMAND"),
    *("HPTUI_STATE", "HPTUI_MESSAGE", "HPTUI_STUDY", "HPTUI_STUDY_DIR", "HPTUI_RUN"),
    *("HPTUI_BASELINE_ACCURACY", "HPTUI_OPTIMIZED_ACCURACY"),
)
"""of the environment, and no settings; some of them are for the command that a notification runs"""
NEAR = 0.75
"""similarity (difflib) from which on an unknown variable is taken for a mistyped one"""


class Layer(msgspec.Struct, frozen=True):
    """Settings from one place, with the words that name the place in a message."""

    origin: str
    settings: Mapping[str, Any]


class Resolved(msgspec.Struct, frozen=True):
    """A checked configuration and the origin of each value."""

    config: StudyConfig
    origins: dict[str, str]


def file_layer(path: Path) -> Layer:
    """Read CONFIG.toml; raise ConfigError if it is missing or not TOML."""
    return text_layer(path, config_text(path))


def config_text(path: Path) -> str:
    """What stands in CONFIG.toml; raise ConfigError if it cannot be read."""
    try:
        return read_given_text(path)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None


def text_layer(path: Path, text: str) -> Layer:
    """The settings of a text that was read from `path`; raise ConfigError if it is not TOML."""
    try:
        return Layer(str(path), parse_toml(text))
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def environment_layer(environment: Mapping[str, str] = os.environ) -> Layer:
    """Settings from HPTUI_EPOCHS, HPTUI_SEARCH ("lr=1e-4:1:log:7 dropout=0:0.6:lin:4") and so on."""
    settings = {
        field: environment[variable]
        for field in (*FIELDS, *SYNONYMS)
        if (variable := ENVIRONMENT_PREFIX + field.upper()) in environment
    }
    return Layer("environment", settings)


def misspelt(environment: Mapping[str, str] = os.environ) -> list[str]:
    """A line for each variable that is read by nobody but looks like one of the settings."""
    known = [field.upper() for field in (*FIELDS, *SYNONYMS)]
    lines = []
    for variable in environment:
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name != variable and name not in known and variable not in OTHER_VARIABLES:
            near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
            lines += [f"{variable} is not used; did you mean {ENVIRONMENT_PREFIX}{word}?" for word in near]
    return lines


def resolve(layers: Iterable[Layer], *, installed: bool = True) -> Resolved:
    """Lay the layers over the defaults, later ones win; those of PAIRS are joined name by name.

    Args:
        layers: from the weakest.
        installed: whether the plug-ins that are named have to be here: to train, not to read.

    Raises:
        ConfigError: an unknown key, a value of the wrong kind or out of bounds (names key, value and origin).
    """
    resolved = merged(layers, installed=installed)
    check(resolved.config, installed=installed)
    return resolved


def merged(layers: Iterable[Layer], *, installed: bool = True) -> Resolved:
    """Like `resolve`, but for what only settings together can have wrong: see `contradictions`."""
    found: dict[str, Any] = {}
    origins = dict.fromkeys(FIELDS, "default")
    named = False
    for layer in layers:
        try:
            settings = layer_settings(layer, installed=installed)
        except ConfigError as error:
            raise ConfigError(f"{layer.origin}: {error}") from None
        for field, value in settings.items():
            found[field] = found.get(field, {}) | value if field in PAIRS else value
            origins[field] = layer.origin
        for one, other in (("decide_at", "decide_every"), ("decide_every", "decide_at")):
            if settings.get(one) is not None and other not in settings and found.pop(other, None):
                origins[other] = "default"
        # ranges, or that there is to be none at all; not only that one of the default ranges is off
        named = named or ("search" in settings and set(settings["search"].values()) != {"off"})
    search = found.get("search", {}) if named else suggested_search(found) | found.get("search", {})
    kept = {name: str(parse_range(name, text, installed=installed)) for name, text in search.items() if text != "off"}
    return Resolved(msgspec.structs.replace(StudyConfig(**found), search=kept), origins)


def suggested_search(settings: Mapping[str, Any]) -> dict[str, str]:
    """Ranges that are searched where nobody names one: every strategy's, and what its own file adds (SUGGESTS, and
    SUGGESTS_WITH_WEIGHTS where the network begins with some).
    """
    name = settings.get("strategy", StudyConfig().strategy)
    if registry.own_file(name) is not None:
        return default_search()
    more = registry.constant("strategies", name, "SUGGESTS") or ()
    if settings.get("weights") is not None:
        more = (*more, *(registry.constant("strategies", name, "SUGGESTS_WITH_WEIGHTS") or ()))
    return default_search(more)


def layer_settings(layer: Layer, *, installed: bool) -> dict[str, Any]:
    """The settings of one place by field, converted; raise ConfigError where two of them say the same thing."""
    settings: dict[str, Any] = {}
    for key, raw in layer.settings.items():
        name = key.replace("-", "_")
        if name not in FIELDS and name not in SYNONYMS:
            raise ConfigError(f"unknown key {key!r}.{nearest(name, (*FIELDS, *SYNONYMS))}")
        field = "set" if name in SYNONYMS else name
        value = convert_field(field, {name: raw} if name in SYNONYMS else raw, installed=installed)
        if field == "set":
            before = settings.get("set", {})
            if both := sorted(before.keys() & value):
                raise ConfigError(f"{both[0]} is given twice.")
            value = before | value
        elif field in settings:
            raise ConfigError(f"{field} is given twice.")
        settings[field] = value
    # a whole configuration (of a form) repeats the default, as a number; text is what somebody wrote
    every = layer.settings.get("decide_every", layer.settings.get("decide-every", 1))
    if settings.get("decide_at") is not None and (isinstance(every, str) or every != 1):
        raise ConfigError("decide_at and decide_every exclude each other; give one of them.")
    return settings


def check(config: StudyConfig, *, installed: bool = True) -> None:
    """Check what one field alone cannot show; raise ConfigError with what to change."""
    for _, problem in contradictions(config, installed=installed):
        raise ConfigError(problem)


def contradictions(config: StudyConfig, *, installed: bool = True) -> Iterator[tuple[tuple[str, ...], str]]:
    """What settings that are right by themselves have wrong together: the fields, and a sentence."""
    try:
        check_cells(config.space)
    except ConfigError as error:
        yield ("search",), str(error)
    named = config.column.get("group", config.group_column)
    if config.group_column not in (None, named):
        yield (
            ("group_column", "column"),
            f"group_column = {config.group_column!r}, but column names {named!r}; keep one.",
        )
    if config.group_pattern is not None and named is not None:
        yield ("group_pattern", "group_column"), "group_pattern and a column both name the groups; keep one of them."
    for arm in config.arms:
        strategy = config.strategy_of(arm)
        if config.search and registry.is_built_in("strategies", strategy):
            continue  # nothing can be missing; the first picture need not wait for its import
        if _searches(strategy, installed=installed) and not config.search:
            problem = f"strategy {strategy!r} has nothing to search; name at least one range with --search."
            yield ("strategy" if arm == "optimized" else arm, "search"), problem
    for epoch in config.decide_at or ():
        if epoch > config.epochs:
            yield ("decide_at", "epochs"), f"decide_at names epoch {epoch}, but a run has {config.epochs} epochs."
    if config.longest > 1 and (config.stop == "never" or config.deliver == "last"):
        why = "stop is never" if config.stop == "never" else "deliver is last, so that no losses are compared"
        yield ("longest", "stop", "deliver"), f"longest = {config.longest:g}, but {why}; change one of them."
    yield from _too_many_at_a_time(config)


def _too_many_at_a_time(config: StudyConfig) -> Iterator[tuple[tuple[str, ...], str]]:
    runs = config.runs * len(config.arms)
    if config.parallel not in ("1", AUTO) and int(config.parallel) > runs:
        there = f"the study has {runs} run{'s' * (runs > 1)}"
        problem = f"parallel = {config.parallel}, but {there}; write {runs} or less, or auto."
        yield ("parallel", "runs"), problem
    known = registry.is_built_in("engines", config.engine_name)
    if known and config.engine_args and not registry.constant("engines", config.engine_name, "TAKES_ARGUMENTS"):
        problem = f"engine {config.engine_name!r} takes no arguments, and engine_args has some; leave them out."
        yield ("engine", "engine_args"), problem
    if known and config.parallel != "1" and registry.constant("engines", config.engine_name, "ONE_AT_A_TIME"):
        problem = f"engine {config.engine_name!r} trains one run at a time, and parallel asks for more; leave one out."
        yield ("engine", "parallel"), problem


def _searches(strategy: str, *, installed: bool) -> bool:
    """Whether a strategy needs ranges, as far as that is known here."""
    if registry.is_own(strategy):  # imported with the rest of the user's code, when training starts
        return False
    if not installed and not registry.is_known("strategies", strategy):
        return False
    return bool(registry.load("strategies", strategy).searches)


def to_plain(config: StudyConfig) -> dict[str, Any]:
    """The settings as TOML can hold them, without what holds for this machine alone."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    left_out = (*LOCAL, "decide_every") if config.decide_at is not None else LOCAL
    return {key: value for key, value in plain.items() if value is not None and key not in left_out}


def from_plain(settings: Mapping[str, Any], origin: str) -> StudyConfig:
    """Inverse of `to_plain`; raise ConfigError naming `origin` if a key or value does not fit.

    Plug-ins that are named need not be installed: whoever trains finds out.
    """
    if "decide_at" in settings:  # studies of an earlier hptui name both, and decide_at holds
        settings = {key: value for key, value in settings.items() if key != "decide_every"}
    settings = {"deliver": "last", "stop": "never", **settings}  # an earlier hptui knew nothing else
    return resolve([Layer(origin, settings)], installed=False).config
