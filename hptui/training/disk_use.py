"""What a study will take up on the disk, told before it is trained."""

from __future__ import annotations

from hptui.config import StudyConfig
from hptui.record.study_directory import DiskUse
from hptui.record.wrong_images import SIDE
from hptui.training.engine.building import StudyInputs, build_network

DELIVERED = 2
"""networks that a finished run keeps: the delivered and the best"""
COPIES = 5
"""of the weights in a checkpoint, at most: network, average, best, and two of the optimizer (Adam's moments); and what
would be delivered, where that may be of an earlier epoch"""
BEGINNING = 4
"""of the weights as an epoch began, in a checkpoint within it, where its batches may prove too large"""
FLOAT, INTEGER = 4, 8
"""bytes of a probability and of a label"""


def disk_use(inputs: StudyInputs, config: StudyConfig) -> DiskUse:
    """Expect so many bytes of each run; a strategy that keeps states of candidates has larger checkpoints."""
    network = build_network(inputs.factory, config.model, inputs.data, config.seed)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    images, classes = len(inputs.data.validation) + len(inputs.test), len(inputs.data.class_names)
    predictions = images * (DELIVERED * classes * FLOAT + inputs.test.labels[:1].numel() * INTEGER)
    height, width = (min(side, SIDE) for side in inputs.data.image_shape)
    wrong = config.wrong_images * (3 if inputs.data.channels == 3 else 1) * height * width  # as if there were so many
    copies = COPIES + (config.deliver != "last") + BEGINNING * ("batch_size" in config.search)
    return DiskUse(kept=DELIVERED * weights + predictions + wrong, checkpoint=copies * weights)
