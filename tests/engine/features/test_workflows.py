"""All six workflows against the plain definition: features written out in float64, scikit-learn on them."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from engine.errors import UserError
from engine.features import (
    METHODS,
    MODES,
    S1Parameters,
    blur,
    normalise,
    prepare,
    segment,
    segment_each,
    segment_prepared,
)
from engine.features.filters import gabor_bank

SIX = [(mode, method) for mode in MODES for method in METHODS]
SMALL_BANK = {"sinusoids": 3, "output_features": 8}


def plain_features(mode, windows, filters):
    """Windows `[n, 5, 5, 5]` → features of the definition, float64."""
    windows = windows.astype(np.float64)
    if mode == "ffts":
        spectra = np.abs(np.fft.fftshift(np.fft.fftn(windows, axes=(1, 2, 3)), axes=(1, 2, 3)))
        return spectra.reshape(len(windows), -1)
    values = windows.reshape(len(windows), -1)
    return values @ filters.T.astype(np.float64) if mode == "gabor" else values


def plain_definition(volume, parameters):
    """Labels of the interior, iterations, means of background and particle, kept filters."""
    windows = np.lib.stride_tricks.sliding_window_view(normalise(blur(volume)), (5, 5, 5))
    upper = volume.shape[0] if parameters.upper_z is None else parameters.upper_z
    fitted = windows[parameters.lower_z or 0 : upper - 4].reshape(-1, 5, 5, 5)
    if parameters.max_neighbourhoods is not None:
        random = np.random.default_rng(parameters.seed)
        chosen = random.choice(len(fitted), parameters.max_neighbourhoods, replace=False, shuffle=False)
        fitted = fitted[np.sort(chosen)]
    filters = kept = None
    if parameters.mode == "gabor":
        bank = gabor_bank(5, parameters.sinusoids)
        deviations = (fitted.reshape(len(fitted), -1).astype(float) @ bank.T.astype(float)).std(0)
        kept = np.argsort(deviations, kind="stable")[-parameters.output_features :]
        filters = bank[kept]
    kind = {"kmeans": KMeans, "gmm": GaussianMixture}[parameters.method]
    with threadpool_limits(1):  # on a busy machine its threads wait for each other many times as long
        model = kind(2, random_state=parameters.seed).fit(plain_features(parameters.mode, fitted, filters))
        labels = model.predict(plain_features(parameters.mode, windows.reshape(-1, 5, 5, 5), filters))
    means = model.cluster_centers_ if parameters.method == "kmeans" else model.means_
    if 2 * labels.sum() > labels.size:
        labels, means = 1 - labels, means[::-1]
    return labels.reshape(windows.shape[:3]), model.n_iter_, means, kept


@pytest.fixture(params=SIX, ids="-".join)
def workflow(request):
    return dict(zip(("mode", "method"), request.param, strict=True)) | SMALL_BANK


COUNTS = {  # larger and smaller cluster in the order of PickET's regression check 7
    ("a", None, None): [(861, 675), (819, 717), (993, 543), (808, 728), (888, 648), (805, 731)],
    ("b", None, None): [(18828, 1332), (12686, 7474), (19118, 1042), (16785, 3375), (18926, 1234), (13923, 6237)],
    ("b", 6, 18): [(18885, 1275), (12029, 8131), (19201, 959), (15543, 4617), (19025, 1135), (10315, 9845)],
}
ORDER = [(mode, method) for mode in ("ffts", "gabor", "intensities") for method in ("kmeans", "gmm")]


@pytest.mark.parametrize("case", COUNTS, ids=str)
def test_counts_of_the_regression_checks(request, case):
    name, lower, upper = case
    volume = request.getfixturevalue(f"phantom_{name}")
    workflows = [S1Parameters(mode=o, method=m, lower_z=lower, upper_z=upper, **SMALL_BANK) for o, m in ORDER]
    found = {(p.mode, p.method): result for p, result in segment_each(volume, workflows, threads=2)}
    assert [found[key].counts for key in ORDER] == COUNTS[case]
    assert {np.count_nonzero(r.labels == -1) for r in found.values()} == {{"a": 2304, "b": 10560}[name]}
    assert [found[key].n_features for key in ORDER] == [125, 125, 8, 8, 125, 125]
    assert {r.n_neighbourhoods for r in found.values()} == {{"a": 1536, "b": 20160}[name] if lower is None else 8064}


def test_kept_filters_of_the_regression_checks(phantom_a, phantom_b):
    parameters = S1Parameters(mode="gabor", **SMALL_BANK)
    assert segment(phantom_a, parameters).filters.tolist() == [10, 18, 6, 2, 3, 9, 1, 0]
    assert segment(phantom_b, parameters).filters.tolist() == [10, 18, 6, 2, 9, 3, 1, 0]


def test_filters_can_be_given(phantom_b):
    parameters = S1Parameters(mode="gabor", **SMALL_BANK)
    given = np.array([10, 18, 6, 2, 3, 9, 1, 0])
    result = segment(phantom_b, parameters, filters=given)
    assert result.filters.tolist() == given.tolist()


@pytest.mark.parametrize(
    "settings",
    [{}, {"max_neighbourhoods": 4000}, {"max_neighbourhoods": 2500, "lower_z": 3, "upper_z": 17, "seed": 9}],
    ids=str,
)
def test_labels_are_those_of_the_plain_definition(noisy_balls, workflow, settings):
    parameters = S1Parameters(**workflow, **settings)
    labels, iterations, means, kept = plain_definition(noisy_balls, parameters)
    result = segment(noisy_balls, parameters, threads=2)
    differ = np.count_nonzero(result.labels[2:-2, 2:-2, 2:-2] != labels)
    assert differ <= 1e-4 * labels.size
    assert result.iterations == iterations
    np.testing.assert_allclose(result.centroids, means, rtol=1e-7, atol=1e-7)
    if kept is not None:
        np.testing.assert_array_equal(result.filters, kept)


def test_a_whole_bank_of_filters(noisy_balls):
    parameters = S1Parameters(mode="gabor", method="gmm", max_neighbourhoods=3000)
    labels, _, _, kept = plain_definition(noisy_balls, parameters)
    result = segment(noisy_balls, parameters)
    np.testing.assert_array_equal(result.filters, kept)
    assert np.count_nonzero(result.labels[2:-2, 2:-2, 2:-2] != labels) <= 1e-4 * labels.size


def test_a_sample_kept_or_streamed_gives_the_same(noisy_balls, workflow, monkeypatch):
    parameters = S1Parameters(**workflow, max_neighbourhoods=3000, at_once=500)
    kept = segment(noisy_balls, parameters)
    monkeypatch.setattr("engine.features.rows.LARGEST_BYTES", 0)
    streamed = segment(noisy_balls, parameters)
    assert np.count_nonzero(kept.labels != streamed.labels) <= 2
    assert kept.iterations == streamed.iterations


def test_the_number_of_threads_changes_no_bit(noisy_balls, workflow):
    parameters = S1Parameters(**workflow, lower_z=2, upper_z=12)
    one, three = (segment(noisy_balls, parameters, threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.labels, three.labels)
    np.testing.assert_array_equal(one.centroids, three.centroids)


def test_side_by_side_is_one_by_one(noisy_balls):
    few = {"max_neighbourhoods": 2000, **SMALL_BANK}
    workflows = [S1Parameters(mode=mode, method=method, **few) for mode, method in SIX]
    found = list(segment_each(noisy_balls, workflows))
    assert [parameters for parameters, _ in found] == workflows
    for parameters, result in found:
        np.testing.assert_array_equal(result.labels, segment(noisy_balls, parameters).labels)


def test_a_mixture_that_does_not_settle_says_so(noisy_balls, monkeypatch):
    monkeypatch.setattr("engine.features.mixture.MAX_ITERATIONS", 2)
    result = segment(noisy_balls, S1Parameters(method="gmm"))
    assert "did not settle in 2 iterations" in result.warning
    assert sum(result.counts) == (22 - 4) * (38 - 4) * (33 - 4)


def test_a_workflow_that_fails_leaves_the_others_alone(noisy_balls, monkeypatch):
    def fail(rows, start, progress):
        raise UserError("It ran empty.")

    monkeypatch.setitem(METHODS, "gmm", type(METHODS["gmm"])("gmm", fail))
    workflows = [S1Parameters(method=method) for method in ("kmeans", "gmm")]
    first, second = (result for _, result in segment_each(noisy_balls, workflows))
    assert sum(first.counts) > 0
    assert str(second) == "It ran empty."


def test_a_given_range_replaces_the_volumes_own(noisy_balls):
    blurred = blur(noisy_balls)
    workflows = [S1Parameters(method="gmm", max_neighbourhoods=2000)]
    own = float(blurred.min()), float(blurred.max())
    ((_, usual),) = segment_each(noisy_balls, workflows)
    ((_, same),) = segment_prepared(prepare(noisy_balls, workflows[0], value_range=own), workflows)
    ((_, wider),) = segment_prepared(prepare(noisy_balls, workflows[0], value_range=(own[0], own[1] + 100)), workflows)
    np.testing.assert_array_equal(usual.labels, same.labels)
    assert np.ptp(wider.centroids) < 0.2 * np.ptp(usual.centroids)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sinusoids": 0}, "sinusoids is 0: at least one"),
        ({"sinusoids": 3, "output_features": 28}, r"28 of the 27 Gabor filters .* choose 1 to 27"),
        ({"output_features": 0}, r"0 of the 1000 Gabor filters"),
        ({"at_once": 0}, "at once is 0"),
    ],
)
def test_values_out_of_range(settings, message):
    with pytest.raises(UserError, match=message):
        S1Parameters(mode="gabor", **settings)


def test_torch_keeps_its_threads(noisy_balls):
    before = torch.get_num_threads()
    segment(noisy_balls, S1Parameters(max_neighbourhoods=1000), threads=1)
    assert torch.get_num_threads() == before
