import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from engine.errors import UserError
from engine.features import S1Parameters, blur, normalise, segment
from engine.features.segmentation import exchange


def plain_definition(volume, parameters, size=5):
    """Every neighbourhood written out, scikit-learn's KMeans on them: labels of the interior, iterations, means."""
    windows = np.lib.stride_tricks.sliding_window_view(normalise(blur(volume)), (size,) * 3)
    lower = parameters.lower_z or 0
    upper = volume.shape[0] if parameters.upper_z is None else parameters.upper_z
    fitted = windows[lower : upper - size + 1].reshape(-1, size**3).astype(np.float64)
    if parameters.max_neighbourhoods is not None:
        random = np.random.default_rng(parameters.seed)
        chosen = random.choice(len(fitted), parameters.max_neighbourhoods, replace=False, shuffle=False)
        fitted = fitted[np.sort(chosen)]
    model = KMeans(n_clusters=2, random_state=parameters.seed).fit(fitted)
    labels = model.predict(windows.reshape(-1, size**3).astype(np.float64)).reshape(windows.shape[:3])
    means = model.cluster_centers_
    if 2 * labels.sum() > labels.size:
        labels, means = 1 - labels, means[::-1]
    return labels, model.n_iter_, means


@pytest.mark.parametrize(
    ("name", "limits", "counts", "fitted"),
    [
        ("a", (None, None), (888, 648), 1536),
        ("b", (None, None), (18926, 1234), 20160),
        ("b", (6, 18), (19025, 1135), 8064),
    ],
)
def test_counts_of_the_regression_checks(request, name, limits, counts, fitted):
    volume = request.getfixturevalue(f"phantom_{name}")
    result = segment(volume, S1Parameters(lower_z=limits[0], upper_z=limits[1]))
    assert result.counts == counts
    assert result.n_neighbourhoods == fitted
    assert result.n_features == 125
    values, found = np.unique(result.labels, return_counts=True)
    assert values.tolist() == [-1, 0, 1]
    assert tuple(found[1:]) == counts
    assert found[0] == {"a": 2304, "b": 10560}[name]
    assert result.labels.dtype == np.int8
    assert (result.labels[2:-2, 2:-2, 2:-2] >= 0).all()


def test_counts_do_not_hang_on_rounding(phantom_b):
    noise = np.random.default_rng(0).normal(size=phantom_b.shape) * 1e-6
    assert segment(phantom_b * (1 + noise), S1Parameters()).counts == (18926, 1234)


@pytest.mark.parametrize(
    "settings_",
    [
        {},
        {"seed": 0},
        {"seed": 3},
        {"neighbourhood_size": 3},
        {"neighbourhood_size": 7},
        {"lower_z": 4, "upper_z": 15},
        {"max_neighbourhoods": 3000},
        {"max_neighbourhoods": 500, "lower_z": 2, "upper_z": 12, "seed": 9},
    ],
    ids=str,
)
def test_no_voxel_differs_from_the_plain_definition(noisy_balls, settings_):
    parameters = S1Parameters(**settings_)
    labels, iterations, means = plain_definition(noisy_balls, parameters, parameters.neighbourhood_size)
    result = segment(noisy_balls, parameters, threads=2)
    half = parameters.neighbourhood_size // 2
    assert np.count_nonzero(result.labels[half:-half, half:-half, half:-half] != labels) == 0
    assert result.iterations == iterations
    np.testing.assert_allclose(result.centroids, means, atol=1e-10)


def test_a_sample_too_large_to_write_out(noisy_balls, monkeypatch):
    monkeypatch.setattr("engine.features.rows.LARGEST_BYTES", 0)
    parameters = S1Parameters(max_neighbourhoods=3000, seed=1)
    labels, iterations, _ = plain_definition(noisy_balls, parameters)
    result = segment(noisy_balls, parameters)
    assert np.count_nonzero(result.labels[2:-2, 2:-2, 2:-2] != labels) == 0
    assert result.iterations == iterations


