"""One run after another in this process, in the thread that asks for it: data are read once, and nothing is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hptui.engines import Engine, RunEnd, RunPlan, Work

__all__ = ["Thread"]

ONE_AT_A_TIME = True


class Thread(Engine):
    """A run that fails ends the training of the study."""

    def train(self, plans: Sequence[RunPlan], work: Work) -> Iterator[RunEnd]:
        for plan in plans:
            end = work.here(plan)
            yield end
            if end.stopped == "study":
                return
