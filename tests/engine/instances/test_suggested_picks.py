import mrcfile
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from engine.errors import UserError
from engine.features import S1Parameters, segment
from engine.instances import (
    SuggestionParameters,
    gold_limit,
    suggest_picks,
    suggest_workflow,
)

CENTRES = np.array([[12, 14, y] for y in (14, 34, 54)] + [[12, 40, 14], [12, 40, 24], [12, 40, 54]])
"""Six particles, the fourth and fifth close together."""
GOLD = np.array([12, 60, 40])


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Noise with six dark particles, a gold bead, and a faint scrap; and the map of a generous segmentation."""
    rng = np.random.default_rng(5)
    density = ndimage.gaussian_filter(rng.normal(size=(25, 75, 70)), 1)
    density /= density.std()
    labels = np.zeros(density.shape, np.int8)
    place = np.stack(np.indices(density.shape), axis=-1)
    for centre, drop in [*((c, 5.0) for c in CENTRES), (GOLD, 60.0)]:
        apart = np.linalg.norm(place - centre, axis=-1)
        density[apart <= 4] -= drop
        labels[apart <= 5.5] = 1
    labels[2:4, 60:63, 8:11] = 1
    density[2:4, 60:63, 8:11] = 0
    labels[[0, -1]] = -1
    return density.astype(np.float32), labels


def test_particles_are_found_and_gold_and_scraps_are_not(scene):
    found = suggest_picks(*scene)
    assert len(found.instances) == 6
    apart, which = cKDTree(found.instances.centroids).query(CENTRES)
    assert apart.max() < 1.5 and len(set(which)) == 6
    settings = {setting.name: setting for setting in found.settings}
    assert list(settings) == ["particle_cluster", "dip", "widest_neck", "faintest", "darkest", "min_size"]
    assert settings["particle_cluster"].value == 1 and settings["particle_cluster"].found
    assert 4 < settings["widest_neck"].value < 6.5
    assert settings["darkest"].reason.startswith("1 piece of ")
    assert "1 of 8 pieces stand out by less" in settings["faintest"].reason
    assert (found.peaks > 3).all() and len(found.peaks) == 6
    assert set(np.unique(found.instance_map)) == {0, *found.instances.labels}
    for label, centre, box in zip(
        found.instances.labels, found.instances.centroids, found.instances.boxes, strict=True
    ):
        np.testing.assert_allclose(np.argwhere(found.instance_map == label).mean(0), centre)
        assert (found.instance_map[box] == label).sum() == (found.instance_map == label).sum()


def test_each_step_can_be_switched_off(scene):
    def count(**given: float) -> int:
        return len(suggest_picks(*scene, SuggestionParameters(**given)).instances)

    assert count(darkest=np.inf) == 7
    assert count(faintest=0) == 6
    assert count(faintest=0, min_size=0) == 7
    assert count(dip=np.inf) == 5
    sizes = suggest_picks(*scene).instances.sizes
    assert count(min_size=int(sizes.max())) == np.count_nonzero(sizes == sizes.max())
    assert count(max_size=int(sizes.max()) - 1) == np.count_nonzero(sizes < sizes.max()) > 0
    assert count(widest_neck=1) == 5


def test_slices_are_given_in_the_whole_volume(scene):
    whole = suggest_picks(*scene)
    part = suggest_picks(*scene, SuggestionParameters(lower_z=5, upper_z=20))
    assert not part.instance_map[:5].any() and not part.instance_map[21:].any()
    apart, _ = cKDTree(whole.instances.centroids).query(part.instances.centroids)
    assert len(part.instances) == 6 and apart.max() < 1
    assert all(box[0].start >= 5 and box[0].stop <= 21 for box in part.instances.boxes)


def test_bright_particles(scene):
    density, labels = scene
    dark, bright = suggest_picks(density, labels), suggest_picks(-density, labels, SuggestionParameters(bright=True))
    np.testing.assert_array_equal(dark.instance_map, bright.instance_map)


def test_a_given_cluster_is_not_argued_with(scene):
    first = suggest_picks(
        *scene, SuggestionParameters(particle_cluster=1, widest_neck=5.0, darkest=30.0, min_size=9)
    ).settings
    assert [s.name for s in first if s.found] == []
    with pytest.raises(UserError, match="has the label 7"):
        suggest_picks(*scene, SuggestionParameters(particle_cluster=7))


def test_gold_is_a_gap_above_the_others():
    protein = np.linspace(4, 9, 50)
    peaks = np.append(protein, [25, 27])
    assert gold_limit(peaks) == pytest.approx(np.sqrt(2 * np.median(peaks) * 25))
    assert gold_limit(protein) is None
    assert gold_limit(np.linspace(3, 20, 100)) is None
    assert gold_limit(np.empty(0)) is None


def test_the_workflow_of_compact_picks(scene):
    density, labels = scene
    rng = np.random.default_rng(0)
    ragged = np.where(rng.random(labels.shape) < 0.6, labels, 0).astype(np.int8)
    fewer = labels.copy()
    fewer[:, :30] = 0
    picks = {"ragged": suggest_picks(density, ragged), "few": suggest_picks(density, fewer)}
    picks["good"] = suggest_picks(density, labels)
    found = suggest_workflow({name: some.instances.scores for name, some in picks.items()})
    assert found.workflow == "good"
    assert found.worth["good"] > max(found.worth["ragged"], found.worth["few"])
    assert found.reason.startswith("good finds 6 pieces")
    with pytest.raises(UserError, match="no workflow to choose from"):
        suggest_workflow({})


def test_what_a_person_can_cause(scene):
    density, labels = scene
    with pytest.raises(UserError, match="25 × 75 × 70 voxels, the tomogram 24 × 75 × 70"):
        suggest_picks(density[1:], labels)
    with pytest.raises(UserError, match="The slices to pick in are 0 … 25"):
        suggest_picks(density, labels, SuggestionParameters(upper_z=25))
    with pytest.raises(UserError, match="must not be negative"):
        SuggestionParameters(faintest=-1)
    with pytest.raises(UserError, match="smallest must not exceed the largest"):
        SuggestionParameters(min_size=9, max_size=8)
    with pytest.raises(UserError, match=r"3 … 2 noise units"):
        SuggestionParameters(darkest=2)


def test_a_simulated_tomogram(data_folder):
    import pandas as pd

    folder = data_folder / "simulated"
    if not (folder / "sim_001.mrc").exists():
        pytest.skip(f"no simulated tomograms in {folder}")
    with mrcfile.mmap(folder / "sim_001.mrc") as opened:
        density = np.array(opened.data[30:78, :128, :128])
    labels = segment(density, S1Parameters(mode="gabor", method="gmm", max_neighbourhoods=20_000), threads=1).labels
    found = suggest_picks(density, labels).instances.centroids
    rows = pd.read_csv(folder / "sim_001_objects.csv")
    rows = rows[(rows.class_label <= 12) & rows.z.between(33, 74) & (rows.x < 125) & (rows.y < 125)]
    truths = rows[["z", "y", "x"]].to_numpy() - [30, 0, 0]
    near = cKDTree(found).query(truths)[0]
    # Most particles well inside the box, with few picks more than particles (some lie at its faces).
    assert np.mean(near <= 10) > 0.85
    assert len(found) < 1.25 * len(truths)
