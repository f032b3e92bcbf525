"""Files of parameters for `run`: all that is wrong in them is said at once, each with its line."""

from pathlib import Path

import pytest

from engine.errors import UserError
from engine.tasks import find_task, read_checked

TASK = find_task("unsupervised")


def refusal(folder: Path, text: str) -> str:
    path = folder / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_checked(path, TASK)
    sentence = str(refused.value)
    assert sentence.startswith(f"{path}: ") and sentence.endswith(".")
    return sentence.removeprefix(f"{path}: ")


def test_a_file_that_fits_is_given_back(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("tomograms: [ts_01]\nseed: 3\n")
    assert read_checked(tmp_path / "a.yaml", TASK) == {"tomograms": ["ts_01"], "seed": 3}


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    said = refusal(
        tmp_path,
        "tomograms: ts_01\nneighbourhood_size: five\n\nclustering: forest\nlower_z: 3.5\nsize: 1\ntogether: perhaps\n"
        "max_neighbourhoods: -4\nlower_z: 4.5\n",
    )
    assert said.split("; ")[:4] == [
        "line 1: tomograms = 'ts_01' is not allowed: it must be a list",
        "line 2: neighbourhood_size = 'five' is not allowed: it must be a whole number",
        "line 4: clustering = 'forest' is not allowed: choose 'kmeans', 'gmm'",
        "line 6: size is not a parameter here (known: tomograms, lower_z, upper_z, neighbourhood_size, features, "
        "clustering, sinusoids, output_features, own_lamella, together, name, replace, max_neighbourhoods, seed)",
    ]
    assert "line 7: together = 'perhaps' is not allowed: it must be true or false" in said
    assert "line 8: max_neighbourhoods = -4 is not allowed: it must be" in said
    assert "line 9: lower_z = 4.5 is not allowed: it must be a whole number" in said
    assert "line 9: lower_z stands here and in line 5: remove one" in said


def test_a_file_of_something_else(tmp_path: Path) -> None:
    assert refusal(tmp_path, "- ts_01\n") == "Expected parameters, each as 'name: value' in a line of its own."
    assert refusal(tmp_path, "") == "tomograms is missing: add it."


def test_a_key_twice_is_refused_where_all_else_fits(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path, "tomograms: [a]\nseed: 1\nseed: 2\n") == "line 3: seed stands here and in line 2: remove one."
    )
