"""DeepFinder's XML parameter files: what is read, and everything that is wrong with them, at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.tasks.deepfinder_xml import read_cluster_file, read_segment_file, read_target_file, read_train_file

TARGET = """
<paramsGenerateTarget>
  <path_objl path="objl.xml"/>
  <path_initial_vol path=""/>
  <tomo_size><X size="400"/><Y size="300"/><Z size="200"/></tomo_size>
  <strategy strategy="spheres"/>
  <radius_list><class1 radius="1"/><class2 radius="2.5"/><class3 radius="3"/></radius_list>
  <path_mask_list><class1 path=""/></path_mask_list>
  <path_target path="target.mrc"/>
</paramsGenerateTarget>
"""

TRAIN = """
<paramsTrain>
  <path_out path="./"/>
  <path_tomo><tomo0 path="t0.mrc"/><tomo1 path="t1.mrc"/></path_tomo>
  <path_target><target0 path="l0.mrc"/><target1 path="l1.mrc"/></path_target>
  <path_objl_train path="train.xml"/>
  <path_objl_valid path="valid.xml"/>
  <number_of_classes n="3"/>
  <patch_size n="48"/>
  <batch_size n="20"/>
  <number_of_epochs n="100"/>
  <steps_per_epoch n="90"/>
  <steps_per_validation n="10"/>
  <flag_direct_read flag="False"/>
  <flag_bootstrap flag="True"/>
  <random_shift shift="13"/>
</paramsTrain>
"""

SEGMENT = """
<paramsSegment><number_of_classes n="13"/><patch_size n="160"/><path_net_weights path="w.h5"/>
<path_tomo path="t.mrc"/><path_lmap path="l.mrc"/></paramsSegment>
"""

CLUSTER = """
<paramsCluster><path_label_map path="l.mrc"/><clustering_radius radius="5"/><path_objl path="o.xml"/></paramsCluster>
"""

Read = Callable[[str], object]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        (tmp_path / "params.xml").write_text(text.strip(), encoding="utf-8")
        return tmp_path / "params.xml"

    return write


def test_a_target_file(file: Callable[[str], Path]) -> None:
    found = read_target_file(file(TARGET))
    assert found.tomo_size == (200, 300, 400) and found.strategy == "spheres"
    assert found.radius_list == [1, 2.5, 3] and found.path_mask_list == [] and found.path_initial_vol == ""
    assert (found.path_objl, found.path_target, found.ignored) == ("objl.xml", "target.mrc", [])
    shapes = TARGET.replace('"spheres"', '"shapes"').replace('class1 path=""', 'class1 path="a.mrc"')
    assert read_target_file(file(shapes)).path_mask_list == ["a.mrc"]


def test_with_an_initial_volume_the_size_is_not_needed(file: Callable[[str], Path]) -> None:
    text = TARGET.replace('vol path=""', 'vol path="membranes.mrc"').replace('size="400"', 'size=""')
    found = read_target_file(file(text))
    assert found.tomo_size is None and found.path_initial_vol == "membranes.mrc"


def test_the_other_files(file: Callable[[str], Path]) -> None:
    train = read_train_file(file(TRAIN))
    assert train.path_tomo == ["t0.mrc", "t1.mrc"] and train.path_target == ["l0.mrc", "l1.mrc"]
    assert (train.number_of_classes, train.patch_size, train.batch_size, train.number_of_epochs) == (3, 48, 20, 100)
    assert (train.steps_per_epoch, train.steps_per_validation, train.random_shift) == (90, 10, 13)
    assert train.flag_direct_read is False and train.flag_bootstrap is True
    segment = read_segment_file(file(SEGMENT))
    assert (segment.number_of_classes, segment.patch_size, segment.path_net_weights) == (13, 160, "w.h5")
    cluster = read_cluster_file(file(CLUSTER))
    assert (cluster.path_label_map, cluster.clustering_radius, cluster.path_objl) == ("l.mrc", 5, "o.xml")


def test_elements_that_are_not_known_are_named(file: Callable[[str], Path]) -> None:
    text = SEGMENT.replace("</paramsSegment>", '<colour n="2"/></paramsSegment>')
    assert read_segment_file(file(text)).ignored == ["colour"]


def test_all_problems_are_said_at_once(file: Callable[[str], Path]) -> None:
    text = """<paramsGenerateTarget>
      <path_objl path=""/><tomo_size><X size="4.5"/><Y size="-3"/></tomo_size>
      <strategy strategy="cubes"/><radius_list><class1 radius="a"/><class2 radius="-1"/><class3/></radius_list>
    </paramsGenerateTarget>"""
    with pytest.raises(UserError) as error:
        read_target_file(file(text))
    said = str(error.value)
    assert said.startswith(str(file(text))) and said.endswith(".")
    for problem in (
        '<strategy strategy="cubes"> must be spheres or shapes',
        '<tomo_size/X size="4.5"> must be a whole number of 1 or more',
        '<tomo_size/Y size="-3"> must be a whole number of 1 or more',
        "<tomo_size/Z> is missing",
        '<radius_list/class1 radius="a"> must be a number',
        '<radius_list/class2 radius="-1"> must be more than 0',
        "<radius_list/class3> has no attribute radius",
        '<path_objl path=""> is empty',
        "<path_target> is missing",
    ):
        assert problem in said


def test_all_that_is_missing_in_a_train_file(file: Callable[[str], Path]) -> None:
    with pytest.raises(UserError) as error:
        read_train_file(file("<paramsTrain><flag_bootstrap flag='yes'/></paramsTrain>"))
    for name in ("path_out", "path_tomo", "path_target", "path_objl_train", "path_objl_valid", "number_of_classes"):
        assert f"<{name}> is missing" in str(error.value)
    assert '<flag_bootstrap flag="yes"> must be True or False' in str(error.value)
    with pytest.raises(UserError, match="path_tomo has 2 tomograms and path_target 1 targets"):
        read_train_file(file(TRAIN.replace('<target1 path="l1.mrc"/>', "")))
    with pytest.raises(UserError, match='<number_of_classes n="1"> must be a whole number of 2 or more'):
        read_train_file(file(TRAIN.replace('classes n="3"', 'classes n="1"')))


def test_a_class_left_out_is_named(file: Callable[[str], Path]) -> None:
    with pytest.raises(UserError, match="<radius_list> has class1, class3, and class2 is missing"):
        read_target_file(file(TARGET.replace('<class2 radius="2.5"/>', "")))
    with pytest.raises(UserError, match="<path_mask_list> is empty"):
        read_target_file(
            file(
                TARGET.replace('"spheres"', '"shapes"').replace('<path_mask_list><class1 path=""/>', "<path_mask_list>")
            )
        )


def test_files_that_are_none(file: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="begins with <paramsTrain>: a file with <paramsGenerateTarget> is needed"):
        read_target_file(file(TRAIN))
    with pytest.raises(UserError, match="is not an XML file that can be read"):
        read_target_file(file("<paramsGenerateTarget>"))
    with pytest.raises(UserError, match="no such file"):
        read_target_file(tmp_path / "none.xml")
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><paramsGenerateTarget>&b;</paramsGenerateTarget>'
    with pytest.raises(UserError, match="is refused: it has a document type or entities"):
        read_target_file(file(bomb))
