"""Learning without files: what is shown, what is kept, and transfer with a frozen network."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from brainvis.decoding import interaction_fit
from brainvis.decoding.interaction import BrainInteraction, Sizes
from brainvis.decoding.interaction_fit import (
    Learning,
    Pairs,
    Plan,
    learn,
    loss_of,
    predict,
    start,
    validate,
)

IMAGES, MADE, CODE, CLUSTERS = 120, 60, 4, 3
PLAN = Plan(epochs=4, batch=20, rate=3e-3, embedding_rate=1e-3)
SIZES = Sizes(CLUSTERS, CODE, {"toy": (3, 2)}, width=8, layers=1, heads=2, hidden=16)


@dataclass
class Watched:
    """Targets that remember which rows were asked for."""

    values: torch.Tensor
    asked: list[np.ndarray] = field(default_factory=list)

    def __getitem__(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        self.asked.append(rows)
        return {"toy": self.values[rows]}


def planted() -> tuple[list[Pairs], torch.Tensor, Watched]:
    """Pairs of two subjects with 20 and 30 voxels, their embeddings, and targets."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(IMAGES + MADE, CODE))
    tables = [0.4 * rng.normal(size=(count, CODE)) for count in (20, 30)]
    subjects, first = [], 0
    for table in tables:
        clean = z @ table.T
        noisy = clean[:IMAGES] + 0.6 * rng.normal(size=clean[:IMAGES].shape)
        order = rng.permutation(IMAGES)
        subjects.append(
            Pairs(
                np.arange(IMAGES),
                noisy.astype(np.float32),
                np.sort(order[20:]),
                np.sort(order[:20]),
                np.arange(IMAGES, IMAGES + MADE),
                clean[IMAGES:].astype(np.float16),
                rng.integers(CLUSTERS, size=len(table)),
                first,
            )
        )
        first += len(table)
    targets = np.tanh(z @ rng.normal(size=(CODE, 6))).reshape(-1, 3, 2)
    embeddings = torch.from_numpy(np.concatenate(tables).astype(np.float32))
    return subjects, embeddings, Watched(torch.from_numpy(targets.astype(np.float32)))


def fresh(embeddings: torch.Tensor, plan: Plan = PLAN, *, transfer: bool = False) -> Learning:
    torch.manual_seed(0)
    return start(BrainInteraction(SIZES), embeddings, plan, transfer=transfer)


