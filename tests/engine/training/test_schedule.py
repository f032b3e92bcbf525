"""Learning rates over a training."""

import pytest

from engine.errors import UserError
from engine.training.schedule import Schedule


def test_constant_stays_and_cosine_falls_to_a_hundredth():
    assert [Schedule("constant", 0.1, 10).at(e) for e in (0, 4.5, 10)] == [0.1] * 3
    cosine = Schedule("cosine", 0.1, 10)
    assert [cosine.at(e) for e in (0, 5, 10, 12)] == pytest.approx([0.1, 0.0505, 0.001, 0.001])
    assert all(cosine.at(e / 10) > cosine.at((e + 1) / 10) for e in range(100))


def test_plateau_is_halved_after_six_epochs_without_a_better_score_and_goes_on_after_a_resume():
    plateau = Schedule("plateau", 0.1, 100)
    for score in (0.1, 0.2, *[0.2] * 5):
        plateau.after_epoch(score)
    assert plateau.at(8) == 0.1
    resumed = Schedule("plateau", 0.1, 100)
    resumed.load_state_dict(plateau.state_dict())
    for each in (plateau, resumed):
        each.after_epoch(0.19)
        assert each.at(9) == 0.05
        each.after_epoch(0.3)
        for _ in range(6):
            each.after_epoch(0.1)
        assert each.at(20) == 0.025


def test_unknown_schedule():
    with pytest.raises(UserError, match="no schedule 'steps'"):
        Schedule("steps", 0.1, 3)
