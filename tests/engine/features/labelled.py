"""The labels of some planes as tensors of their own."""

import torch

from engine.features.labelling import Labelling


def labels_of(labelling: Labelling, start: int, stop: int) -> list[torch.Tensor]:
    """bool `[stop - start, y, x]` for each rule; every place must have been written."""
    shape = (stop - start, *labelling.boxes.shape[1:])
    results = [torch.full(shape, 7, dtype=torch.int8) for _ in labelling.rules]
    labelling.label(start, stop, results)
    assert all(set(result.unique().tolist()) <= {0, 1} for result in results)
    return [result.to(torch.bool) for result in results]
