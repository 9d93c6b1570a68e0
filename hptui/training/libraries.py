"""Torch's libraries, loaded while Python goes on.

Python holds its interpreter while it loads a library: for a second on a busy machine, for many from a cold disk. Until
then no key is answered, and no signal handler runs: a closed terminal would leave the process for as long.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

FIRST = (("libtorch_global_deps.so", os.RTLD_GLOBAL | os.RTLD_NOW), ("libtorch.so", os.RTLD_LAZY))
"""in the order and the way in which torch itself loads them; none of them calls Python"""


def load_torch_libraries() -> None:
    """Load what is largest, if torch is there; `import torch` finds it loaded. What fails here, torch tells better."""
    spec = importlib.util.find_spec("torch") if sys.platform == "linux" else None
    if spec is None or spec.origin is None or "torch" in sys.modules:
        return
    folder = Path(spec.origin).parent / "lib"
    dlopen = ctypes.CDLL(None).dlopen  # called as any foreign function is: without the interpreter
    dlopen.argtypes, dlopen.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
    for name, mode in FIRST:
        if not dlopen(os.fsencode(folder / name), mode):
            return
