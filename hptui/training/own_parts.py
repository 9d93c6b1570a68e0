"""Mistakes of a user's own loss and optimizer that no error tells, or that one tells as if they were the network's.

Each is found by what they do with a few images, before anything is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from hptui.config import StudyConfig
from hptui.errors import ConfigError, failure_words
from hptui.registry import is_own, without_folder
from hptui.training.engine.building import StudyInputs, new_state
from hptui.training.engine.evaluation import full_precision
from hptui.training.engine.loop import Trainer
from hptui.training.engine.state import TrainingState

IMAGES = 16
LOSS_CONTRACT = (
    "A loss is called with logits (B, classes), labels (B,), weights (B,) or None, and values by name, and gives one "
    "number as a tensor: the mean over the batch."
)
NEARLY = 1e-2
"""relative difference of two numbers that are taken for the same"""


def check_loss(inputs: StudyInputs, config: StudyConfig) -> Iterator[str]:
    """What an own loss does otherwise than a training takes it to, one line each.

    Raises:
        ConfigError: it fails, or gives something else than one number that comes from the logits.
    """
    if not is_own(config.loss):
        return
    state = new_state(inputs, config, config.seed)
    values, labels = state.values.held, inputs.data.train.labels[:IMAGES].to(inputs.device)
    if (logits := _answers(inputs, state)) is None:
        return
    name = f"loss {without_folder(config.loss)!r}"
    once = _loss(inputs, name, values, logits, labels)
    if not once.isfinite():
        yield f"{name} gives numbers that are not finite (NaN or infinity): nothing can be learned from them"
        return
    twice = _loss(inputs, name, values, torch.cat((logits, logits)), torch.cat((labels, labels)))
    if _alike(float(twice), 2 * float(once)) and not _alike(float(twice), float(once)):
        yield (
            f"{name} adds up over a batch, where the mean is expected: steps grow with the batch, so that a learning "
            "rate holds for one batch size only"
        )
    if config.class_weights != "none" or "mixup" in {*config.space, *config.set}:
        weights = torch.linspace(0.25, 4, labels.numel(), device=labels.device).view(labels.shape)
        if torch.equal(_loss(inputs, name, values, logits, labels, weights), once):
            yield f"{name} does not use its weights: class_weights and mixup, which come with them, do not reach it"


def _answers(inputs: StudyInputs, state: TrainingState) -> Tensor | None:
    """What the network answers, for which the loss was written; None where it fails, which steps of training tell."""
    state.network.eval()
    try:
        with torch.no_grad():
            return full_precision(state.network(inputs.data.normalise(inputs.data.train.pixels[:IMAGES])))
    except (Exception, SystemExit):
        return None


def _loss(
    inputs: StudyInputs,
    name: str,
    values: Mapping[str, float],
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
) -> Tensor:
    """The loss of some logits; raise ConfigError where it is none to train with."""
    logits = logits.clone().requires_grad_()
    try:
        loss = inputs.data.labelling.training_loss(inputs.loss, logits, labels, weights, values)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{name} fails: {failure_words(error)}. {LOSS_CONTRACT}") from error
    if not isinstance(loss, Tensor):
        raise ConfigError(f"{name} gives a {type(loss).__name__}. {LOSS_CONTRACT}")
    if loss.numel() != 1:
        raise ConfigError(f"{name} gives {tuple(loss.shape)} numbers for {len(labels)} images. {LOSS_CONTRACT}")
    if not loss.requires_grad:
        raise ConfigError(
            f"{name} gives a number without a gradient: is there a detach(), item() or torch.no_grad() in it? "
            f"{LOSS_CONTRACT}"
        )
    return loss.detach()


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= NEARLY * max(abs(one), abs(other))


def optimizer_warnings(inputs: StudyInputs, config: StudyConfig) -> Iterator[str]:
    """What an own optimizer leaves out, and what it (or an own loss) keeps where no checkpoint finds it."""
    name = f"optimizer {without_folder(config.optimizer)!r}"
    if is_own(config.optimizer):
        state = new_state(inputs, config, config.seed)
        known = {id(weight) for group in state.optimizer.param_groups for weight in group["params"]}
        trained = [weight for weight in state.network.parameters() if weight.requires_grad]
        if left := sum(id(weight) not in known for weight in trained):
            yield (
                f"{name} leaves {left} of the network's {len(trained)} tensors of weights as they are: "
                "hptui.optimizers.trained(network) gives all that are to be trained"
            )
    own = [name] if is_own(config.optimizer) else []
    own += [f"loss {without_folder(config.loss)!r}"] if is_own(config.loss) else []
    if own and _goes_on_otherwise(inputs, config):
        yield (
            f"a training that is taken back, as after a candidate's trial or by resume, goes on otherwise with "
            f"{' and '.join(own)}: something is kept that no checkpoint finds (an optimizer's belongs into "
            "self.state[weight] or its param_groups; a loss keeps nothing)"
        )


def _goes_on_otherwise(inputs: StudyInputs, config: StudyConfig) -> bool:
    """Whether a step that follows a snapshot differs, in the training itself and in one that takes the snapshot."""
    one, other = (_trainer(inputs, config) for _ in range(2))
    one.step()
    snapshot = one.state.snapshot()
    before = _weights(one.state)
    one.state.restore(snapshot)  # random numbers too, and whatever rounding comes with it
    one.step()
    other.state.restore(snapshot)
    other.step()
    expected, found = _weights(one.state), _weights(other.state)
    return bool((found - expected).norm() > NEARLY * (expected - before).norm())


def _trainer(inputs: StudyInputs, config: StudyConfig) -> Trainer:
    state = new_state(inputs, config, config.seed)
    return Trainer(state, inputs.data, inputs.loss, average_window=1.0, precision=config.precision)


def _weights(state: TrainingState) -> Tensor:
    """All weights that are trained, one after another, as numbers of double precision."""
    weights = [weight.detach() for weight in state.network.parameters() if weight.requires_grad]
    real = [torch.view_as_real(weight) if weight.is_complex() else weight for weight in weights]
    return torch.cat([weight.flatten() for weight in real]).double()
