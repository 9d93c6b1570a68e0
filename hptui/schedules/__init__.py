"""Schedules of the learning rate: one file each, every one a function `(progress) -> factor`.

The rate in force at a step is the chosen one times the factor; progress runs from 0 to 1 over the run. It can be
combined with any strategy and any optimizer.
"""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[float], float]
