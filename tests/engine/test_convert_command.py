"""`python -m engine convert`, from the outside."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.objects.formats import FORMATS, read_objects

ROOT = Path(__file__).resolve().parents[2]
SIZE = "TS_01=501,400,201@10"


def engine(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def one_object(path: Path) -> Path:
    row = {"tomogram": "TS_01", "class": "ribosome", "x": 100, "y": 50, "z": 20.25, "rot": 30, "tilt": 60, "psi": -45}
    pd.DataFrame([row]).to_csv(path, index=False)
    return path


def test_there_and_back_through_another_program(tmp_path):
    source = one_object(tmp_path / "picks.csv")
    there = engine("convert", source, tmp_path / "picks.tbl", "--tomograms", SIZE)
    assert there.returncode == 0, there.stderr
    assert there.stdout.splitlines()[0] == str(tmp_path / "picks.tbl")
    target = tmp_path / "r.star"
    back = engine("convert", tmp_path / "picks.tbl", target, "--to", "relion5", "--tomograms", SIZE, "--json")
    assert back.returncode == 0, back.stderr
    said = json.loads(back.stdout)
    assert (said["from"], said["to"], said["objects"]) == ("dynamo", "relion5", 1)
    # RELION: (100 − 501/2) · 10 Å = −1505; (50 − 200) · 10 = −1500; (20.25 − 100.5) · 10 = −802.5
    row = [line for line in target.read_text().splitlines() if "TS_01" in line][-1]
    assert [float(word) for word in row.split()[2:5]] == pytest.approx([-1505, -1500, -802.5], abs=1e-3)


def test_what_is_lost_is_said(tmp_path):
    source = one_object(tmp_path / "picks.csv")
    found = engine("convert", source, tmp_path / "p.yaml", "--tomograms", SIZE)
    assert found.returncode == 0
    assert "holds no orientations" in found.stderr and "fractions are lost" in found.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.csv", "o.tbl"], "no such file"),
        (["picks.csv", "o.what"], "The ending of o.what does not say its format"),
        (["picks.csv", "o.tbl", "--to", "excel"], "There is no exchange format 'excel'"),
        (["picks.csv", "o.star", "--to", "relion5"], "TS_01"),
        (["picks.csv", "o.tbl", "--write", "depth=3"], "has no option 'depth'"),
        (["picks.csv", "o.tbl", "--write", "depth"], "write it as NAME=VALUE"),
        (["noise.bin", "o.tbl"], "looks like none of the lists"),
    ],
)
def test_refusals_are_one_sentence(tmp_path, monkeypatch, words, said):
    one_object(tmp_path / "picks.csv")
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 9)
    monkeypatch.chdir(tmp_path)
    paths = [str(tmp_path / w) if n < 1 else w for n, w in enumerate(words)]
    found = engine("convert", *paths)
    assert found.returncode == 2
    assert said in found.stderr
    assert "Traceback" not in found.stderr


def test_the_list_of_formats():
    listed = json.loads(engine("formats", "--json").stdout)
    names = "relion5 relion4 relion3 warp stopgap dynamo deepfinder-xml deepfinder-xlsx deepfinder-txt picket"
    assert set(listed) == {*names.split(), "cz-ndjson", "copick", "eman2", "imod", "ais", "csv", "xlsx"}
    assert all(found["unit"] and found["origin"] for found in listed.values())


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_place_survives_every_format(tmp_path, name):
    from engine.objects import ObjectTable, TomogramGeometry
    from engine.objects.formats import export, get_format

    known = {"TS_01": TomogramGeometry((201, 400, 501), (10.0, 10.0, 10.0))}
    rows = pd.DataFrame(
        {
            "tomogram": ["TS_01"] * 2,
            "class": ["ribosome"] * 2,
            "x": [100.0, 7.0],
            "y": [50.0, 399.0],
            "z": [20.0, 200.0],
            "rot": [30.0, -170.0],
            "tilt": [60.0, 5.0],
            "psi": [-45.0, 179.0],
        }
    )
    table, chosen = ObjectTable(rows, known), get_format(name)
    written = export(table, chosen, tmp_path / f"a{chosen.suffix}")
    back = read_objects(written[0], known, chosen)
    np.testing.assert_allclose(back.rows[["x", "y", "z"]], rows[["x", "y", "z"]], atol=1e-3)
    assert set(back.rows["tomogram"]) == {"TS_01"}
    if "orientations" in chosen.carries:
        from engine.objects import rotation_from_relion

        angles = ["rot", "tilt", "psi"]
        apart = rotation_from_relion(back.rows[angles]) * rotation_from_relion(rows[angles]).inv()
        assert np.degrees(apart.magnitude()).max() < 1e-3


def some_wrong(path: Path) -> Path:
    path.write_text(
        "tomogram,class,x,y,z,id,verdict\nTS_01,hook,10,10,10,1,accepted\nTS_01,hook,600,10,10,2,\n"
        "TS_01,rod,20,10,10,2,rejected\nTS_01,rod,30,10,10,4,\n"
    )
    return path


def test_what_is_wrong_is_said_with_count_and_row(tmp_path):
    found = engine("convert", some_wrong(tmp_path / "picks.csv"), tmp_path / "p.tbl", "--tomograms", SIZE)
    assert found.returncode == 0, found.stderr
    assert "1 of 4 objects lies outside its tomogram, the first in row 2 (x 600" in found.stderr
    assert "1 of 4 objects has the id of one before it, the first in row 3 (id 2)" in found.stderr
    assert "Dynamo has numbers for classes: 1 = hook, 2 = rod" in found.stderr


def test_rejected_objects_are_left_out_unless_asked_for(tmp_path):
    source = some_wrong(tmp_path / "picks.csv")
    for verdicts, count in (([], 3), (["--verdicts", "all"], 4), (["--verdicts", "accepted"], 1)):
        found = engine("convert", source, tmp_path / "p.tbl", *verdicts)
        assert len((tmp_path / "p.tbl").read_text().splitlines()) == count, found.stderr
        assert ("left out" in found.stderr) == (count < 4)
    found = engine("convert", source, tmp_path / "p.tbl", "--verdicts", "some")
    assert found.returncode == 2 and "choose one of all, not-rejected, accepted" in found.stderr


def test_a_position_that_is_no_number_is_refused_with_its_row(tmp_path):
    star = tmp_path / "p.star"
    labels = [f"_rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
    star.write_text("data_particles\n\nloop_\n_rlnTomoName\n" + "\n".join(labels) + "\nTS_01 1 2 3\nTS_01 nan 2 3\n")
    found = engine("convert", star, tmp_path / "p.tbl", "--tomograms", SIZE)
    assert found.returncode == 2 and "1 object has no position" in found.stderr and "row 2" in found.stderr
    assert not (tmp_path / "p.tbl").exists()


def test_a_size_that_is_missing_is_asked_for_as_this_command_takes_it(tmp_path):
    found = engine("convert", one_object(tmp_path / "picks.csv"), tmp_path / "p.star", "--to", "relion5")
    assert found.returncode == 2
    assert "with --tomograms TS_01=X,Y,Z@VOXEL_SIZE" in found.stderr and "first" not in found.stderr


def test_classes_get_the_numbers_of_the_projects_library(tmp_path):
    from engine.annotation import add_class
    from engine.project import Project
    from engine.project.class_library import edit_classes

    project = Project.create(tmp_path / "project")
    for number, name in ((1, "rod"), (3, "hook")):
        edit_classes(project, lambda c, name=name, number=number: add_class(c, name, 50.0, label=number))
    found = engine("convert", some_wrong(tmp_path / "picks.csv"), tmp_path / "p.tbl", "--project", project.root)
    assert "1 = rod, 3 = hook, as in the feature library" in found.stderr, found.stderr
    numbers = [line.split()[21] for line in (tmp_path / "p.tbl").read_text().splitlines()]
    assert numbers == ["3", "3", "1"]
