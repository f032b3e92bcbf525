"""DeepFinder's XML, spreadsheet and text: by hand, real lists there and back, what is refused."""

import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import openpyxl
import pandas as pd
import pytest

from engine.errors import UserError
from engine.objects import ObjectTable, TomogramGeometry, rotation_from_relion
from engine.objects.formats import deepfinder_txt, deepfinder_xlsx, deepfinder_xml
from engine.objects.formats.class_names_given import NamesOfClasses
from engine.objects.formats.format import head_of
from engine.objects.formats.notes import collected
from tests.engine.objects.formats.same import MATRIX, assert_same

RIBOSOME = NamesOfClasses(class_names="1 = ribosome")


def test_xml_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    """Particle to tomogram is Rz(psi) Rx(the) Rz(phi).

    Rz(45) Ry(−60) Rz(−30) with Ry(−60) = Rz(90) Rx(−60) Rz(−90) and Rx(−60) = Rz(180) Rx(60) Rz(180) is
    Rz(45 + 90 + 180) Rx(60) Rz(180 − 90 − 30) = Rz(−45) Rx(60) Rz(60): psi −45, the 60, phi 60.
    """
    path = tmp_path / "t.xml"
    deepfinder_xml.write(one.with_rows(one.rows.assign(size=33.0)), path)
    assert path.read_text() == (
        '<objlist>\n  <object tomo_idx="1" obj_id="1" class_label="1" x="100.000" y="50.000" z="20.250" '
        'psi="-45.000" phi="60.000" the="60.000" cluster_size="33"/>\n</objlist>\n'
    )
    back = deepfinder_xml.read(path, known, RIBOSOME)
    assert_same(back, one)
    assert back.rows.loc[0, ["tomogram", "class", "size", "id"]].tolist() == ["TS_01", "ribosome", 33.0, 1]
    found = rotation_from_relion(back.rows[["rot", "tilt", "psi"]].to_numpy()).as_matrix()[0]
    np.testing.assert_allclose(found, MATRIX, atol=2e-6)


def test_same_text_as_deepfinder(tmp_path: Path) -> None:
    """The reference's own example, attribute for attribute; x 0.5, y 7, z 12.3456, cluster size 33."""
    expected = (
        '<objlist>\n  <object tomo_idx="0" obj_id="4" class_label="2" x="0.500" y="7.000" z="12.346" '
        'psi="10.000" phi="-20.000" the="30.000" cluster_size="33"/>\n</objlist>\n'
    )
    (tmp_path / "t.xml").write_text(expected)
    deepfinder_xml.write(deepfinder_xml.read(tmp_path / "t.xml", {}), tmp_path / "again.xml")
    assert (tmp_path / "again.xml").read_text() == expected


@pytest.mark.parametrize(
    ("angles", "before", "after"),
    [
        ((90, 0, 0), (3, 0, 0), (0, 3, 0)),  # phi
        ((0, 0, 90), (0, 3, 0), (0, 0, 3)),  # the
        ((0, 0, 90), (0, 0, 3), (0, -3, 0)),
        ((90, 0, 90), (3, 0, 0), (0, 0, 3)),
    ],
)
def test_rotations_of_the_reference(tmp_path: Path, angles: tuple, before: tuple, after: tuple) -> None:
    """What DeepFinder does to a voxel at (x, y, z), measured on it: angles are phi, psi, the."""
    phi, psi, the = angles
    text = f'<objlist><object class_label="1" x="1" y="1" z="1" phi="{phi}" psi="{psi}" the="{the}"/></objlist>'
    (tmp_path / "t.xml").write_text(text)
    rows = deepfinder_xml.read(tmp_path / "t.xml", {}).rows
    found = rotation_from_relion(rows[["rot", "tilt", "psi"]].to_numpy()).apply(before)[0]
    np.testing.assert_allclose(found, after, atol=1e-9)


