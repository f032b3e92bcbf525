"""The loop: it learns, goes on exactly, keeps the best, and leaves whole files whatever happens."""

import math
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.atomic import replacing
from engine.errors import UserError
from engine.instances import FittedThreshold
from engine.networks import weights
from engine.training.examples import read_examples
from engine.training.history import read_metrics
from engine.training.loop import LoopSettings, Outlet, train_network
from engine.training.losses import build_loss
from engine.training.object_scores import ObjectScores
from engine.training.patches import Request
from engine.training.sampling import TRAINING
from tests.engine.training.tiny import Tiny, tiny_batches

SETTINGS = LoopSettings(epochs=4, steps=6, validation_steps=2, learning_rate=0.01)
NAMES = ("background", "ball")


def train(folder=None, settings=SETTINGS, network=None, batches=None, **more):
    network = network or Tiny()
    outlet = more.pop("outlet", None) or Outlet(folder, None, {"classes": "1 ball"})
    made = train_network(
        network, build_loss("dice-ce", 2), batches or tiny_batches(), settings, outlet, class_names=NAMES, **more
    )
    return network, made


def stopping_after(folder, epochs):
    """An outlet that ends the training as a cancelled job does."""

    def stop(epoch, row):
        if epoch + 1 == epochs:
            raise KeyboardInterrupt

    return Outlet(folder, None, {"classes": "1 ball"}, on_epoch=stop)


