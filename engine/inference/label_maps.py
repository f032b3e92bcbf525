"""From scores to what is stored: the channel with the highest score, and scores as bytes."""

import torch

MOST_BYTE = 255
"""The byte that means a score of 1."""


def best_channel(scores: torch.Tensor) -> torch.Tensor:
    """The channel with the highest score; of equal ones the first.

    Parameters
    ----------
    scores
        [classes, z, y, x], of any device and floating type.

    Returns
    -------
    Tensor
        uint8 [z, y, x]; at most 256 classes.
    """
    best = scores[0].clone()
    channel = torch.zeros(best.shape, dtype=torch.uint8, device=scores.device)
    for number in range(1, len(scores)):
        # torch.argmax does not say which of equal scores it takes.
        channel.masked_fill_(scores[number] > best, number)
        torch.maximum(best, scores[number], out=best)
    return channel


def as_bytes(scores: torch.Tensor) -> torch.Tensor:
    """Scores 0 … 1 as uint8 0 … 255, rounded."""
    return (scores.float() * MOST_BYTE).round_().clamp_(0, MOST_BYTE).to(torch.uint8)
