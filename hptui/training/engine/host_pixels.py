"""Images that stay in main memory, or in a file that is mapped into it, and come to the device batch by batch.

The next batch is known while the network is busy with one, so a thread brings it: read from the disk where it has
to be, gathered, and on its way to a GPU. What arrives is equal to the bit to what an image on the device would be.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hptui.datasets import Pixels
from hptui.datasets._rows import PixelRows
from hptui.record.intensity import Intensity
from hptui.training.engine.stored_pixels import as_tensor, brought


@dataclass(frozen=True)
class _Batch:
    """Pixels on their way."""

    pixels: Tensor
    arrival: torch.cuda.Event | None = None


class HostPixels:
    """Looks like a tensor (N, C, H, W) on the device, of which only batches are ever there."""

    def __init__(self, pixels: Pixels | PixelRows, intensity: Intensity, device: torch.device, *, ahead: bool) -> None:
        """Take images that nobody changes any more.

        Args:
            pixels: in main memory, or mapped.
            intensity: what brings floats to 0..255.
            device: where batches are wanted.
            ahead: whether a thread brings the batch that is expected; without, each comes when it is asked for.
        """
        array, places = (pixels.array, pixels.places) if isinstance(pixels, PixelRows) else (pixels, None)
        self._array = as_tensor(array).numpy()
        self._places = places
        self._intensity = intensity
        self._thread = ThreadPoolExecutor(1, "hptui-images") if ahead else None
        self._stream: torch.cuda.Stream | None = None
        self._expected: tuple[Tensor, Future[_Batch]] | None = None
        self.device = device
        self.shape = torch.Size(pixels.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        wanted = self._indices(index)
        expected, self._expected = self._expected, None
        if expected is not None and torch.equal(expected[0], wanted):
            return self._arrived(expected[1].result())
        return self._arrived(self._fetch(wanted))

    def expect(self, index: Tensor | slice) -> None:
        """Begin to bring the batch that will be asked for next; another one may be asked for all the same."""
        if self._thread is not None:
            wanted = self._indices(index)
            self._expected = wanted, self._thread.submit(self._fetch, wanted)

    def _indices(self, index: Tensor | slice) -> Tensor:
        return torch.arange(len(self))[index] if isinstance(index, slice) else index.cpu()

    def _fetch(self, indices: Tensor) -> _Batch:
        places = indices.numpy() if self._places is None else self._places[indices.numpy()]
        on_gpu = self.device.type == "cuda"
        shape = (len(places), *self.shape[1:])
        batch = torch.empty(shape, dtype=torch.from_numpy(self._array[:0]).dtype, pin_memory=on_gpu)
        # by numpy: threads of torch's own, beside those of the training, would be in their way
        np.take(self._array, places, axis=0, out=batch.numpy(), mode="clip")
        if not on_gpu:
            return _Batch(batch)
        if self._stream is None:
            self._stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._stream):
            there = batch.to(self.device, non_blocking=True)
            arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrival.record()
        return _Batch(there, arrival)

    def _arrived(self, batch: _Batch) -> Tensor:
        """Pixels that whatever is computed next may use; a GPU waits for them, not the host."""
        if batch.arrival is not None:
            now = torch.cuda.current_stream(self.device)
            now.wait_event(batch.arrival)
            batch.pixels.record_stream(now)  # its memory is the other stream's
        return brought(batch.pixels, self._intensity) if batch.pixels.dtype == torch.float32 else batch.pixels
