"""Predictions and references from files: what they say, what is taken from elsewhere, what is refused."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import UserError
from engine.evaluation import Settings, evaluate
from engine.objects import ObjectTable, TomogramGeometry, table_from_centroids
from engine.objects.formats import csv_table, picket
from engine.project import Project
from engine.tasks.evaluate import chosen_classes, radii_for, read_compared, with_radii
from engine.volumes import write_mrc

GEOMETRY = TomogramGeometry((20, 40, 48), (10.0, 10.0, 10.0))
CENTRES = np.array([[10.0, 10, 10], [5, 20, 30]])


def csv(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_pickets_yaml_says_shape_and_voxel_size(tmp_path: Path) -> None:
    table = table_from_centroids("/data/ts_01.mrc", GEOMETRY, CENTRES)
    table = ObjectTable(table.rows, {"/data/ts_01.mrc": GEOMETRY})
    picket.write(table, tmp_path / "predicted_centroids_0.yaml")
    truth = csv(tmp_path / "truth.csv", "tomogram,x,y,z\nts_01,10,10,10\n")
    compared = read_compared(str(tmp_path / "predicted_centroids_0.yaml"), truth)
    assert compared.reference.tomograms == {"ts_01": GEOMETRY} and compared.notes == []
    found = evaluate(compared.prediction, compared.reference).scores.iloc[0]
    assert (found["tp"], found["fp"]) == (1, 1)


def test_an_unknown_name_in_pickets_yaml_gives_way_to_the_only_tomogram(tmp_path: Path) -> None:
    picket.write(table_from_centroids("scratch_17", GEOMETRY, CENTRES), tmp_path / "p.yaml")
    truth = csv(tmp_path / "truth.csv", "tomogram,x,y,z\nts_01,10,10,10\n")
    compared = read_compared(str(tmp_path / "p.yaml"), truth)
    assert set(compared.prediction.rows["tomogram"]) == {"ts_01"}
    assert compared.voxel_size == GEOMETRY.voxel_size


def test_a_file_without_tomograms_takes_the_only_one_of_the_other(tmp_path: Path) -> None:
    bare = csv(tmp_path / "bare.csv", "x,y,z\n10,10,10\n")
    one = csv(tmp_path / "one.csv", "tomogram,x,y,z\nts_01,10,10,10\n")
    two = csv(tmp_path / "two.csv", "tomogram,x,y,z\nts_01,10,10,10\nts_02,1,1,1\n")
    for prediction, reference in ((bare, one), (one, bare)):
        compared = read_compared(prediction, reference, voxel_size=10)
        assert evaluate(compared.prediction, compared.reference).scores.loc[0, "tp"] == 1
    with pytest.raises(UserError, match=r"bare.csv does not say in which tomogram .*two.csv has 2"):
        read_compared(bare, two, voxel_size=10)


def test_a_tomogram_that_the_references_do_not_know_is_left_out(tmp_path: Path) -> None:
    picks = csv(tmp_path / "picks.csv", "tomogram,x,y,z\nts_01,10,10,10\nts_02,1,1,1\n")
    truth = csv(tmp_path / "truth.csv", "tomogram,x,y,z\nts_01,10,10,10\n")
    compared = read_compared(picks, truth, voxel_size=10)
    found = evaluate(compared.prediction, compared.reference)
    assert found.scores.loc[0, "fp"] == 0 and "without references do not count (1, in ts_02" in found.notes[0]


def test_the_extent_is_given_or_the_box_of_the_references(tmp_path: Path) -> None:
    truth = csv(tmp_path / "truth.csv", "x,y,z\n10,10,10.6\n40,20,5\n")
    compared = read_compared(truth, truth, voxel_size=8)
    assert compared.reference.tomograms["tomogram"] == TomogramGeometry((12, 21, 41), (8.0, 8.0, 8.0))
    assert "z 0–11, y 0–20, x 0–40" in compared.notes[0]
    assert read_compared(truth, truth, voxel_size=8, shape=(64, 64, 64)).notes == []


def test_a_projects_csv_brings_the_yaml_beside_it(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    for name in ("picks", "truth"):
        project.tables.create(name, table_from_centroids("ts_01", GEOMETRY, CENTRES), {})
    paths = [str(project.tables.path(name)) for name in ("picks", "truth")]
    compared = read_compared(*paths)
    assert compared.prediction.tomograms == compared.reference.tomograms == {"ts_01": GEOMETRY}


def test_labels_become_the_names_of_the_references(tmp_path: Path) -> None:
    truth = csv(tmp_path / "t.csv", "class_label,class_name,x,y,z\n1,ribosome,10,10,10\n2,gold,30,30,10\n")
    picks = csv(tmp_path / "p.csv", "class_label,x,y,z\n2,30,30,10\n1,10,10,10\n7,1,1,1\n")
    compared = read_compared(picks, truth, voxel_size=10)
    assert compared.prediction.rows["class"].tolist() == ["gold", "ribosome", "7"]
    assert evaluate(compared.prediction, compared.reference).scores.loc[0, "tp"] == 2
    numbers = read_compared(picks, picks, voxel_size=10)
    assert set(numbers.reference.rows["class"]) == {"1", "2", "7"}
    assert chosen_classes("1-2", numbers.reference) == ("1", "2")


def test_classes_by_name_label_and_range(tmp_path: Path) -> None:
    truth = csv(
        tmp_path / "t.csv",
        "class_label,class_name,x,y,z\n1,1s3x,1,1,1\n2,beta-amylase,2,2,2\n12,5mrc,3,3,3\n13,vesicle,4,4,4\n",
    )
    reference = read_compared(truth, truth, voxel_size=10).reference
    assert chosen_classes("1-12", reference) == ("1s3x", "beta-amylase", "5mrc")
    assert chosen_classes("5mrc, beta-amylase,13", reference) == ("5mrc", "beta-amylase", "vesicle")
    for text, sentence in (("14", "label 14 "), ("pot", "no class 'pot'"), (" , ", "No class is named")):
        with pytest.raises(UserError, match=sentence):
            chosen_classes(text, reference)


def test_radii_given_go_before_the_projects_and_the_challenges(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    project.add_class("ribosome", 111.0)
    classes = ["ribosome", "thyroglobulin", "pot"]
    assert radii_for("kaggle", classes) == (("ribosome", 150.0), ("thyroglobulin", 130.0))
    assert dict(radii_for("kaggle", classes, project))["ribosome"] == 111
    assert dict(radii_for("kaggle", classes, project, {"pot": 7, "ribosome": 9})) == {
        "ribosome": 9, "thyroglobulin": 130, "pot": 7
    }  # fmt: skip
    assert radii_for("one-to-one", classes) == ()
    reference = table_from_centroids("ts", GEOMETRY, CENTRES, class_name="thyroglobulin")
    assert with_radii(Settings("kaggle"), reference).radii == (("thyroglobulin", 130.0),)


def test_relion_needs_the_projects_sizes(tmp_path: Path) -> None:
    from engine.objects.formats import relion5

    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data/ts_01.mrc", np.zeros(GEOMETRY.shape, np.float32), GEOMETRY.voxel_size)
    project = Project.create(tmp_path / "project")
    project.add_source(str(tmp_path / "data"))
    table = table_from_centroids("ts_01", GEOMETRY, CENTRES)
    relion5.write(table, tmp_path / "particles.star")
    csv_table.write(table, tmp_path / "truth.csv")
    compared = read_compared(str(tmp_path / "particles.star"), str(tmp_path / "truth.csv"), project)
    np.testing.assert_allclose(compared.prediction.coordinates_zyx(), CENTRES, atol=1e-5)
    with pytest.raises(UserError, match="add the tomogram to the project"):
        read_compared(str(tmp_path / "particles.star"), str(tmp_path / "truth.csv"), voxel_size=10)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("none.csv", None, "no file .*none.csv"),
        ("x.txt", "some words\n", "looks like none of the lists"),
        ("x.csv", "a,b\n1,2\n", "no column 'x'"),
        ("x.yaml", "a: 1\n", "no PickET result"),
        ("empty.csv", "x,y,z\n", "holds no objects"),
    ],
)
def test_files_that_say_nothing_are_named(tmp_path: Path, name: str, text: str | None, sentence: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    picks = csv(tmp_path / "picks.csv", "tomogram,x,y,z\nts_01,10,10,10\n")
    with pytest.raises(UserError, match=sentence):
        compared = read_compared(picks, str(path), voxel_size=10)
        evaluate(compared.prediction, compared.reference)


def test_simulated_truth_against_itself(data_folder: Path) -> None:
    truth = str(data_folder / "simulated" / "sim_001_objects.csv")
    compared = read_compared(truth, truth, voxel_size=10, shape=(128, 320, 320))
    settings = Settings(classes=chosen_classes("1-12", compared.reference), class_agnostic=True)
    found = evaluate(compared.prediction, compared.reference, settings).scores.iloc[0]
    assert (found["references"], found["predictions"], found["tp"]) == (700, 713, 700)
    assert found["random_f1"] == pytest.approx(0.19, abs=0.03)
