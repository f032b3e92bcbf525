"""Trained models: saved and loaded, what their description promises, and every way a file can be wrong."""

import resource
from pathlib import Path

import pytest
import torch
import yaml

from engine.annotation.classes import ObjectClass
from engine.errors import UserError
from engine.networks import (
    ModelDescription,
    Threshold,
    build_described,
    build_network,
    load_model,
    load_weights,
    read_description,
    save_model,
    save_weights,
    write_description,
    write_keras_weights,
)
from engine.networks.deepfinder import DeepFinderNetwork
from tests.engine.networks.recorded import write_keras

CLASSES = [
    ObjectClass(name="ribosome", label=5, colour="#E69F00", radius=130.0),
    ObjectClass(name="protéasome", label=2, colour="#56B4E9", radius=90.0),
]


def described(**changes: object) -> ModelDescription:
    values: dict = {"architecture": "deepfinder", "classes": CLASSES, "patch": 56, "voxel_size": 10.0} | changes
    return ModelDescription.model_validate(values)


def test_saved_and_loaded(tmp_path):
    description = described(
        thresholds={"ribosome": {"score": 0.4, "size": 80}}, made_by={"task": "train", "seed": 3}, normalisation="patch"
    )
    network = build_described(description, seed=3)
    save_model(tmp_path / "models" / "first", network, description)
    model = load_model(tmp_path / "models" / "first")
    assert model.description == description
    assert model.description.labels == [0, 5, 2]
    assert model.description.channels == 3
    assert model.description.thresholds["ribosome"] == Threshold(score=0.4, size=80)
    assert (model.multiple_of, model.halo) == (4, 34)
    assert not model.network.training
    for name, value in network.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], value)
    assert sorted(p.name for p in (tmp_path / "models" / "first").iterdir()) == ["model.yaml", "weights.pt"]


def test_the_description_is_plain_yaml_and_unknown_keys_stay(tmp_path):
    write_description(tmp_path, described())
    raw = yaml.safe_load((tmp_path / "model.yaml").read_text(encoding="utf-8"))
    assert raw["classes"][1]["name"] == "protéasome"
    assert raw["weights"] == "weights.pt"
    raw["remark"] = "by hand"
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    write_description(tmp_path, read_description(tmp_path))
    assert yaml.safe_load((tmp_path / "model.yaml").read_text(encoding="utf-8"))["remark"] == "by hand"


def test_weights_of_keras_in_a_model_folder(tmp_path):
    write_keras(tmp_path / "net_weights_FINAL.h5")
    write_description(tmp_path, described(weights="net_weights_FINAL.h5"))
    assert load_model(tmp_path).network.classes == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architecture": "unet9"}, "There is no architecture 'unet9': choose one of residual-unet, deepfinder."),
        ({"options": {"widht": 8}}, "Network deepfinder: widht is not a parameter here (known: none)."),
        ({"patch": 0}, "patch = 0 is not allowed"),
        ({"voxel_size": -1.0}, "voxel_size = -1.0 is not allowed"),
        ({"classes": []}, "classes is empty: choose at least one"),
        ({"classes": [CLASSES[0].model_dump()] * 2}, "two classes have the name 'ribosome': each needs its own."),
        (
            {"thresholds": {"virus": {"score": 0.1}}},
            "a threshold is given for 'virus', which is not one of the classes",
        ),
        ({"weights": "../other/weights.pt"}, "weights = '../other/weights.pt' is not allowed"),
        ({"normalisation": "none"}, "normalisation = 'none' is not allowed"),
    ],
)
def test_a_description_that_is_wrong(tmp_path, change, sentence):
    raw = described().model_dump(mode="json") | change
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(UserError) as error:
        read_description(tmp_path)
    assert sentence.lower() in str(error.value).lower()
    assert "model.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_model_there(tmp_path):
    with pytest.raises(UserError, match=r"There is no model in .*: model.yaml is missing"):
        load_model(tmp_path)
    for text in ("a: [", "just words", "\x00"):
        (tmp_path / "model.yaml").write_text(text)
        with pytest.raises(UserError, match=r"model\.yaml (is not valid YAML|describes no model)"):
            load_model(tmp_path)
    write_description(tmp_path, described())
    with pytest.raises(UserError, match=r"Cannot read .*weights\.pt: no such file"):
        load_model(tmp_path)


def saved(folder: Path) -> Path:
    save_model(folder, build_described(described()), described())
    return folder / "weights.pt"


@pytest.mark.parametrize("kept", [0, 3, 40, 0.3, 0.9, 0.9999])
def test_truncated_weights(tmp_path, kept):
    path = saved(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(UserError, match=r"weights\.pt is damaged, truncated or not a file of weights: copy it again"):
        load_model(tmp_path)


def test_files_that_are_no_weights(tmp_path):
    path = saved(tmp_path)
    for content in (b"no weights at all", b"\x80\x02", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="damaged, truncated or not a file of weights"):
            load_model(tmp_path)
    for thing in ([1, 2], {"epoch": 3}, {}):
        torch.save(thing, path)
        with pytest.raises(UserError, match="holds no weights of a network"):
            load_model(tmp_path)


def test_a_file_cannot_run_anything(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = saved(tmp_path)
    torch.save({"scores.weight": Trap()}, path)
    with pytest.raises(UserError, match="not a file of weights"):
        load_model(tmp_path)
    assert not (tmp_path / "sprung").exists()


def fails(path: Path, network: torch.nn.Module, sentence: str) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError) as error:
        load_weights(network, path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_another_number_of_classes_or_another_architecture(tmp_path):
    path = saved(tmp_path)
    fails(path, DeepFinderNetwork(13), "holds weights for 3 classes, the network has 13 (background included)")
    small = build_network("residual-unet", 3, {"width": 8})
    fails(path, small, "weights of another architecture or of other options")
    save_weights(small, tmp_path / "small.pt")
    fails(tmp_path / "small.pt", DeepFinderNetwork(3), "weights of another architecture or of other options")
    fails(tmp_path / "small.pt", build_network("residual-unet", 3, {"width": 16}), "of other options")
    fails(tmp_path / "small.pt", build_network("residual-unet", 7, {"width": 8}), "weights for 3 classes, the network")
    write_keras_weights(DeepFinderNetwork(3), tmp_path / "keras.h5")
    fails(tmp_path / "keras.h5", small, "is a Keras file, which fits the architecture deepfinder only")


def test_weights_that_are_not_finite(tmp_path):
    network = build_described(described())
    with torch.no_grad():
        network.low_2.weight[3, 2, 1, 0, 1] = torch.inf
    save_weights(network, tmp_path / "weights.pt")
    fails(tmp_path / "weights.pt", build_described(described()), "low_2.weight holds values that are not finite")


def test_a_network_that_is_not_the_one_described(tmp_path):
    with pytest.raises(UserError, match="The network has 4 classes and the description 3"):
        save_model(tmp_path / "new", DeepFinderNetwork(4), described())
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_the_older_weights(tmp_path):
    """The limit on the size of a file stands in for a disk that is full."""
    path = saved(tmp_path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    network = build_described(described(), seed=1)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
        with pytest.raises(UserError) as error:
            save_model(tmp_path, network, described())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(error.value).startswith(f"Cannot write {path}: ")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.yaml", "weights.pt"]
