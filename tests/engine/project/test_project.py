import os
from pathlib import Path

import numpy as np
import pytest

from engine.errors import UserError
from engine.objects import apply_changes, delete, table_from_centroids
from engine.project import Project, TableConflict
from engine.volumes import write_mrc


@pytest.fixture
def tomograms(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("a/ts_01.mrc", "a/ts_02.mrc", "b/ts_01.mrc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_mrc(folder / name, np.arange(6 * 8 * 10, dtype=np.float32).reshape(6, 8, 10), (10.0, 10.0, 10.0))
    return folder


@pytest.fixture
def project(tmp_path: Path, tomograms: Path) -> Project:
    made = Project.create(tmp_path / "project", "Test")
    made.add_source(str(tomograms / "a"))
    return made


def test_create_then_open_again(tmp_path: Path) -> None:
    Project.create(tmp_path / "p", "Yeast")
    assert Project.open(tmp_path / "p").name == "Yeast"
    assert Project.create(tmp_path / "p").name == "Yeast"


def test_a_folder_with_other_files_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(UserError, match="holds other files"):
        Project.create(tmp_path)


def test_broken_settings_name_the_line(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p")
    (project.root / "tomodeck.yaml").write_text("name: x\nsources: [\n")
    with pytest.raises(UserError, match="line 3"):
        Project.open(project.root)


def test_sources_list_their_tomograms(project: Project, tomograms: Path) -> None:
    assert [t.name for t in project.tomograms()] == ["ts_01", "ts_02"]
    assert project.tomogram("ts_01").shape == (6, 8, 10)
    with pytest.raises(UserError, match="no tomogram 'ts_09'"):
        project.tomogram("ts_09")


def test_a_name_taken_twice_stays_with_its_first_holder(project: Project, tomograms: Path) -> None:
    project.add_source(str(tomograms / "b"))
    names = {t.path: t.name for t in project.tomograms()}
    assert names[tomograms / "a/ts_01.mrc"] == "ts_01"
    assert names[tomograms / "b/ts_01.mrc"] == "b-ts_01"
    # Even when the source of the first holder goes and comes back after the other.
    project.remove_source(str(tomograms / "a"))
    project.add_source(str(tomograms / "a"))
    assert {t.path: t.name for t in project.tomograms()} == names


def test_bad_sources_are_refused_with_a_sentence(project: Project, tmp_path: Path, tomograms: Path) -> None:
    for source, sentence in (
        (str(tmp_path / "nowhere"), "nowhere"),
        (str(tomograms / "a" / "*.xyz"), "xyz"),
        ("", "Name a folder"),
        (str(tomograms / "a"), "already"),
    ):
        with pytest.raises(UserError, match=sentence):
            project.add_source(source)
    assert len(project.settings().sources) == 1


def test_unreadable_files_are_listed_with_their_reason(project: Project, tomograms: Path) -> None:
    (tomograms / "a" / "empty.mrc").write_bytes(b"")
    whole = (tomograms / "a" / "ts_01.mrc").read_bytes()
    (tomograms / "a" / "short.mrc").write_bytes(whole[:-100])
    problems = {t.name: t.problem for t in project.tomograms()}
    assert problems["ts_01"] is None
    assert "empty" in str(problems["empty"])
    assert str(len(whole)) in str(problems["short"]).replace(",", "").replace(" ", "") or "truncated" in str(
        problems["short"]
    )


def test_voxel_size_by_hand_and_back(project: Project, tomograms: Path) -> None:
    before = (tomograms / "a/ts_01.mrc").read_bytes()
    project.set_voxel_size(["ts_01"], 7.84)
    assert project.tomogram("ts_01").voxel_size == (7.84, 7.84, 7.84)
    project.set_voxel_size(["ts_01"], None)
    assert project.tomogram("ts_01").voxel_size == (10.0, 10.0, 10.0)
    for absurd in (0.0, -3.0, 1e6):
        with pytest.raises(UserError, match="not possible"):
            project.set_voxel_size(["ts_01"], absurd)
    assert (tomograms / "a/ts_01.mrc").read_bytes() == before


def test_only_the_project_and_its_sources_can_be_read(project: Project, tomograms: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mrc"
    write_mrc(secret, np.zeros((2, 2, 2), np.float32) + 1, (1.0, 1.0, 1.0))
    project.readable(tomograms / "a/ts_01.mrc")
    for path in (secret, tomograms / "a" / ".." / ".." / "secret.mrc", Path("/etc/passwd")):
        with pytest.raises(UserError, match="outside"):
            project.readable(path)
    os.symlink(secret, tomograms / "a" / "link.mrc")
    with pytest.raises(UserError, match="outside"):
        project.readable(tomograms / "a" / "link.mrc")
    link = next(t for t in project.tomograms() if t.name == "link")
    assert link.info is None and "is a link to" in str(link.problem)


@pytest.fixture
def named(project: Project) -> str:
    centres = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [2.0, 2.0, 2.0]])
    table = table_from_centroids("ts_01", project.geometry("ts_01"), centres, sizes=np.array([10, 20, 30]))
    return project.tables.create("picks", table, {"task": "pick"})


def test_undo_and_redo_work_across_sessions(project: Project, named: str) -> None:
    table, version = project.tables.read_version(named)
    ids = list(table.rows["id"])
    project.tables.save(named, delete(table, ids[:1]), version)
    again = Project.open(project.root).tables
    assert again.history(named).can_undo and not again.history(named).can_redo
    again.undo(named, again.version(named))
    assert list(again.read(named).rows["id"]) == ids
    with pytest.raises(UserError, match="nothing to undo"):
        again.undo(named, again.version(named))
    again.redo(named, again.version(named))
    assert len(again.read(named)) == 2
    again.undo(named, again.version(named))
    again.save(named, delete(table, ids[1:]), again.version(named))  # a new future
    assert not again.history(named).can_redo
    assert len(again.read(named)) == 1


def test_two_tabs_keep_both_versions(project: Project, named: str) -> None:
    table, version = project.tables.read_version(named)
    first, second = (int(i) for i in table.rows["id"][:2])
    project.tables.save(named, delete(table, [first]), version)
    with pytest.raises(TableConflict, match="kept as picks-edited") as raised:
        project.tables.save(named, apply_changes(table, {second: {"x": 1.5}}), version)
    assert len(project.tables.read(named)) == 2
    kept = project.tables.read(raised.value.kept_as)
    assert len(kept) == 3 and 1.5 in set(kept.rows["x"])


def test_a_wrong_row_is_not_saved(project: Project, named: str) -> None:
    table, version = project.tables.read_version(named)
    first = int(table.rows["id"].iloc[0])
    with pytest.raises(UserError):
        project.tables.save(named, apply_changes(table, {first: {"x": 5000.0}}), version)
    assert project.tables.version(named) == version


def test_a_new_table_never_takes_a_used_name(project: Project, named: str) -> None:
    table = project.tables.read(named)
    assert project.tables.create("picks", table, {}) == "picks-2"
    project.tables.delete("picks-2")
    assert project.tables.names() == ["picks"]
    assert (project.root / "objects/.deleted/picks-2.1/picks-2.csv").is_file()
    for bad in ("../x", "a__b", "", "a/b"):
        with pytest.raises(UserError, match="file name"):
            project.tables.create(bad, table, {})


def test_classes_get_colours_and_numbers_once(project: Project) -> None:
    first = project.add_class("ribosome", 130.0)
    assert (first.label, first.radius) == (1, 130.0)
    assert project.add_class("ribosome", 99.0) == first
    assert project.add_class("proteasome", 60.0).label == 2
    assert len({c.colour for c in project.classes}) == 2


def test_undo_never_loses_what_it_has_not_seen(project: Project, named: str) -> None:
    tables = project.tables
    table, version = tables.read_version(named)
    file = tables.path(named)
    file.write_text(file.read_text().replace("particle", "ribosome"))  # another program, another person
    with pytest.raises(UserError, match="changed elsewhere"):
        tables.undo(named, version)
    outside = tables.version(named)
    tables.save(named, delete(tables.read(named), [int(table.rows["id"].iloc[0])]), outside)
    assert tables.undo(named, tables.version(named)) == outside
    assert set(tables.read(named).rows["class"]) == {"ribosome"}
    assert tables.undo(named, outside) == version


def test_a_new_table_does_not_inherit_a_removed_ones_history(project: Project, named: str) -> None:
    table = project.tables.read(named)
    project.tables.path(named).unlink()
    assert project.tables.create(named, table, {}) == f"{named}-2"
    assert not project.tables.history(f"{named}-2").can_undo


def test_a_failed_save_leaves_table_and_history_alone(
    project: Project, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, version = project.tables.read_version(named)
    before = project.tables.history(named)

    def full(*_: object) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr("engine.project.tables.write_with_fingerprint", full)
    with pytest.raises(UserError, match="full"):
        project.tables.save(named, delete(table, [int(table.rows["id"].iloc[0])]), version)
    assert project.tables.version(named) == version and project.tables.history(named) == before
    assert not list(project.tables.folder.glob(".*.new"))


def test_a_voxel_size_set_later_holds_for_tables_made_before(project: Project, named: str) -> None:
    project.set_voxel_size(["ts_01"], 5.0)
    assert project.table(named).tomograms["ts_01"].voxel_size == (5.0, 5.0, 5.0)
    assert project.tables.read(named).tomograms["ts_01"].voxel_size == (10.0, 10.0, 10.0)


def test_a_table_that_is_a_link_out_of_the_project_is_not_read(project: Project, named: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(project.tables.path(named).read_bytes())
    os.symlink(outside, project.tables.folder / "leak.csv")
    with pytest.raises(UserError, match="link that leads out"):
        project.table("leak")


def test_names_that_files_would_confuse(project: Project, tomograms: Path) -> None:
    (tomograms / "a" / "ts_01.mrc").rename(tomograms / "a" / "TS__x_.mrc")
    names = [t.name for t in project.tomograms()]
    assert names == ["ts_02", "TS_x"] or names == ["TS_x", "ts_02"]
    with pytest.raises(UserError, match="at the end"):
        project.segmentation_path("TS_", "x")


def test_a_deleted_project_does_not_come_back(project: Project) -> None:
    import shutil

    shutil.rmtree(project.root)
    with pytest.raises(UserError, match="no such file"):
        project.add_class("ribosome", 100.0)
    assert not project.root.exists()
