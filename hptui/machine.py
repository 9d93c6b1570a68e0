"""What this process may use of its machine: cores and memory, within the limits of its container; and its Python.

The limits are of its control groups: of version 2 of them, and of version 1 that of memory alone.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores that this process may use, at least 1: a share of one core, as a container may have, counts as one."""
    ours = getattr(os, "process_cpu_count", None)  # of Python 3.13
    if ours is not None:
        cores = ours() or 1
    else:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = (_cores(group) for group in _groups())
    return max(1, min([cores, *(math.floor(share) for share in shares if share is not None)]))


def free_memory() -> int:
    """Bytes of main memory that this process could still take."""
    left = [*map(_left, _groups()), *map(_left_of_v1, _groups("memory"))]
    free: int = psutil.virtual_memory().available
    return max(0, min([free, *(one for one in left if one is not None)]))


def looks_in_current_folder() -> bool:
    """Whether this process looks for modules in the current folder, which may be anybody's."""
    return bool({"", str(Path.cwd())} & set(sys.path))


def same_python() -> list[str]:
    """Python that looks for modules where this process does: in the current folder only if it does so."""
    return [sys.executable] if looks_in_current_folder() else [sys.executable, "-P"]


def _groups(controller: str = "") -> Iterator[Path]:
    """The group of this process, and those around it; each may be limited.

    Args:
        controller: whose own tree of groups is meant, of cgroup v1; empty: the one tree of v2.
    """
    try:
        lines = OWN.read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return
    named = (line.split(":", 2) for line in lines if line.count(":") > 1)
    own = next((path.removeprefix("/") for _, names, path in named if controller in names.split(",")), "")
    root = ROOT / controller
    group = root if ".." in own else root / own  # beyond what is seen from here
    yield from (group, *(parent for parent in group.parents if parent.is_relative_to(root)))


def _cores(group: Path) -> float | None:
    """Cores that a group may use; None: as many as there are."""
    words = _words(group / "cpu.max")
    if len(words) != 2 or not all(word.isdecimal() for word in words) or words[1] == "0":
        return None
    return int(words[0]) / int(words[1])


def _left(group: Path) -> int | None:
    """Bytes that a group may still take; None: there is no limit."""
    given_up = ("inactive_file", "active_file", "slab_reclaimable")
    return _difference(group, "memory.max", "memory.current", given_up)


def _left_of_v1(group: Path) -> int | None:
    given_up = ("total_inactive_file", "total_active_file")
    return _difference(group, "memory.limit_in_bytes", "memory.usage_in_bytes", given_up)


def _difference(group: Path, most: str, now: str, given_up: Sequence[str]) -> int | None:
    """Bytes between two files of a group, and what is given up where room is short: cached files, and the like."""
    limit, used = _words(group / most), _words(group / now)
    if len(limit) != 1 or not limit[0].isdecimal() or len(used) != 1 or not used[0].isdecimal():
        return None
    words = _words(group / "memory.stat")
    stat = dict(zip(words[::2], words[1::2], strict=False))
    cached = sum(int(stat[name]) for name in given_up if stat.get(name, "").isdecimal())
    return int(limit[0]) - int(used[0]) + cached


def _words(file: Path) -> list[str]:
    try:
        return file.read_text("ascii").split()
    except (OSError, ValueError):
        return []