def same_weights(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_it_learns_and_tells_of_every_step_and_epoch(tmp_path):
    steps, epochs = [], []
    outlet = Outlet(tmp_path, None, {}, lambda e, s, loss: steps.append((e, s)), lambda e, row: epochs.append(row))
    settings = LoopSettings(epochs=6, steps=12, validation_steps=2, learning_rate=0.02)
    _, history = train(settings=settings, outlet=outlet)
    assert steps == [(e, s) for e in range(6) for s in range(12)]
    assert history.rows[-1]["val_f1:ball"] > 0.9
    assert history.rows[-1]["train_loss"] < 0.5 * history.rows[0]["train_loss"]
    assert [row["epoch"] for row in epochs] == [1, 2, 3, 4, 5, 6]
    assert [row["train_loss"] for row in read_metrics(tmp_path)] == pytest.approx(
        [row["train_loss"] for row in history.rows], rel=1e-5
    )


def test_the_steps_of_validation_are_those_asked_for():
    _, history = train(settings=LoopSettings(epochs=2, steps=3, validation_steps=5))
    assert len(history.steps["val_loss"][0]) == 5 and np.shape(history.steps["val_f1"][1]) == (5, 2)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau"])
@pytest.mark.parametrize("workers", [0, 2])
def test_two_epochs_and_two_more_are_four_bit_for_bit(tmp_path, schedule, workers):
    settings = LoopSettings(
        epochs=4, steps=5, validation_steps=2, learning_rate=0.01, schedule=schedule, optimiser="adamw", workers=workers
    )
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole, history = train(tmp_path / "whole", settings)
    with pytest.raises(KeyboardInterrupt):
        train(settings=settings, outlet=stopping_after(tmp_path / "parts", 2))
    torch.manual_seed(12345)  # whatever happened in between
    resumed, joined = train(tmp_path / "parts", settings, network=Tiny(seed=9), resume=True)
    assert same_weights(whole, resumed)
    states = [
        torch.load(tmp_path / part / "last.pt", weights_only=True)["optimiser"]["state"] for part in ("whole", "parts")
    ]
    for number, values in states[0].items():
        assert all(torch.equal(value, states[1][number][name]) for name, value in values.items())
    for one, other in zip(history.rows, joined.rows, strict=True):
        drop = {"seconds"}
        assert {k: v for k, v in other.items() if k not in drop} == pytest.approx(
            {k: v for k, v in one.items() if k not in drop}, rel=1e-5, nan_ok=True
        )


def test_the_same_seed_gives_the_same_network_and_another_another():
    assert same_weights(train()[0], train()[0])
    assert not same_weights(train()[0], train(batches=tiny_batches(seed=1))[0])


def test_without_validation_the_training_loss_is_watched(tmp_path):
    _, history = train(tmp_path, batches=tiny_batches(validate=False))
    losses = [row["train_loss"] for row in history.rows]
    best = [row["epoch"] for row in history.rows if row["best"]]
    assert best[-1] == int(np.argmin(losses)) + 1 and "val_loss" not in history.rows[0]


def objects(values):
    """Object scores of each epoch; None = not judged."""

    def judge(network, epoch):
        value = values[epoch]
        limits = FittedThreshold(0.5, None, value or 0.0, value or 0.0, value or 0.0, 1, 1, 1)
        return None if value is None else ObjectScores({"ball": limits})

    return judge


def test_objects_are_watched_before_voxels_and_epochs_without_them_do_not_count(tmp_path):
    _, history = train(tmp_path, score_objects=objects([None, 0.4, None, 0.3]))
    assert [row["best"] for row in history.rows] == [0, 1, 0, 0]
    assert history.rows[1]["object_f1:ball"] == 0.4 and "object_f1:ball" not in history.rows[0]
    assert torch.load(tmp_path / "last.pt", weights_only=True)["best_epoch"] == 2


def test_of_epochs_that_score_alike_the_one_with_the_smaller_validation_loss_is_kept(tmp_path):
    settings = LoopSettings(epochs=6, steps=2, validation_steps=1)
    _, history = train(tmp_path, settings, score_objects=objects([0.4, 0.9, 0.9, 0.9, 0.9, 0.8]))
    losses = [row["val_loss"] for row in history.rows]
    better = [1, 1, *(int(losses[n] < min(losses[1:n])) for n in (2, 3, 4)), 0]
    assert [row["best"] for row in history.rows] == better and sum(better) > 2
    kept = torch.load(tmp_path / "last.pt", weights_only=True)
    assert kept["best_epoch"] == 2 + int(np.argmin(losses[1:5])) and kept["best_loss"] == min(losses[1:5])


def test_it_stops_early(tmp_path):
    settings = LoopSettings(epochs=9, steps=2, validation_steps=1, patience=2)
    _, history = train(tmp_path, settings, score_objects=objects([0.1, 0.5, 0.2, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9]))
    assert len(history.rows) == 4


def test_examples_show_tomogram_target_and_prediction_of_every_epoch(tmp_path):
    train(tmp_path)
    kept = read_examples(tmp_path)
    assert kept["tomogram"].shape == kept["target"].shape == (2, 8, 8)
    assert kept["prediction"].shape == (4, 2, 8, 8) and kept["epochs"].tolist() == [1, 2, 3, 4]
    assert kept["target"].max() == 1 and kept["tomogram"].dtype == np.uint8


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(outlet=stopping_after(tmp_path, 2))
    before = (tmp_path / "last.pt").read_bytes()

    def full(path):
        if path.name == "last.pt":

            @contextmanager
            def refusing():
                with replacing(path) as temporary:
                    temporary.write_bytes(b"half a checkpoint")
                    raise OSError(28, "No space left on device")
                    yield temporary

            return refusing()
        return replacing(path)

    monkeypatch.setattr(weights, "replacing", full)
    with pytest.raises(UserError, match=r"Cannot write .*last\.pt: the disk or quota is full"):
        train(tmp_path, network=Tiny(seed=3), resume=True)
    assert (tmp_path / "last.pt").read_bytes() == before
    assert not list(tmp_path.glob(".*.part"))
    monkeypatch.undo()
    resumed, _ = train(tmp_path, network=Tiny(seed=3), resume=True)
    assert same_weights(resumed, train()[0])


def test_a_resume_names_what_does_not_fit(tmp_path):
    with pytest.raises(UserError, match=r"There is no checkpoint .*last\.pt to resume from"):
        train(tmp_path, resume=True)
    train(tmp_path, LoopSettings(epochs=1, steps=1))
    with pytest.raises(UserError, match="begun with classes = 1 ball and cannot be resumed with 1 ribosome"):
        train(outlet=Outlet(tmp_path, None, {"classes": "1 ribosome"}), resume=True)
    (tmp_path / "last.pt").write_bytes((tmp_path / "last.pt").read_bytes()[:500])
    with pytest.raises(UserError, match="damaged, truncated or not a file of weights"):
        train(tmp_path, resume=True)


def test_a_loss_that_is_no_number_ends_with_a_sentence():
    network = Tiny()
    with torch.no_grad():
        network.scores.bias.fill_(float("nan"))
    with pytest.raises(UserError, match=r"The loss became nan \(epoch 1, step 1\): lower the learning rate"):
        train(network=network)


def test_gradients_that_are_not_finite_leave_the_weights_alone():
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(context, value):
            return value.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient * math.inf

    class BadLoss(torch.nn.Module):
        def forward(self, logits, channels):
            return Bad.apply(logits).square().mean()

    network = Tiny()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    settings = LoopSettings(epochs=1, steps=5)
    train_network(network, BadLoss(), tiny_batches(validate=False), settings)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with pytest.raises(UserError, match="Gradients were not finite in 20 steps in a row"):
        train_network(network, BadLoss(), tiny_batches(validate=False), LoopSettings(epochs=1, steps=40))


def test_gradients_are_clipped():
    moves = []
    for clip in (None, 1e-9):
        network = Tiny()
        before = network.first.weight.detach().clone()
        settings = LoopSettings(epochs=1, steps=1, learning_rate=0.1, clip=clip)
        train_network(network, build_loss("dice-ce", 2), tiny_batches(validate=False), settings)
        moves.append(float((network.first.weight.detach() - before).abs().max()))
    assert moves[1] < 0.6 * moves[0]  # Adam divides by |g| + 1e-8, which a gradient of 1e-9 feels


def test_mixed_precision_trains_on_a_cpu_too():
    settings = LoopSettings(epochs=3, steps=8, validation_steps=2, learning_rate=0.02, precision="bf16")
    network, history = train(settings=settings)
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]
    assert all(p.dtype == torch.float32 for p in network.parameters())