def state(learning: Learning) -> dict[str, torch.Tensor]:
    values = {k: v.clone() for k, v in learning.network.state_dict().items()}
    return {**values, "embeddings": learning.embeddings.detach().clone()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_loss_falls_and_the_best_epoch_is_kept():
    subjects, embeddings, targets = planted()
    learned = learn(fresh(embeddings), subjects, targets, replace(PLAN, epochs=20))
    assert learned.losses[-1] < 0.8 * learned.losses[0]
    best = min(learned.validation)
    assert best < 0.8 * learned.validation[0]
    assert validate(learned, subjects, targets) == best
    assert not learned.network.training


def test_validation_images_choose_but_do_not_teach():
    subjects, embeddings, targets = planted()
    same = replace(subjects[1], train=subjects[0].train, validation=subjects[0].validation)
    learn(fresh(embeddings), [subjects[0], same], targets, PLAN)
    held, taught = set(subjects[0].validation), 0
    for rows in targets.asked:
        if held & set(rows):
            assert set(rows) == held  # all of them together: a validation loss
        else:
            taught += 1
    assert taught == PLAN.epochs * 10  # steps: 200 training images in batches of 20


@pytest.mark.parametrize(("made", "share"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_share_of_steps_on_synthetic_responses(made, share):
    subjects, embeddings, targets = planted()
    learn(fresh(embeddings), subjects, targets, replace(PLAN, made=made))
    steps = [rows for rows in targets.asked if not set(rows) <= set(range(20)) and len(rows) == 20]
    steps = [r for r in steps if all(set(r) != set(one.validation) for one in subjects)]
    found = np.mean([r.min() >= IMAGES for r in steps])
    assert len(steps) == 40 and (found == share if share in (0, 1) else 0.2 < found < 0.8)
    assert all((r >= IMAGES).all() or (r < IMAGES).all() for r in steps)


@pytest.mark.parametrize("share", [0.01, 0.25, 1.0])
def test_every_step_sees_that_share_of_voxels(share, monkeypatch):
    subjects, embeddings, targets = planted()
    seen = []
    forward = BrainInteraction.forward

    def watched(self, activations, table, cluster):
        if self.training:
            seen.append(activations.shape[1])
            assert len(table) == len(cluster) == activations.shape[1]
        return forward(self, activations, table, cluster)

    monkeypatch.setattr(BrainInteraction, "forward", watched)
    learn(fresh(embeddings), subjects, targets, replace(PLAN, voxels=share, epochs=1))
    assert set(seen) <= {max(1, round(share * count)) for count in (20, 30)} and len(seen) == 10


def test_a_small_subject_in_a_large_batch():
    subjects, embeddings, targets = planted()
    few = replace(subjects[0], train=subjects[0].train[:3], made_rows=np.zeros(0, int))
    learned = learn(fresh(embeddings[:20]), [few], targets, replace(PLAN, epochs=2))
    assert np.isfinite(learned.losses).all() and len(learned.losses) == 2


def test_learning_that_only_harms_stops_and_leaves_the_start():
    subjects, embeddings, targets = planted()
    wild = replace(PLAN, rate=30.0, epochs=50, patience=2)
    learning = fresh(embeddings, wild)
    before = state(learning)
    learned = learn(learning, subjects, targets, wild)
    assert len(learned.losses) == 2 and np.argmin(learned.validation) == 0
    assert equal(state(learned), before)


def test_same_seed_same_numbers_and_another_seed_others():
    runs = []
    for seed in (0, 0, 1):
        subjects, embeddings, targets = planted()
        plan = replace(PLAN, seed=seed, epochs=2)
        begun = fresh(embeddings, plan)
        torch.manual_seed(len(runs))  # whatever else uses random numbers
        runs.append(learn(begun, subjects, targets, plan))
    assert runs[0].losses == runs[1].losses and equal(state(runs[0]), state(runs[1]))
    assert runs[0].losses != runs[2].losses


def test_transfer_moves_embeddings_only_and_is_not_worse_than_its_start():
    subjects, embeddings, targets = planted()
    learned = learn(fresh(embeddings), subjects, targets, replace(PLAN, epochs=10))
    new = replace(subjects[1], first=0)
    guess = embeddings[20:] + 0.3 * torch.randn(30, CODE, generator=torch.manual_seed(1))
    for rate in (3e-2, 30.0):  # one that helps, one that does not
        plan = replace(PLAN, embedding_rate=rate, epochs=8)
        begun = start(learned.network, guess, plan, transfer=True)
        before = state(begun)
        moved = learn(begun, [new], targets, plan)
        after = state(moved)
        changed = {name for name in after if not torch.equal(after[name], before[name])}
        assert changed <= {"embeddings"}
        assert validate(moved, [new], targets) == min(moved.validation) <= moved.validation[0]
        assert rate > 1 or min(moved.validation) < 0.99 * moved.validation[0]
        assert not any(value.requires_grad for value in moved.network.parameters())


def test_predictions_do_not_depend_on_the_batch():
    subjects, embeddings, _ = planted()
    network, one = fresh(embeddings).network, subjects[0]
    torch.nn.init.normal_(network.outputs[0].correct.weight)
    whole, parts = (
        predict(network, one.responses, embeddings[:20], one.cluster, batch=batch)["toy"]
        for batch in (500, 7)
    )
    assert whole.shape == (IMAGES, 3, 2) and torch.allclose(whole, parts, atol=1e-5)


def test_loss_weighs_outputs_alike_however_long():
    found = {"a": torch.zeros(2, 50, 9), "b": torch.zeros(2, 1, 3)}
    wanted = {"a": torch.full((2, 50, 9), 1.0), "b": torch.full((2, 1, 3), 3.0)}
    assert float(loss_of(found, wanted)) == pytest.approx((1 + 9) / 2)


def test_synthetic_responses_get_the_noise_that_predictions_lack(monkeypatch):
    """Measured and synthetic activations in a step have the same variance."""
    subjects, embeddings, targets = planted()
    one = subjects[1]
    learning = fresh(embeddings[20:])
    learning.network.readout.know(torch.randn(5000, CODE, generator=torch.manual_seed(2)), 30)
    seen = []
    monkeypatch.setattr(
        BrainInteraction, "forward", lambda self, x, *rest: seen.append(x) or _zeros(x)
    )
    silent = np.zeros_like(one.made)  # so that what is seen is noise alone
    own = replace(one, made=silent, first=0)
    for _ in range(200):
        interaction_fit._step(
            learning, own, np.arange(40), np.arange(30), True, targets, interaction_fit.Plan()
        )
    spread = torch.cat(seen).var(0)
    wanted = learning.network.readout.noise(embeddings[20:])
    assert torch.allclose(spread, wanted, rtol=0.15)


def _zeros(x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"toy": torch.zeros(len(x), 3, 2, requires_grad=True)}