@pytest.mark.parametrize(("name", "count", "tomogram"), [("tomo0", 2498, "0"), ("valid", 2490, "8")])
@pytest.mark.parametrize("module", [deepfinder_xml, deepfinder_xlsx, deepfinder_txt])
def test_real_lists(
    tmp_path: Path, data_folder: Path, name: str, count: int, tomogram: str, module: ModuleType
) -> None:
    table = deepfinder_xml.read(data_folder / "deepfinder" / f"object_list_{name}.xml", {})
    assert len(table) == count and set(table.rows["tomogram"]) == {tomogram}
    assert set(table.rows["class"]) == {f"class {number}" for number in range(1, 13)}
    path = tmp_path / f"t{module.FORMAT.suffix}"
    module.write(table, path)
    back = module.read(path, {tomogram: TomogramGeometry((200, 512, 512), (10.0, 10.0, 10.0))})
    assert_same(back, table)
    pd.testing.assert_series_equal(back.rows["class"], table.rows["class"])
    assert set(back.rows["tomogram"]) == {tomogram}


def test_what_is_missing(tmp_path: Path, known: dict) -> None:
    (tmp_path / "t.xml").write_text(
        '<objlist><object class_label="2" x="1" y="2" z="3" phi="10" note="mine" tomo_idx=""/>'
        '<object class_label="1" x="4.5" y="5" z="6" obj_id="7"/></objlist>'
    )
    with collected() as notes:
        rows = deepfinder_xml.read(tmp_path / "t.xml", known).rows
    assert rows["tomogram"].tolist() == ["TS_01", "TS_01"] and rows["rot"].isna().all()
    assert rows["x"].tolist() == [1, 4.5] and rows["id"].tolist() == [1, 2] and rows["note"].iloc[0] == "mine"
    assert any("1 objects with one or two of phi, psi, the" in sentence for sentence in notes)


BOMB = '<!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><objlist><object class_label="&b;"/></objlist>'
EXTERNAL = '<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/passwd">]><objlist><object class_label="&a;"/></objlist>'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (BOMB, "refused: it has a document type"),
        (EXTERNAL, "refused: it has a document type"),
        ("<objlist><object", "not an XML file"),
        ("<particles/>", "first element is 'particles'"),
        ('<objlist><object class_label="1" x="1" y="2"/></objlist>', "has no z for any object"),
        ('<objlist><object class_label="1" x="1" y="2" z="3"/><object x="1" y="2" z="3"/></objlist>',
         "object 2 has no class_label"),
        ('<objlist><object class_label="1" x="1" y="two" z="3"/></objlist>', "object 1, y: 'two' is not a number"),
        ("", "not an XML file"),
    ],
)  # fmt: skip
def test_bad_xml(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "t.xml").write_text(content)
    with pytest.raises(UserError, match=sentence) as caught:
        deepfinder_xml.read(tmp_path / "t.xml", {})
    assert "\n" not in str(caught.value)


def test_xlsx_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    deepfinder_xlsx.write(one, tmp_path / "t.xlsx")
    page = openpyxl.load_workbook(tmp_path / "t.xlsx")["Object list"]
    header, row = page.iter_rows(values_only=True)
    assert header == ("Tomo IDX", "Object ID", "Class label", "x", "y", "z", "psi", "phi", "theta", "Cluster size")
    assert row == (1, 1, 1, 100, 50, 20.25, -45, 60, 60, None)
    assert deepfinder_xlsx.recognised(head_of(tmp_path / "t.xlsx")) == 3
    assert_same(deepfinder_xlsx.read(tmp_path / "t.xlsx", known, RIBOSOME), one)


def test_bad_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    for content, sentence in ((b"PK\x03\x04 broken", "not a spreadsheet"), (b"text", "not a spreadsheet")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=sentence):
            deepfinder_xlsx.read(path, {})
        assert deepfinder_xlsx.recognised(head_of(path)) == 0
    book = openpyxl.Workbook()
    book.active.append(["Class label", "x", "y", "z"])
    book.active.append([1, 2, "three", 4])
    book.save(path)
    with pytest.raises(UserError, match="row 2, y: 'three' is not a number"):
        deepfinder_xlsx.read(path, {})
    book.create_sheet("other")
    book.save(path)
    with pytest.raises(UserError, match="no sheet 'Object list': it has Sheet, other"):
        deepfinder_xlsx.read(path, {})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "")
        info = zipfile.ZipInfo("xl/worksheets/sheet1.xml")
        archive.writestr(info, "")
        info.file_size = 3_000_000_000  # what the archive's directory claims
    with pytest.raises(UserError, match="would unpack to 3 GB"):
        deepfinder_xlsx.read(path, {})


