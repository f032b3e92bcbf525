"""How much particles resemble each other: the first principal components of their crops, and orders made from them.

Crops come from an array or a callable; nothing here cuts or opens anything. Crops are compared as they lie: particles
of one kind in different orientations differ, unless what is given was turned before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import IncrementalPCA
from threadpoolctl import threadpool_limits

from engine.errors import UserError

CHUNK = 200
SPARE = 16
"""Components kept beyond those asked for while learning: what a chunk drops is lost to the later ones."""
MOST_LEARNT = 4000
"""So many crops, drawn at random, determine the components well; all are then placed among them."""

Crops = np.ndarray | Callable[[np.ndarray], np.ndarray]
"""[n, …] of equal edges, or what gives [len(indices), …] for indices: crops are asked for in chunks, in order."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """Where crops lie among each other.

    Attributes
    ----------
    coordinates
        [n, components] float32, the component of largest variance first; not-a-number for crops without contrast or
        with voxels that are not numbers.
    explained
        [components]: which part of the variance each component holds.
    learnt
        From how many crops the components were computed.
    """

    coordinates: np.ndarray
    explained: np.ndarray
    learnt: int

    def __len__(self) -> int:
        return len(self.coordinates)


def embed(
    crops: Crops,
    count: int | None = None,
    components: int = 8,
    seed: int = 0,
    most_learnt: int = MOST_LEARNT,
    chunk: int = CHUNK,
    progress: Callable[[float], None] | None = None,
) -> Embedding:
    """Principal component analysis of crops, each normalised (mean 0, standard deviation 1) within a ball.

    The ball (a disc for flat crops) fits the box: corners hold neighbours and not the particle. Components are computed
    chunk by chunk (scikit-learn's IncrementalPCA, after Ross et al., Int. J. Comput. Vis. 77 (2008) 125–141), so that
    memory holds some chunks and never all crops.

    Parameters
    ----------
    crops
        See `Crops`; [n, edge, edge] or [n, edge, edge, edge].
    count
        How many crops there are; needed for a callable.
    components
        How many components; fewer come back where there are fewer crops or voxels.
    seed
        Chooses the crops to learn from where there are more than `most_learnt`.
    most_learnt
        From how many crops the components are computed at most.
    chunk
        Crops held at a time.
    progress
        Called with the part that is done, 0 to 1.

    Raises
    ------
    UserError
        Fewer than two crops have contrast; a number below 1.
    """
    if min(components, most_learnt, chunk) < 1:
        raise UserError("The numbers of components, of crops to learn from and of crops in a chunk must be 1 or more.")
    read = crops.__getitem__ if isinstance(crops, np.ndarray) else crops
    if isinstance(crops, np.ndarray):
        count = len(crops)
    elif count is None:
        raise ValueError("count is needed where crops come from a callable")
    say = progress or (lambda _: None)
    learn = np.arange(count)
    if count > most_learnt:
        learn = np.sort(np.random.default_rng(seed).choice(count, most_learnt, replace=False))
    steps = len(learn) + count
    model, learnt = _learn(read, learn, components + SPARE, chunk, lambda n: say(n / steps))
    found = np.full((count, min(components, model.n_components_)), np.nan, dtype=np.float32)
    for start in range(0, count, chunk):
        indices = np.arange(start, min(start + chunk, count))
        rows, usable = normalised(read(indices))
        if usable.any():
            found[indices[usable]] = model.transform(rows[usable])[:, : found.shape[1]]
        say((len(learn) + int(indices[-1]) + 1) / steps)
    return Embedding(found, np.asarray(model.explained_variance_ratio_[: found.shape[1]]), learnt)


def normalised(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Crops as rows of numbers: ([n, voxels in the ball] float32 of mean 0 and standard deviation 1, [n] usable).

    Rows that are not usable (constant, or not numbers) are not-a-number.
    """
    ball = ball_mask(crops.shape[1], crops.ndim - 1)
    rows = np.asarray(crops)[:, ball].astype(np.float32)
    mean = rows.mean(axis=1, keepdims=True, dtype=np.float64)
    spread = rows.std(axis=1, keepdims=True, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        usable = np.isfinite(spread[:, 0]) & (spread[:, 0] > 1e-6 * np.abs(mean[:, 0])) & (spread[:, 0] > 0)
        rows = ((rows - mean) / spread).astype(np.float32)
    rows[~usable] = np.nan
    return rows, usable


def ball_mask(edge: int, dimensions: int = 3) -> np.ndarray:
    """The voxels of a box of `edge` whose centres lie in the ball that fits it."""
    offset = np.arange(edge) - (edge - 1) / 2
    squares = sum(np.meshgrid(*[offset**2] * dimensions, indexing="ij"))
    return np.asarray(squares <= (edge / 2) ** 2)


def order_by_similarity(coordinates: np.ndarray, chosen: Sequence[int]) -> np.ndarray:
    """Places of all crops, the one that resembles the chosen ones most first.

    Parameters
    ----------
    coordinates
        [n, components], from `embed`.
    chosen
        Places of the crops to compare with: the distance (Euclidean) to their mean counts.

    Raises
    ------
    UserError
        None is chosen, or none of the chosen has a place among the components.
    """
    coordinates = np.asarray(coordinates, dtype=np.float64)
    usable = [i for i in chosen if np.isfinite(coordinates[i]).all()]
    if not usable:
        raise UserError("Select at least one object that has a picture: similarity is measured to the selected ones.")
    distances = np.linalg.norm(coordinates - coordinates[usable].mean(axis=0), axis=1)
    return np.argsort(distances, kind="stable")  # not-a-number is last


def order_along(coordinates: np.ndarray, component: int = 0, descending: bool = False) -> np.ndarray:
    """Places of all crops along a component (counted from 0); crops without a place are last either way.

    Raises
    ------
    UserError
        There is no such component.
    """
    count = coordinates.shape[1]
    if not 0 <= component < count:
        raise UserError(f"There is no component {component + 1}: choose 1 to {count}.")
    values = np.asarray(coordinates, dtype=np.float64)[:, component]
    return np.argsort(-values if descending else values, kind="stable")


def _learn(
    read: Callable[[np.ndarray], np.ndarray],
    learn: np.ndarray,
    components: int,
    chunk: int,
    done: Callable[[int], None],
) -> tuple[IncrementalPCA, int]:
    """The components from the crops `learn`, and how many of them were usable."""
    model: IncrementalPCA | None = None
    waiting: list[np.ndarray] = []
    learnt = 0
    for start in range(0, len(learn), chunk):
        indices = learn[start : start + chunk]
        rows, usable = normalised(read(indices))
        waiting.append(rows[usable])
        learnt += int(usable.sum())
        last = start + chunk >= len(learn)
        batch = np.concatenate(waiting)
        # A batch must not hold fewer crops than there are components; the last one is let go where it does.
        if len(batch) >= components or (last and model is None):
            if model is None:
                if len(batch) < 2:
                    raise UserError(
                        f"Only {len(batch)} of {len(learn)} objects have a picture with contrast: "
                        "similarity needs at least 2. Check their positions and the box."
                    )
                model = IncrementalPCA(n_components=min(components, *batch.shape))
            # On a busy machine the threads of so small a decomposition wait for each other: 20 times slower, measured.
            with threadpool_limits(1):
                model.partial_fit(batch)
            waiting = []
        done(min(start + chunk, len(learn)))
    if model is None:
        raise UserError("There are no objects to compare: choose a table that holds some.")
    return model, learnt
