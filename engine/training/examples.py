"""Example triplets of a training: tomogram, target and prediction in the middle slice of some patches, epoch by epoch.

Kept as `examples.npz`: `tomogram` uint8 [n, y, x] (mean ± 3 deviations over 0 … 255), `target` uint8 [n, y, x]
(channels), `prediction` uint8 [epochs, n, y, x], `epochs` int [epochs].
"""

import zipfile
from pathlib import Path

import numpy as np
import torch

from engine.atomic import replacing

FILE_NAME = "examples.npz"
MOST_EPOCHS = 48
"""Of longer trainings every second of the older predictions is dropped, again and again."""


class Examples:
    """The triplets so far."""

    def __init__(self) -> None:
        self.tomogram: np.ndarray | None = None
        self.target: np.ndarray | None = None
        self.predictions: dict[int, np.ndarray] = {}

    @classmethod
    def begin(cls, folder: Path | None, epochs: int) -> "Examples":
        """Those of the first `epochs` epochs that were kept in `folder`; none where nothing can be read there."""
        made = cls()
        if folder is None or not epochs:
            return made
        known = read_examples(folder)
        if known is not None:
            made.tomogram, made.target = known["tomogram"], known["target"]
            pairs = zip(known["epochs"].tolist(), known["prediction"], strict=True)
            made.predictions = {epoch: image for epoch, image in pairs if epoch <= epochs}
        return made

    def add(self, epoch: int, density: torch.Tensor, channels: torch.Tensor, predicted: torch.Tensor) -> None:
        """Add the middle slices of a batch [n, 1, z, y, x], its channels and predicted channels [n, z, y, x]."""
        middle = channels.shape[1] // 2
        self.tomogram = _bytes(density[:, 0, middle].float().cpu().numpy())
        self.target = channels[:, middle].to(torch.uint8).cpu().numpy()
        self.predictions[epoch] = predicted[:, middle].to(torch.uint8).cpu().numpy()
        while len(self.predictions) > MOST_EPOCHS:
            older = sorted(self.predictions)[: MOST_EPOCHS // 2]
            for dropped in older[1::2]:
                del self.predictions[dropped]

    def write(self, folder: Path) -> None:
        """Replace the file in `folder`; nothing where there are none. Raises UserError when it cannot be written."""
        if self.tomogram is None or self.target is None or not self.predictions:
            return
        epochs = sorted(self.predictions)
        with replacing(folder / FILE_NAME) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                tomogram=self.tomogram,
                target=self.target,
                prediction=np.stack([self.predictions[epoch] for epoch in epochs]),
                epochs=np.array(epochs),
            )


def read_examples(folder: Path) -> dict[str, np.ndarray] | None:
    """What is kept in `folder`, by name; None where there is nothing that can be read."""
    try:
        with np.load(folder / FILE_NAME, allow_pickle=False) as file:
            return {name: file[name] for name in ("tomogram", "target", "prediction", "epochs")}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _bytes(images: np.ndarray) -> np.ndarray:
    scaled = (images + 3) * (255 / 6)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
