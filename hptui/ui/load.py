"""How busy this machine is: its GPU where it has one of NVIDIA's, processor and memory."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

GIB = 2**30


@dataclass(frozen=True)
class Gauge:
    """How much of one thing is in use."""

    name: str
    share: float
    """0 to 1"""
    words: str
    """the same with its unit"""


class MachineLoad:
    """Asked about once a second; the driver is opened once, and never again after it failed."""

    def __init__(self) -> None:
        self._nvml: Any = None
        """the module pynvml, once the driver has answered"""
        self._opening: threading.Thread | None = None

    def measure(self, device: str) -> tuple[Gauge, ...]:
        """The GPU that a run on `device` (as its log names it) uses, as far as it tells; then processor and memory."""
        if self._opening is None:
            # a driver that no other program uses may take seconds to wake its GPU; keys must not wait for that
            self._opening = threading.Thread(target=self._open, name="hptui-nvml", daemon=True)
            self._opening.start()
        gpu = self._gpu(device) if self._nvml is not None and not device.startswith("cpu") else ()
        return (*gpu, _percent("CPU", psutil.cpu_percent()), _percent("RAM", psutil.virtual_memory().percent))

    def _open(self) -> None:
        import pynvml  # 26 ms, so not before the first screen is drawn

        try:
            pynvml.nvmlInit()
            if pynvml.nvmlDeviceGetCount() > 0:
                self._nvml = pynvml
        except pynvml.NVMLError:  # no driver, no library, no permission: this machine has no GPU to show
            return

    def _gpu(self, device: str) -> tuple[Gauge, ...]:
        """Load and memory; empty if the GPU tells nothing."""
        try:
            handle = self._handle(device)
            used = self._answer(self._nvml.nvmlDeviceGetUtilizationRates, handle)
            memory = self._answer(self._nvml.nvmlDeviceGetMemoryInfo, handle)
        except self._nvml.NVMLError:
            self._nvml = None
            return ()
        load = (_percent("GPU", used.gpu),) if used is not None else ()
        return load if memory is None else (*load, _gib("VRAM", memory.used, memory.total))

    def _answer(self, question: Callable[[Any], Any], handle: Any) -> Any:
        """None where the GPU does not tell: a slice of one (MIG) has no load, one on the processor's chip no memory."""
        try:
            return question(handle)
        except (self._nvml.NVMLError_NotSupported, self._nvml.NVMLError_NoPermission):
            return None

    def _handle(self, device: str) -> Any:
        """Find the GPU that torch calls `device`, for which CUDA_VISIBLE_DEVICES counts; else the first one."""
        named = re.match(r"cuda:(\d+)", device)  # the log has its name behind
        number = int(named[1]) if named else 0
        visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
        name = visible[number] if number < len(visible) else ""
        if name.startswith(("GPU-", "MIG-")):
            return self._nvml.nvmlDeviceGetHandleByUUID(name)
        index = int(name) if name.isdecimal() else number
        return self._nvml.nvmlDeviceGetHandleByIndex(index if index < self._nvml.nvmlDeviceGetCount() else 0)


def _percent(name: str, percent: float) -> Gauge:
    return Gauge(name, percent / 100, f"{percent:.0f}%")


def _gib(name: str, used: float, total: float) -> Gauge:
    return Gauge(name, used / total if total else 0.0, f"{used / GIB:.1f}/{total / GIB:.0f} GiB")