def test_the_number_of_threads_changes_no_bit(noisy_balls):
    one, three = (segment(noisy_balls, S1Parameters(), threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.labels, three.labels)
    np.testing.assert_array_equal(one.centroids, three.centroids)


@settings(max_examples=12, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100), seed=st.integers(0, 1000))
def test_scaling_and_shifting_densities_changes_next_to_nothing(scale, shift, seed):
    volume = np.random.default_rng(seed).normal(size=(10, 13, 12))
    volume[4:8, 4:8, 4:8] += 3
    first = segment(volume, S1Parameters())
    second = segment(volume * scale + shift * scale, S1Parameters())
    # Only rounding to float32 differs, so only a voxel right on the boundary may.
    assert np.count_nonzero(first.labels != second.labels) <= 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_volume_gives_the_mirrored_clusters(phantom_b, axis):
    straight = segment(phantom_b, S1Parameters())
    mirrored = segment(np.flip(phantom_b, axis), S1Parameters())
    differing = np.count_nonzero(np.flip(mirrored.labels, axis) != straight.labels)
    # Other first centres are drawn; both ends lie within the stopping tolerance of the same clusters.
    assert differing <= 0.005 * straight.labels.size


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", ">f4"])
def test_any_type_of_density(phantom_b, dtype):
    volume = (phantom_b * 15).astype(dtype)
    before = volume.copy()
    result = segment(volume, S1Parameters())
    np.testing.assert_array_equal(result.labels, segment(volume.astype(np.float32), S1Parameters()).labels)
    np.testing.assert_array_equal(volume, before)


def test_a_read_only_volume_will_do(phantom_a):
    phantom_a.flags.writeable = False
    assert segment(phantom_a, S1Parameters()).counts == (888, 648)


def test_progress_rises_to_one_and_tells_of_iterations(phantom_a):
    said = []
    segment(phantom_a, S1Parameters(), progress=lambda fraction, text: said.append((fraction, text)))
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert any("iteration 3" in text for _, text in said)


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ([-1] * 5 + [0] * 3 + [1] * 4, [-1] * 5 + [1] * 3 + [0] * 4),
        ([-1] * 2 + [0] * 3 + [1] * 4, [-1] * 2 + [1] * 3 + [0] * 4),
    ],
)
def test_an_exchange_leaves_the_border_alone(labels, wanted):
    array = np.array(labels, np.int8).reshape(1, -1, 1)
    exchange(array)
    assert array.ravel().tolist() == wanted


def test_the_border_has_no_vote():
    """In a thin crop the border outnumbers both clusters; the larger of the two is background all the same."""
    volume = np.random.default_rng(3).normal(size=(7, 12, 12)).astype(np.float32)
    for seed in range(6):
        result = segment(volume, S1Parameters(seed=seed))
        border, background, particle = (np.count_nonzero(result.labels == label) for label in (-1, 0, 1))
        assert border > background >= particle > 0
        assert result.counts == (background, particle)


@pytest.mark.parametrize("size", [4, 1, 0, -3])
def test_an_even_or_tiny_neighbourhood_is_refused(size):
    with pytest.raises(UserError, match=f"size is {size} voxels: it must be odd"):
        S1Parameters(neighbourhood_size=size)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(UserError, match=r'no feature mode "colours": choose from .*intensities'):
        S1Parameters(mode="colours")
    with pytest.raises(UserError, match=r'no clustering method "guess": choose from .*kmeans'):
        S1Parameters(method="guess")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ((-1, 10), r"-1 … 10, the tomogram has 12 slices: they must lie within 0 … 12"),
        ((0, 13), r"0 … 13, the tomogram has 12 slices: they must lie within"),
        ((8, 8), r"8 … 8, .*the lower limit must be less"),
        ((9, 3), r"9 … 3, .*the lower limit must be less"),
        ((2, 6), r"2 … 6, .*at least 5 slices .* these are 4"),
    ],
)
def test_slice_limits_outside_crossed_or_too_close(phantom_a, limits, message):
    with pytest.raises(UserError, match=message):
        segment(phantom_a, S1Parameters(lower_z=limits[0], upper_z=limits[1]))


def test_a_volume_smaller_than_a_neighbourhood():
    with pytest.raises(UserError, match=r"9 × 4 × 9 voxels .* less than one neighbourhood of 5 × 5 × 5"):
        segment(np.zeros((9, 4, 9)), S1Parameters())
    with pytest.raises(UserError, match="single neighbourhood"):
        segment(np.random.default_rng(0).random((5, 5, 5)), S1Parameters())


def test_nothing_to_separate(phantom_a):
    with pytest.raises(UserError, match="constant"):
        segment(np.ones((9, 9, 9)), S1Parameters())
    half_empty = np.zeros((40, 9, 9), np.float32)
    half_empty[30:] = np.random.default_rng(0).random((10, 9, 9))
    with pytest.raises(UserError, match=r"neighbourhoods .* are the same"):
        segment(half_empty, S1Parameters(lower_z=0, upper_z=15))


def test_other_values_out_of_range(phantom_a):
    with pytest.raises(UserError, match="fit on is 1"):
        S1Parameters(max_neighbourhoods=1)
    with pytest.raises(UserError, match="seed is -1"):
        S1Parameters(seed=-1)
    with pytest.raises(UserError, match="threads is 0"):
        segment(phantom_a, S1Parameters(), threads=0)
