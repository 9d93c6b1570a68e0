"""What the jobs of a study ask SLURM for: `--engine-args`, in the words of submitit.

partition, account, qos, constraint ...   any option of sbatch, `_` for `-`
time                                      of a job; what takes longer is queued again from its checkpoint
gpus, cpus, mem                           of each run
signal_delay                              seconds before the limit at which a run is asked for its checkpoint
setup                                     a line of the shell, or several, ahead of Python (module load ...)
folder                                    for scripts and output of the jobs, which nodes have to see too
"""

from __future__ import annotations

import math
import re
from typing import Any

from hptui.config import AUTO, StudyConfig
from hptui.engines._elsewhere import cores_of
from hptui.errors import ConfigError

DEFAULT_TIME = "4:00:00"
"""short enough to begin early in most queues, and long beside what a start takes"""
SIGNAL_SECONDS = 90
"""SLURM looks at times once a minute, and a checkpoint of a large network takes seconds"""
TIME = re.compile(r"(?:(?P<days>\d{1,4})-(?P<of_day>\d{1,2}(?::\d{1,2}){0,2})|(?P<alone>\d{1,6}(?::\d{1,2}){0,2}))")
MOST_AT_ONCE = 1000
"""jobs of one array: what SLURM takes unless a cluster says otherwise (MaxArraySize)"""
NOT_OURS = ("array", "output", "error", "signal", "requeue", "no_requeue", "nodes", "ntasks", "open_mode", "wrap")
"""options that make the jobs what they are"""


def minutes_of(time: object) -> int:
    """Minutes of a time as sbatch takes it: minutes, MM:SS, H:MM:SS, D-H, D-H:MM or D-H:MM:SS; raise ConfigError."""
    match = None if isinstance(time, bool) else TIME.fullmatch(str(time).strip())
    if match is None:
        raise ConfigError(f"engine_args time = {time!r}: write minutes, H:MM:SS, or D-HH:MM:SS.")
    if match["days"] is not None:
        hours, minutes, seconds = [*map(int, match["of_day"].split(":")), 0, 0][:3]
        hours += 24 * int(match["days"])
    else:
        parts = list(map(int, match["alone"].split(":")))
        hours, minutes, seconds = {1: [0, *parts, 0], 2: [0, *parts], 3: parts}[len(parts)]
    total = math.ceil(hours * 60 + minutes + seconds / 60)
    if total < 1:
        raise ConfigError(f"engine_args time = {time!r}: a job takes a minute at least.")
    return total


def parameters(config: StudyConfig) -> dict[str, Any]:
    """Parameters of a `submitit.SlurmExecutor`, but for its environment; raise ConfigError."""
    arguments = {name: value for name, value in config.engine_args.items() if name not in ("setup", "folder")}
    for name in NOT_OURS:
        if name in arguments:
            raise ConfigError(f"engine_args {name}: hptui says that by itself; leave it out.")
    minutes = minutes_of(arguments.pop("time", DEFAULT_TIME))
    delay = _whole("signal_delay", arguments.pop("signal_delay", min(SIGNAL_SECONDS, 30 * minutes)), least=1)
    if delay >= 60 * minutes:
        raise ConfigError(f"engine_args signal_delay = {delay}: it is seconds before the limit of {minutes} minutes.")
    asked: dict[str, Any] = {
        "time": minutes,
        "signal_delay_s": delay,
        "cpus_per_task": _whole("cpus", arguments.pop("cpus", cores_of(config)), least=1),
        "wckey": None,
        "array_parallelism": MOST_AT_ONCE if config.parallel in ("1", AUTO) else int(config.parallel),
    }
    if gpus := arguments.pop("gpus", 0):
        asked["gpus_per_node"] = gpus
    options = {name.replace("_", "-"): value for name, value in arguments.items() if value is not False}
    return asked | {"additional_parameters": options | {"requeue": True}}


def setup_lines(config: StudyConfig) -> list[str]:
    """Lines of the shell that the user wants ahead of Python."""
    lines = config.engine_args.get("setup", [])
    return [str(line) for line in lines] if isinstance(lines, list) else [str(lines)]


def options(config: StudyConfig) -> list[str]:
    """What is asked for, as options of the command sbatch."""
    asked = parameters(config)
    named = {"time": asked["time"], "cpus-per-task": asked["cpus_per_task"], "nodes": 1}
    if "gpus_per_node" in asked:
        named["gpus-per-node"] = asked["gpus_per_node"]
    both = named | asked["additional_parameters"]
    return [f"--{name}" if value is True else f"--{name}={value}" for name, value in both.items()]


def _whole(name: str, value: object, *, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"engine_args {name} = {value!r}: write a whole number, from {least} on.")
    return value
