"""Schedules of the learning rate: one file each, every one a function `(progress) -> factor`.

The rate in force at a step is the chosen one times the factor; progress runs from 0 to 1 over the run. It can be
combined with any strategy and any optimizer.

The factor is put in force before every step of an epoch, and stands still within a decision: all its probes train
with the one that the epoch begins with. A checkpoint holds the chosen rate and the factor; after resuming, the factor
follows from the progress again, over as many epochs as the run is to have then.
"""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[float], float]
