"""What went wrong in a user's own code, in one line: the error, and the place in their file that it comes from."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import torch

from hptui.errors import first_line

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
"""in the words of CUDA, of the CPU's allocator, of cuDNN and cuBLAS, which all raise plain RuntimeErrors"""
_NOT_OWN = tuple(
    Path(place).resolve()
    for place in {
        *(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
        *torch.__path__,
        *__import__("hptui").__path__,
    }
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of the device, or of the machine, was too small."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OUT_OF_MEMORY)


def failure_words(error: BaseException) -> str:
    """Kind and first line of an error, and the line of the user's file where it arose."""
    return f"{type(error).__name__}: {first_line(error)}".rstrip(" .!:") + own_place(error)


def own_place(error: BaseException) -> str:
    """The innermost line that is neither of hptui nor of what is installed: " (net.py, line 12)"; empty if none is."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.suffix == ".py" and not any(path.resolve().is_relative_to(place) for place in _NOT_OWN):
            return f" ({path.name}, line {frame.lineno})"
    return ""
