"""What is said of the course of a training."""

from engine.training.progress_notes import advice, best_epoch


def rows(training: list[float], validation: list[float], best: int) -> list[dict[str, float]]:
    pairs = enumerate(zip(training, validation, strict=True), start=1)
    return [{"epoch": n, "train_loss": t, "val_loss": v, "best": float(n == best)} for n, (t, v) in pairs]


def test_learning_by_heart_is_said_with_its_epoch() -> None:
    course = rows([1.0, 0.8, 0.6, 0.5, 0.4], [1.0, 0.7, 0.8, 0.9, 1.0], best=3)
    said = advice(course)
    assert said.startswith("Since epoch 2 the loss of validation has risen") and "weights of epoch 3 are kept" in said
    assert best_epoch(course) == 3


def test_nothing_is_said_while_it_goes_well_or_too_early() -> None:
    assert advice(rows([1.0, 0.8, 0.6, 0.5], [1.0, 0.9, 0.8, 0.7], best=4)) == ""
    assert advice(rows([1.0, 0.8, 0.6], [0.7, 0.9, 1.0], best=1)) == ""  # two epochs after the lowest
    assert advice(rows([1.0, 1.1, 1.2, 1.3], [0.7, 0.9, 1.0, 1.1], best=1)) == ""  # both rise: not by heart
    assert advice([]) == "" and best_epoch([]) is None


def test_a_training_without_validation_is_told_so() -> None:
    assert "choose another tomogram" in advice(rows([1.0], [float("nan")], best=1))
