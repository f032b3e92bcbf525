"""The models of a project: listed, found, and never written over."""

import pytest

from engine.errors import UserError
from engine.project import Project


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "project")


def test_models_are_folders_with_a_description(project):
    for name in ("b", "a", "unfinished"):
        assert project.make_model_folder(name) == project.root / "models" / name
    (project.root / "models" / "a" / "model.yaml").write_text("architecture: deepfinder\n")
    (project.root / "models" / "b" / "model.yaml").write_text("[broken\n")
    assert [(m.name, m.description) for m in project.models()] == [("a", {"architecture": "deepfinder"}), ("b", {})]
    assert project.model_folder("unfinished").is_dir()


def test_a_taken_name_gets_a_number(project):
    names = [project.make_model_folder("net").name for _ in range(3)]
    assert names == ["net", "net-2", "net-3"]


def test_what_is_not_there_or_leads_out_is_refused(project, tmp_path):
    with pytest.raises(UserError, match=r"no model 'net' \(models: none yet\)"):
        project.model_folder("net")
    with pytest.raises(UserError, match="does not work as a file name"):
        project.model_folder("../jobs")
    (tmp_path / "elsewhere").mkdir()
    (project.root / "models" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="leads out of this project"):
        project.model_folder("link")
