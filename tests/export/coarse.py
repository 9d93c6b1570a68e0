"""Pictures that cost less: drawn with fewer dots, or left empty where their names alone are looked at."""

from __future__ import annotations

import pytest

import hptui.export
import hptui.export.style

COARSE = 100
"""dots per inch"""


def draw_coarsely(patch: pytest.MonkeyPatch) -> None:
    """Draw with a third of the dots on an inch: nothing changes its place, and a third of the work is with dots."""
    patch.setattr(hptui.export.style, "DPI", COARSE)


def leave_undrawn(patch: pytest.MonkeyPatch) -> None:
    """Have an export write empty pictures: to draw them is nearly all of its work."""
    patch.setattr(hptui.export._DrawnOnce, "write", lambda once, kind, file: None)