TOGETHER = """
import os, sys, torch
from torch import nn
from engine.training import processes
from engine.training.loop import LoopSettings, Outlet, train_network
from engine.training.losses import build_loss
from tests.engine.training.tiny import Tiny, tiny_batches
from pathlib import Path
with processes.together("cpu"):
    network = Tiny()
    settings = LoopSettings(epochs=2, steps=2, validation_steps=1, learning_rate=0.01)
    batches = tiny_batches(rank=processes.rank())
    train_network(network, build_loss("dice-ce", 2), batches, settings, Outlet(Path(sys.argv[1])))
    torch.save(network.state_dict(), os.path.join(sys.argv[1], f"rank{processes.rank()}.pt"))
"""


def test_two_processes_average_their_gradients(tmp_path):
    (tmp_path / "together.py").write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [*command, str(tmp_path / "together.py"), str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    ranks = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    alone, loss = Tiny(), build_loss("dice-ce", 2)
    optimiser = torch.optim.Adam(alone.parameters(), lr=0.01)
    batches = [tiny_batches(rank=rank) for rank in range(2)]
    for epoch in range(2):
        for step in range(2):
            optimiser.zero_grad()
            for density, channels in (each.make(Request(TRAINING, epoch, step)) for each in batches):
                (loss(alone(density), channels) / 2).backward()
            optimiser.step()
    for name, value in alone.state_dict().items():
        assert torch.equal(ranks[0][name], ranks[1][name])
        assert torch.allclose(ranks[0][name], value, atol=1e-5)
    assert len(read_metrics(tmp_path)) == 2 and (tmp_path / "last.pt").is_file()
