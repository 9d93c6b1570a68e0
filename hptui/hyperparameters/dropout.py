"""The probability of every dropout layer of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.hyperparameters import Hyperparameter, TrainingParts

if TYPE_CHECKING:
    from torch import nn

__all__ = ["DROPOUT"]


class Dropout(Hyperparameter):
    """Lives in the network's dropout modules."""

    def problem(self, training: TrainingParts) -> str:
        return (
            ""
            if dropout_layers(training.network)
            else "the model has no nn.Dropout (its functions, F.dropout, cannot be reached)"
        )

    def put(self, training: TrainingParts, value: float) -> None:
        for module in dropout_layers(training.network):
            module.p = value

    def read(self, training: TrainingParts) -> float | None:
        rates = {module.p for module in dropout_layers(training.network)}
        # a model with several rates of its own, never set, has no one value to tell
        return float(rates.pop()) if len(rates) == 1 else None

    def state(self, training: TrainingParts) -> object:
        return [module.p for module in dropout_layers(training.network)]

    def restore(self, training: TrainingParts, state: object) -> None:
        assert isinstance(state, list)
        for module, rate in zip(dropout_layers(training.network), state, strict=True):
            module.p = rate


def dropout_layers(network: nn.Module) -> list[nn.Dropout]:
    """Layers that a rate can be set of, in the order of `modules`."""
    from torch import nn  # a form needs none

    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
    return [module for module in network.modules() if isinstance(module, kinds)]  # type: ignore[misc]


DROPOUT = Dropout(
    "dropout",
    "dropout",
    default=None,
    low=0.0,
    high=1.0,
    high_open=True,
    suggested="0:0.6:lin:4",
    careful="larger",
    can_be_off=True,
    order=40,
)
