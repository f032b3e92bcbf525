"""`python -m engine edit` and `edits` as people and scripts meet them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.cli import main
from engine.objects import table_from_centroids
from engine.objects.edit_steps import EDITS
from engine.objects.review import set_verdict
from engine.project import Project
from engine.volumes import write_mrc

SIZES = ["--tomograms", "ts_01=48,40,20@10"]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable:
    """The command in this process: status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["engine", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def picks(tmp_path: Path) -> Path:
    (tmp_path / "picks.csv").write_text(
        "tomogram,class,x,y,z,score,id\nts_01,gold,10,10,10,0.9,1\nts_01,ribosome,20,20,5,0.5,2\n"
        "ts_01,ribosome,22,20,5,0.4,7\n"
    )
    return tmp_path / "picks.csv"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    volume = np.zeros((20, 40, 48), np.float32)
    volume[5, 6, 7] = -1
    labels = np.zeros(volume.shape, np.int8)
    labels[:10] = 2
    (tmp_path / "data").mkdir()
    write_mrc(tmp_path / "data/ts_01.mrc", volume, (10.0, 10.0, 10.0))
    made = Project.create(tmp_path / "project")
    made.add_source(str(tmp_path / "data"))
    write_mrc(made.segmentation_path("ts_01", "lower"), labels, (10.0, 10.0, 10.0))
    centres = np.array([[5.0, 5, 7], [15, 30, 30], [5, 30, 30]])
    table = table_from_centroids("ts_01", made.geometry("ts_01"), centres, scores=[0.1, 0.2, 0.3])
    made.tables.create("picks", table, {"task": "pick"})
    made.tables.create("more", table, {"task": "pick"})
    made.add_class("particle", 100.0)
    return made


def test_steps_from_a_file(engine: Callable, picks: Path) -> None:
    steps = picks.with_name("steps.yaml")
    steps.write_text(
        "- remove-close: {distance: 30}\n- rename-classes: {names: {gold: fiducial}}\n- scale: {factor: 2}\n"
    )
    out = picks.with_name("out.csv")
    status, said, err = engine("edit", picks, steps, "--out", out, *SIZES)
    assert status == 0, err
    assert said.splitlines() == [
        "remove-close: removes 1 of 3 objects",
        "rename-classes: changes the class of 1 object",
        "scale: brings 2 objects to voxels of 20 Å",
        str(out),
    ]
    lines = out.read_text().splitlines()
    assert lines[1].startswith("ts_01,fiducial,4.75,4.75,4.75,") and len(lines) == 3
    status, _, err = engine("edit", picks, steps, "--out", out, *SIZES)
    assert status == 2 and "exists: choose another --out" in err
    assert engine("edit", picks, steps, "--out", out, "--overwrite", *SIZES)[0] == 0


@pytest.mark.parametrize(
    ("step", "values", "says"),
    [
        ("scale", ["factor=2", "direction=unbin"], "brings 3 objects to voxels of 5 Å"),
        ("keep-classes", ["classes=gold,ribosome"], "changes nothing"),
        ("keep_classes", ["classes=[gold]"], "removes 2 of 3 objects"),
        ("threshold", ["lowest=0.45", "lowest_by_class=gold:0.95,ribosome:0.1"], "removes 1 of 3 objects"),
        ("threshold", ["lowest_by_class={gold: 0.95}"], "removes 1 of 3 objects"),
        ("remove-duplicates", ["default-radius=30"], "removes 1 of 3 objects"),
        ("set-orientations", ["rot=10", "only_unknown=true"], "gives 3 objects an orientation"),
        ("clear-orientations", [], "changes nothing"),
    ],
)
def test_one_step(engine: Callable, picks: Path, step: str, values: list[str], says: str) -> None:
    sets = [part for value in values for part in ("--set", value)]
    status, out, err = engine("edit", picks, "--step", step, *sets, "--dry-run", "--json", *SIZES)
    assert status == 0, err
    found = json.loads(out)
    assert found["steps"] == [{"step": step.replace("_", "-"), "says": says}] and found["outputs"] == []


def test_without_sizes_where_none_are_needed(engine: Callable, picks: Path) -> None:
    status, _, err = engine(
        "edit", picks, "--step", "threshold", "--set", "lowest=0.5", "--out", picks.with_name("o.csv")
    )
    assert status == 0, err
    status, _, err = engine("edit", picks, "--step", "remove-near-border", "--set", "margin=5", "--dry-run")
    assert status == 2 and "size of tomogram 'ts_01' is not known" in err


def test_split_into_files(engine: Callable, picks: Path) -> None:
    status, out, err = engine("edit", picks, "--split", "class", "--out", picks.with_name("part.csv"))
    assert status == 0, err
    files = [Path(line) for line in out.splitlines()]
    assert [f.name for f in files] == ["part_gold.csv", "part_ribosome.csv"]
    assert [len(f.read_text().splitlines()) for f in files] == [2, 3]


def test_merging_files_and_densities_of_a_folder(engine: Callable, picks: Path, project: Project) -> None:
    status, out, err = engine(
        "edit", picks, "--step", "merge", "--set", f"tables={picks}", "--set", "default_radius=5", "--dry-run", *SIZES
    )
    assert (status, out) == (0, "merge: changes nothing\n"), err
    data = project.root.parent / "data"
    near = picks.with_name("near.csv")
    near.write_text("tomogram,x,y,z\nts_01.mrc,8,6,5\n")
    status, out, err = engine("edit", near, "--step", "snap", "--set", "radius=15", "--dry-run", "--tomograms", data)
    assert (status, out) == (0, "snap: moves 1 object by up to 1 voxel\n"), err
    mask = project.segmentation_path("ts_01", "lower").with_name("{tomogram}__lower.mrc")
    status, out, err = engine(
        "edit", near, "--step", "crop-to-mask", "--set", f"mask={mask}", "--dry-run", "--tomograms", data
    )
    assert (status, out) == (0, "crop-to-mask: changes nothing\n"), err


def test_a_table_of_a_project_is_saved_and_can_be_undone(engine: Callable, project: Project) -> None:
    where = ["--project", project.root]
    status, out, err = engine("edit", "picks", *where, "--step", "crop-to-mask", "--set", "mask=lower")
    assert status == 0 and out.startswith("crop-to-mask: removes 1 of 3 objects\n"), err
    assert out.splitlines()[1] == str(project.tables.path("picks"))
    assert project.table("picks").rows["id"].tolist() == [1, 3]
    assert project.tables.provenance("picks")["task"] == "pick"
    project.tables.undo("picks", project.tables.version("picks"))
    assert len(project.table("picks")) == 3
    status, out, err = engine("edit", "picks", *where, "--step", "snap", "--set", "radius=10")
    assert status == 0 and "moves 1 object by up to 1 voxel" in out, err
    assert project.table("picks").rows["y"][0] == 6
    status, out, err = engine("edit", "picks", *where, "--step", "merge", "--set", "tables=more")
    assert status == 0 and "changes nothing" in out, err  # the class radius of 100 Å is the project's
    before = project.tables.version("picks")
    status, out, err = engine("edit", "picks", *where, "--step", "threshold", "--set", "lowest=0.25", "--dry-run")
    assert status == 0 and "removes 2 of 3" in out and project.tables.version("picks") == before
    status, out, err = engine("edit", "picks", *where, "--split", "tomogram")
    assert status == 0 and "picks_ts_01" in project.tables.names(), err


def test_what_lies_outside_is_not_saved(engine: Callable, project: Project) -> None:
    before = project.tables.version("picks")
    status, out, err = engine("edit", "picks", "--project", project.root, "--step", "shift", "--set", "x=1000")
    assert status == 2 and "row 1 (id 1): x = 1007 is outside the tomogram (0 … 47)" in err
    assert "puts 3 objects outside the tomogram" in out and project.tables.version("picks") == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "nothing to do"),
        (["--step", "scail"], "did you mean 'scale'"),
        (["--step", "scale", "--set", "factor"], "write it as NAME=VALUE"),
        (["--step", "scale", "--set", "factor=0"], "factor = 0 is not allowed"),
        (["--step", "scale", "--set", "faktor=2"], "faktor is not a parameter here"),
        (["--step", "keep-classes", "--set", "classes=[a"], "is not readable"),
        (["--step", "keep-classes", "--set", "classes=golf"], "no class 'golf'"),
        (["--set", "factor=2"], "belongs to no step"),
        (["--split", "colour"], "split by class or by tomogram"),
        (["nowhere.yaml"], "nowhere.yaml"),
        (["--step", "snap"], "densities of ts_01 are needed"),
        (["--step", "merge", "--set", "tables=nothing"], "'nothing' is no table and no file"),
        (["--step", "crop-to-mask", "--set", "mask=nothing"], "no label map 'nothing' of ts_01"),
    ],
)
def test_what_the_user_can_mend_is_status_2_and_one_sentence(
    engine: Callable, picks: Path, arguments: list, sentence: str
) -> None:
    status, out, err = engine("edit", picks, *arguments, "--out", picks.with_name("o.csv"), "--json")
    assert status == 2 and sentence in err and len(err.strip().splitlines()) == 1
    assert json.loads(out)["state"] == "failed" and not picks.with_name("o.csv").exists()