def test_shrec_by_hand(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    deepfinder_txt.write(one, tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == "ribosome 20.25 50 100 60 60 -45\n"
    back = deepfinder_txt.read(tmp_path / "t.txt", known)
    assert_same(back, one)
    assert back.rows["class"].tolist() == ["ribosome"]
    # SHREC'19 counts z within the middle of the file.
    moved = deepfinder_txt.read(tmp_path / "t.txt", known, deepfinder_txt.Reading(z_offset=156, angles="none"))
    assert moved.rows.loc[0, "z"] == 176.25 and moved.rows["rot"].isna().all()


def test_label_layout(tmp_path: Path, one: ObjectTable, known: dict) -> None:
    table = one.with_rows(one.rows.assign(size=12.0, rot=np.nan))
    deepfinder_txt.write(table, tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == "1 20.25 50 100 12\n"
    back = deepfinder_txt.read(tmp_path / "t.txt", known, deepfinder_txt.Reading(class_names="1=ribosome"))
    assert back.rows.loc[0, ["class", "x", "y", "z", "size"]].tolist() == ["ribosome", 100, 50, 20.25, 12]
    with collected() as notes:
        deepfinder_txt.write(one, tmp_path / "t.txt", deepfinder_txt.Writing(layout="deepfinder"))
    assert (tmp_path / "t.txt").read_text() == "1 20.25 50 100\n" and any("no orientations" in text for text in notes)
    with collected() as notes:
        deepfinder_txt.write(one.with_rows(one.rows.assign(**{"class": "70S ribosome"})), tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text().startswith("70S_ribosome ") and "'70S_ribosome'" in notes[0]
    alike = pd.concat([one.rows.assign(**{"class": name}) for name in ("70S ribosome", "70S_ribosome")])
    with pytest.raises(UserError, match="the same name in a SHREC list"):
        deepfinder_txt.write(one.with_rows(alike.assign(id=[1, 2])), tmp_path / "t.txt")


def test_real_shrec_list(tmp_path: Path, data_folder: Path) -> None:
    table = deepfinder_txt.read(data_folder / "deepfinder" / "particle_locations_model_9.txt", {})
    assert len(table) == 2540 and set(table.rows["class"]) >= {"1bxn", "4d8q", "3cf3"}
    # First line: 3d2f 180 480 118 -45 81 -72, in the order z y x.
    assert table.rows.loc[0, ["class", "x", "y", "z"]].tolist() == ["3d2f", 118, 480, 180]
    deepfinder_txt.write(table, tmp_path / "t.txt")
    assert_same(deepfinder_txt.read(tmp_path / "t.txt", {}), table)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("1 2 3 4\n1 2 3\n", "line 2 has 3 columns: it is not a DeepFinder or SHREC text list"),
        ("1 2 3 4\n1 2 3 4 5\n", "line 2 has 5 columns where the lines before have 4"),
        ("1 2 inf 4\n", "line 1: column 3 is inf"),
        ("nan 2 3 4\n", "line 1: class label is nan"),
        ("1bxn 2 3 4\n", r"line 1, column 1 \(class label\): '1bxn' is not a number"),
        ("1bxn 2 3 4 5 six 7\n", "line 1, column 6: 'six' is not a number"),
    ],
)
def test_bad_text(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(UserError, match=sentence):
        deepfinder_txt.read(tmp_path / "t.txt", {})


def test_recognised(real_lists: list[Path]) -> None:
    found = {path.name: module.recognised(head_of(path)) for module in (deepfinder_xml, deepfinder_xlsx, deepfinder_txt)
             for path in real_lists if module.recognised(head_of(path))}  # fmt: skip
    assert found == {"object_list_tomo0.xml": 3, "object_list_valid.xml": 3, "particle_locations_model_9.txt": 3}
