"""How busy this machine is: its GPU where it has one of NVIDIA's, else processor and memory."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import Any

import psutil

GIB = 2**30


class MachineLoad:
    """Asked about once a second; the driver is opened once, and never again after it failed."""

    def __init__(self) -> None:
        self._nvml: Any = None
        """the module pynvml, once the driver has answered"""
        self._opening: threading.Thread | None = None

    def words(self, device: str) -> str:
        """A few words about the GPU that a run on `device` (as its log names it) uses, or about the processor."""
        if self._opening is None:
            # a driver that no other program uses may take seconds to wake its GPU; keys must not wait for that
            self._opening = threading.Thread(target=self._open, name="hptui-nvml", daemon=True)
            self._opening.start()
        words = self._gpu(device) if self._nvml is not None and not device.startswith("cpu") else ""
        return words or f"CPU {psutil.cpu_percent():.0f}%  memory {psutil.virtual_memory().percent:.0f}%"

    def _open(self) -> None:
        import pynvml  # 26 ms, so not before the first screen is drawn

        try:
            pynvml.nvmlInit()
            if pynvml.nvmlDeviceGetCount() > 0:
                self._nvml = pynvml
        except pynvml.NVMLError:  # no driver, no library, no permission: this machine has no GPU to show
            return

    def _gpu(self, device: str) -> str:
        """Empty if the GPU tells nothing."""
        try:
            handle = self._handle(device)
            used = self._answer(self._nvml.nvmlDeviceGetUtilizationRates, handle)
            memory = self._answer(self._nvml.nvmlDeviceGetMemoryInfo, handle)
        except self._nvml.NVMLError:
            self._nvml = None
            return ""
        shares = [f"{used.gpu}%"] if used is not None else []
        shares += [f"{memory.used / GIB:.1f}/{memory.total / GIB:.0f} GiB"] if memory is not None else []
        return " ".join(["GPU", *shares]) if shares else ""

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