def test_sources_that_are_refused(engine: Callable, picks: Path, project: Project) -> None:
    status, _, err = engine("edit", "nothing", "--step", "flip")
    assert status == 2 and "'nothing' is no file: check the name, or name a --project" in err
    status, _, err = engine("edit", "nothing", "--step", "flip", "--project", project.root)
    assert status == 2 and "tables: more, picks" in err
    status, _, err = engine("edit", picks, "--step", "flip")
    assert status == 2 and "say with --out" in err


def test_the_list_of_edits(engine: Callable) -> None:
    status, out, _ = engine("edits", "--json")
    assert status == 0 and set(json.loads(out)) == set(EDITS)
    status, out, _ = engine("edits")
    assert status == 0 and "    radius (default 50.0, Å): So far an object may move." in out
    status, out, _ = engine("edit", "--help")
    assert status == 0 and "python -m engine edit picks.csv steps.yaml" in " ".join(out.split())


def test_as_a_program_of_its_own(picks: Path) -> None:
    command = [sys.executable, "-m", "engine", "edit", str(picks), "--step", "scale", "--set", "factor=-2", "--dry-run"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 2 and refused.stdout == "" and "Traceback" not in refused.stderr


def test_rejected_objects_go_to_other_programs_only_when_asked_for(engine: Callable, project: Project) -> None:
    table, version = project.tables.read_version("picks")
    project.tables.save("picks", set_verdict(table, [2], "rejected"), version)
    for number, (name, words, lines) in enumerate(
        (
            ("a.tbl", [], 2),
            ("b.tbl", ["--verdicts", "all"], 3),
            ("c.csv", [], 4),
            ("d.csv", ["--verdicts", "accepted"], 1),
        )
    ):
        out = project.root.parent / name
        status, _, err = engine(
            "edit", "picks", "--project", project.root, "--step", "shift", "--set", "x=1", "--out", out, *words
        )
        assert status == 0 and len(out.read_text().splitlines()) == lines, (number, err)
        assert ("left out" in err) == (lines < 3)
    assert (
        "1 = particle, as in the feature library"
        in engine(
            "edit", "picks", "--project", project.root, "--step", "shift", "--out", project.root.parent / "e.tbl"
        )[2]
    )
    assert len(project.table("picks")) == 3
