"""Which processor computes, with how many threads."""

from __future__ import annotations

import os

import torch

from hptui.errors import ConfigError
from hptui.machine import usable_cores


def resolve_device(name: str) -> torch.device:
    """auto: the first GPU if there is one; raise ConfigError for a GPU that is not there."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    count = torch.cuda.device_count()
    index = int(name.partition(":")[2] or 0)
    if index >= count:
        there = f"this machine has {count} usable GPU(s)" if count else "torch sees no GPU on this machine"
        raise ConfigError(f"device {name!r} is not there: {there}; use --device cpu or --device auto.")
    return torch.device("cuda", index)


def gpus_to_share(name: str, device: torch.device) -> int:
    """How many GPUs runs may be spread over: all, unless one was named; 0: one was, or there is none."""
    return torch.cuda.device_count() if device.type == "cuda" and name in ("auto", "cuda") else 0


def default_threads() -> int:
    """Half the cores that this process may use, at most 4.

    The small networks of a search gain little from more, and a thread that shares its core with another
    job holds all others up at every barrier.
    """
    return max(1, min(4, usable_cores() // 2))


def use_threads(threads: int | None) -> int:
    """Set torch's threads for CPU arithmetic; results may differ in the last bits between thread counts."""
    number = threads or default_threads()
    torch.set_num_threads(number)
    return number


def describe_devices() -> list[str]:
    """One line per device that can train."""
    gpus = [f"cuda:{index} {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())]
    return [f"cpu ({default_threads()} of {os.cpu_count()} threads by default)", *gpus]
