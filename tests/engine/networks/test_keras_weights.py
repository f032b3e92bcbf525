"""Keras files: every layout, the order of the layers, round trips, and what can be wrong with a file."""

import h5py
import numpy as np
import pytest
import torch

from engine.errors import UserError
from engine.networks.deepfinder import DeepFinderNetwork
from engine.networks.keras_weights import (
    load_keras_weights,
    network_from_keras,
    read_keras_weights,
    write_keras_weights,
)
from tests.engine.networks.recorded import sine_input, sine_layers, write_keras


def probabilities(network: DeepFinderNetwork) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(sine_input())[None, None]).softmax(1)[0].numpy()


@pytest.mark.parametrize("full", [True, False])
def test_outputs_recorded_with_the_original(tmp_path, full):
    write_keras(tmp_path / "weights.h5", full=full)
    p = probabilities(network_from_keras(tmp_path / "weights.h5"))
    np.testing.assert_allclose(p[:, 3, 4, 5], (0.320596, 0.434095, 0.245310), atol=1e-5)
    np.testing.assert_allclose(p[:, 0, 0, 0], (0.311653, 0.398992, 0.289356), atol=1e-5)
    np.testing.assert_allclose(p[:, 7, 7, 7], (0.299744, 0.352835, 0.347420), atol=1e-5)
    np.testing.assert_allclose(p.mean((1, 2, 3)), (0.306019, 0.422566, 0.271415), atol=1e-5)
    np.testing.assert_allclose(p.std((1, 2, 3)), (0.079667, 0.087345, 0.055909), atol=1e-5)


@pytest.mark.parametrize("first", [0, 5, 75, 95])
@pytest.mark.parametrize(("full", "names", "config"), [(1, 1, 1), (1, 0, 1), (1, 0, 0), (0, 1, 0), (0, 0, 0)])
def test_the_order_of_the_layers_is_not_alphabetical(tmp_path, first, full, names, config):
    write_keras(tmp_path / "weights.h5", first=first, full=bool(full), names=bool(names), config=bool(config))
    found = read_keras_weights(tmp_path / "weights.h5")
    for (kernel, bias), (expected, offsets) in zip(found, sine_layers(3), strict=True):
        assert np.array_equal(kernel, expected)
        assert np.array_equal(bias, offsets)


def test_the_recorded_order_wins_over_the_numbers(tmp_path):
    """Layers renamed by hand: `layer_names` says which is which."""
    write_keras(tmp_path / "weights.h5", full=False)
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        names = [f"layer_{n:02d}" for n in range(15, 0, -1)]
        for old, new in zip([f"conv3d_{n}" for n in range(75, 90)], names, strict=True):
            file.move(old, new)
        file.attrs["layer_names"] = [name.encode() for name in names]
    assert np.array_equal(read_keras_weights(tmp_path / "weights.h5")[0][0], sine_layers(3)[0][0])


def test_a_list_of_names_in_pieces(tmp_path):
    write_keras(tmp_path / "weights.h5", full=False)
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        names = list(file.attrs["layer_names"])
        del file.attrs["layer_names"]
        for piece in range(len(names)):
            file.attrs[f"layer_names{piece}"] = names[piece : piece + 1]
    assert [k.shape for k, _ in read_keras_weights(tmp_path / "weights.h5")] == [k.shape for k, _ in sine_layers(3)]


def test_the_layout_of_keras_3(tmp_path):
    with h5py.File(tmp_path / "a.weights.h5", "w") as file:
        for number, (kernel, bias) in enumerate(sine_layers(4)):
            name = f"layers/conv3d_{number}" if number else "layers/conv3d"
            file[f"{name}/vars/0"], file[f"{name}/vars/1"] = kernel, bias
        file["optimizer/vars/2"] = np.zeros((3, 3, 3, 1, 32), "f4")
    found = read_keras_weights(tmp_path / "a.weights.h5")
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(found, sine_layers(4), strict=True))


@pytest.mark.parametrize("classes", [2, 13])
def test_written_and_read_again(tmp_path, classes):
    network = DeepFinderNetwork(classes, torch.Generator().manual_seed(3))
    write_keras_weights(network, tmp_path / "weights.h5")
    again = network_from_keras(tmp_path / "weights.h5")
    assert again.classes == classes
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    with h5py.File(tmp_path / "weights.h5") as file:  # what Keras' load_weights looks at
        assert [n.decode() for n in file.attrs["layer_names"]][:2] == ["conv3d", "conv3d_1"]
        assert [n.decode() for n in file["conv3d_14"].attrs["weight_names"]] == [
            "conv3d_14/kernel:0",
            "conv3d_14/bias:0",
        ]
        assert file["conv3d_14/conv3d_14/kernel:0"].shape == (1, 1, 1, 32, classes)


def fails(path, sentence: str, network: DeepFinderNetwork | None = None) -> None:
    network = network or DeepFinderNetwork(3, torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError) as error:
        load_keras_weights(network, path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_another_number_of_classes(tmp_path):
    write_keras(tmp_path / "weights.h5", classes=13)
    fails(tmp_path / "weights.h5", "holds weights for 13 classes, the network has 3 (background included)")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path, kept):
    write_keras(tmp_path / "whole.h5")
    whole = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "weights.h5").write_bytes(whole[: int(len(whole) * kept)])
    fails(tmp_path / "weights.h5", "damaged or truncated: copy it again")


def test_another_architecture(tmp_path):
    write_keras(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        layer = file["model_weights/conv3d_77/conv3d_77"]
        del layer["kernel:0"]
        layer["kernel:0"] = np.zeros((3, 3, 3, 16, 48), "f4")
    fails(tmp_path / "weights.h5", "its convolution 3 is 3×3×3×16×48, that of DeepFinder's network 3×3×3×32×48")
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        del file["model_weights/conv3d_77"]
    fails(tmp_path / "weights.h5", "holds 14 convolutions, DeepFinder's network has 15")


def test_a_layer_without_bias(tmp_path):
    write_keras(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        del file["model_weights/conv3d_80/conv3d_80/bias:0"]
    fails(tmp_path / "weights.h5", "layer conv3d_80 has no bias")


def test_values_that_are_not_finite(tmp_path):
    write_keras(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        file["model_weights/conv3d_80/conv3d_80/kernel:0"][0, 1, 2, 3, 4] = np.nan
    fails(tmp_path / "weights.h5", "layer conv3d_80 holds values that are not finite")


def test_not_a_weight_file(tmp_path):
    with h5py.File(tmp_path / "tomogram.h5", "w") as file:
        file["dataset"] = np.zeros((4, 4, 4), "f4")
    fails(tmp_path / "tomogram.h5", "holds no weights of 3D convolutions")
    (tmp_path / "text.h5").write_text("not at all")
    fails(tmp_path / "text.h5", "is not an HDF5 file")
    (tmp_path / "empty.h5").write_bytes(b"")
    fails(tmp_path / "empty.h5", "is not an HDF5 file")
    fails(tmp_path / "absent.h5", "no such file or folder")


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        write_keras_weights(DeepFinderNetwork(3), tmp_path / "nowhere" / "weights.h5")
