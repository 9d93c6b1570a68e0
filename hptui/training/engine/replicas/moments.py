"""Where replicas begin: moments of one training that share all that their values leave alone."""

from __future__ import annotations

from hptui.hyperparameters import Values
from hptui.training.engine.loop import Trainer
from hptui.training.engine.state import Snapshot


class Moments:
    """Makes them, by the training itself: what a value does is found in no other way."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._start: Snapshot | None = None
        """where the training is now, but for its values"""

    def at(self, moment: Snapshot) -> None:
        """Put the training there."""
        self._trainer.state.restore(moment)
        self._start = moment

    def begun(self, start: Snapshot, values: Values) -> Snapshot:
        """`start` with other values; its tensors are those of `start`, and the training has these values.

        Raises:
            ConfigError: this training has nothing of the kind.
        """
        state = self._trainer.state
        if self._start is start:  # a restart takes longer than all else
            state.values.restore(start["values"])
            kept = start["optimizer"]["param_groups"]
            for group, former in zip(state.optimizer.param_groups, kept, strict=True):
                group.update({key: value for key, value in former.items() if key != "params"})
        else:
            self.at(start)
        state.values.set(values)
        optimizer = {"state": start["optimizer"]["state"], "param_groups": state.optimizer.state_dict()["param_groups"]}
        return start | {"values": state.values.state(), "optimizer": optimizer}
