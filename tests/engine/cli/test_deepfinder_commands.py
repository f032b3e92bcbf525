"""`deepfinder generate_target` as DeepFinder's users run it: its own parameter file, lists and volumes."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest

from engine.cli import main
from engine.volumes import write_mrc

Run = Callable[..., tuple[int, str, str]]

OBJECTS = """<objlist>
  <object tomo_idx="0" class_label="1" x="1" y="1" z="1"/>
  <object tomo_idx="0" class_label="2" x="5" y="4" z="3"/>
</objlist>
"""


def parameters(**changes: str) -> str:
    given = {"x": "10", "y": "9", "z": "8", "initial": "", "strategy": "spheres", "target": "out/target.mrc"} | {
        "radii": '<class1 radius="2"/><class2 radius="3"/>',
        "masks": '<class1 path=""/>',
        "objects": "objl.xml",
        **changes,
    }
    return (
        f'<paramsGenerateTarget><path_objl path="{given["objects"]}"/><path_initial_vol path="{given["initial"]}"/>'
        f'<tomo_size><X size="{given["x"]}"/><Y size="{given["y"]}"/><Z size="{given["z"]}"/></tomo_size>'
        f'<strategy strategy="{given["strategy"]}"/><radius_list>{given["radii"]}</radius_list>'
        f'<path_mask_list>{given["masks"]}</path_mask_list><path_target path="{given["target"]}"/>'
        "</paramsGenerateTarget>"
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "objl.xml").write_text(OBJECTS)
    return tmp_path


@pytest.fixture
def generate(folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(text: str, *flags: str) -> tuple[int, str, str]:
        (folder / "params.xml").write_text(text)
        monkeypatch.setattr(sys, "argv", ["engine", "deepfinder", "generate_target", "-p", "params.xml", *flags])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def sha(labels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(labels, dtype=np.int8).tobytes()).hexdigest()[:16]


def test_the_target_is_deepfinders(folder: Path, generate: Run) -> None:
    status, out, err = generate(parameters())
    assert (status, out.strip()) == (0, "out/target.mrc")
    assert "class 1 (label 1): 1 object, 30 voxels, 1 cut by a face" in err
    made = mrcfile.read(folder / "out" / "target.mrc")
    assert made.dtype == np.int8 and sha(made) == "31998c4dd75ae6f1"


def test_mended_spheres_are_whole(folder: Path, generate: Run) -> None:
    assert generate(parameters(), "--mended")[0] == 0
    assert (mrcfile.read(folder / "out" / "target.mrc") == 2).sum() == 123


def test_hdf5_and_json(folder: Path, generate: Run) -> None:
    status, out, _ = generate(parameters(target="target.h5"), "--json")
    assert status == 0 and json.loads(out)["outputs"][0]["path"] == "target.h5"
    with h5py.File(folder / "target.h5") as file:
        assert sha(file["dataset"][()]) == "31998c4dd75ae6f1"


def test_nothing_is_written_over_unasked(folder: Path, generate: Run) -> None:
    (folder / "target.mrc").write_text("mine")
    status, out, err = generate(parameters(target="target.mrc"))
    assert status == 2 and "target.mrc exists already: name another file, or add --replace" in err and not out
    assert (folder / "target.mrc").read_text() == "mine"
    assert generate(parameters(target="target.mrc"), "--replace")[0] == 0
    assert sha(mrcfile.read(folder / "target.mrc")) == "31998c4dd75ae6f1"


def test_an_initial_volume_gives_shape_and_voxel_size(folder: Path, generate: Run) -> None:
    membranes = np.zeros((8, 9, 11), np.int8)
    membranes[:, :, 10] = 3
    write_mrc("membranes.mrc", membranes, (8.0, 8.0, 8.0))
    assert generate(parameters(initial="membranes.mrc", x="512"))[0] == 0
    with mrcfile.open("out/target.mrc") as file:
        assert file.data.shape == (8, 9, 11) and float(file.voxel_size.x) == 8.0
        assert (file.data[:, :, 10] == 3).all() and (file.data == 2).sum() == 120


def test_shapes(folder: Path, generate: Run) -> None:
    cube = np.zeros((6, 6, 6), np.float32)
    cube[2:4, 2:4, 2:4] = 1
    write_mrc("cube.mrc", cube, None)
    masks = '<class1 path="cube.mrc"/><class2 path="cube.mrc"/>'
    status, _, err = generate(parameters(strategy="shapes", masks=masks))
    assert status == 0 and "1 not turned, for want of angles" in err
    assert (mrcfile.read("out/target.mrc") == 2).sum() == 8
    status, _, err = generate(parameters(strategy="shapes", masks=masks), "--mended", "--replace")
    assert status == 2 and "2 of 2 objects have no orientation" in err


def test_the_real_list_and_masks_give_deepfinders_bytes(data_folder: Path, folder: Path, generate: Run) -> None:
    real = data_folder / "deepfinder"
    if not (real / "object_list_tomo0.xml").exists():
        pytest.skip(f"no object_list_tomo0.xml in {real}")
    paths = sorted((real / "masks").glob("*.mrc"))
    masks = "".join(f'<class{n} path="{path}"/>' for n, path in enumerate(paths, 1))
    size = {"x": "512", "y": "512", "z": "200", "objects": str(real / "object_list_tomo0.xml")}
    assert generate(parameters(strategy="shapes", masks=masks, **size))[0] == 0
    assert sha(mrcfile.read("out/target.mrc")) == "c8a38de7fadd7222"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"target": "target.png"}, "The ending of path_target = target.png stands for no format: use .mrc, .map"),
        ({"objects": "none.xml"}, "Cannot read none.xml: no such file"),
        ({"initial": "none.mrc"}, "Cannot read none.mrc: no such file"),
        ({"radii": '<class1 radius="2"/>'}, "objl.xml has 1 objects of class 2, and radius_list has 1 classes"),
        (
            {"radii": '<class1 radius="2"/><class2 radius="-1"/>'},
            '<radius_list/class2 radius="-1"> must be more than 0',
        ),
        ({"strategy": "shapes"}, '<path_mask_list/class1 path=""> is empty'),
        ({"x": "0"}, '<tomo_size/X size="0"> must be a whole number of 1 or more'),
    ],
)
def test_what_is_wrong_is_one_sentence_and_status_2(generate: Run, changes: dict[str, str], says: str) -> None:
    status, out, err = generate(parameters(**changes))
    assert status == 2 and says in err and "Traceback" not in err and not out
    assert err.count("\n") == 1


def test_labels_that_no_target_holds(folder: Path, generate: Run) -> None:
    (folder / "objl.xml").write_text(OBJECTS.replace('class_label="2"', 'class_label="0"'))
    status, _, err = generate(parameters())
    assert status == 2 and "objl.xml has 1 objects of class 0, and 0 is the background" in err
    (folder / "objl.xml").write_text(OBJECTS.replace('class_label="2"', 'class_label="1.5"'))
    status, _, err = generate(parameters())
    assert status == 2 and "whole numbers for classes" in err


def test_fractional_radii_are_taken(folder: Path, generate: Run) -> None:
    assert generate(parameters(radii='<class1 radius="1.5"/><class2 radius="2.5"/>'))[0] == 0
    made = mrcfile.read("out/target.mrc")
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in made.shape], indexing="ij"), axis=-1)
    assert (made == 2).sum() == (((grid - [3, 4, 5]) ** 2).sum(-1) <= 2.5**2).sum()


def test_lists_of_several_tomograms_are_said(folder: Path, generate: Run) -> None:
    (folder / "objl.xml").write_text(OBJECTS.replace('tomo_idx="0" class_label="2"', 'tomo_idx="1" class_label="2"'))
    status, _, err = generate(parameters())
    assert status == 0 and "lists objects of 2 tomograms: all are written, as DeepFinder does" in err
    assert sha(mrcfile.read("out/target.mrc")) == "31998c4dd75ae6f1"
