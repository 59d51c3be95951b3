"""Decoder and generator tuned together: losses, files, resuming, devices, refusals."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import joint_world as worlds
import numpy as np
import pytest
import torch
from joint_world import IDS, TRAIN, JointWorld, make_joint_world
from safetensors.torch import load_file
from tiny_generators import change_card
from typer.testing import CliRunner

from brainvis import cli
from brainvis.artifacts import hdf5
from brainvis.containers import Features, Responses, Stimuli, write_responses, write_stimuli
from brainvis.datasets import splits
from brainvis.decoding.interaction_decode import decode_interaction
from brainvis.decoding.interaction_files import read_network
from brainvis.encoding.universal_embeddings import Embeddings
from brainvis.errors import BrainvisError
from brainvis.generation import joint_fit
from brainvis.generation.registry import open_generator
from brainvis.generation.stage import generate_images
from brainvis.generation.tuning import Denoiser

BACKENDS = ("stable-diffusion", "stable-diffusion-pooled", "unclip", "kandinsky")


@pytest.fixture(scope="module")
def tuned(joint_world, tmp_path_factory):
    return joint_world.tune(tmp_path_factory.mktemp("tuned"))


def card(outputs) -> dict:
    return json.loads((outputs.generator / "model_card.json").read_text())


def weights(outputs) -> list[bytes]:
    files = [outputs.network / "interaction.safetensors"]
    files += sorted(outputs.generator.rglob("*.safetensors"))
    return [file.read_bytes() for file in files]


def test_the_denoising_loss_of_held_out_stimuli_falls(tuned):
    found = card(tuned)
    assert found["best_epoch"] > 0
    assert found["validation_after"] < 0.9 * found["validation_before"]
    assert found["validation_after"] == min(found["validation"])
    assert len(found["losses"]) == 3 and found["losses"][-1] < found["losses"][0]


def test_decoder_voxels_and_denoiser_all_learn_and_fixed_parts_stay(joint_world, tuned):
    before, after = (
        read_network(x.network).network.state_dict() for x in (joint_world.inputs, tuned)
    )
    for name in ("tokenizer.value.weight", "outputs.0.linear.weight", "readout.evidence"):
        assert not torch.equal(before[name], after[name]), name
    old, new = (Embeddings.open(x.voxels) for x in (joint_world.inputs, tuned))
    assert (np.abs(old.values() - new.values()).max(1) > 0).all()
    folders = joint_world.inputs.generator, tuned.generator
    for inside, changed in (
        ("vae/diffusion_pytorch_model.safetensors", None),
        ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight"),
        ("ip_adapter.safetensors", "ip_adapter.1.to_k_ip.weight"),
    ):
        first, last = (load_file(folder / inside) for folder in folders)
        assert {k: (v.shape, v.dtype) for k, v in first.items()} == {
            k: (v.shape, v.dtype) for k, v in last.items()
        }
        same = {k for k in first if torch.equal(first[k], last[k])}
        assert same == set(first) if changed is None else changed not in same
        assert {k for k in first if k.startswith("image_proj")} <= same


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_is_tuned_and_opens_as_before(backend, tmp_path):
    world = make_joint_world(tmp_path / "world", backend)
    made = world.tune(tmp_path / "out", epochs=1, rate=1e-3)
    decoded = tmp_path / "decoded.h5"
    decode_interaction(
        made.network, made.voxels, world.inputs.responses[0], world.inputs.splits,
        {"image-text": decoded},
    )  # fmt: skip
    folds = splits.read(world.inputs.splits, "main")
    for folder in (world.inputs.generator, made.generator):
        generate_images(decoded, folder, folds, tmp_path / f"{folder.parent.name}.h5", device="cpu")
    one, other = (drawn(tmp_path / f"{name}.h5") for name in ("world", "out"))
    assert one.shape == (len(IDS) - TRAIN, 16, 16, 3) and np.abs(one - other).max() > 1e-4


def drawn(path: Path) -> np.ndarray:
    with hdf5.opened(path, schema="reconstructions") as file:
        return hdf5.get(file, "images")


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_and_drawing_call_the_network_alike(backend, tmp_path, monkeypatch):
    """One drawing step from pure noise without guidance sees what the denoiser gives."""
    world = make_joint_world(tmp_path / "world", backend)
    change_card(world.inputs.generator, "defaults", steps=1, guidance=1.0)
    generator = open_generator(world.inputs.generator, device="cpu")
    denoiser = Denoiser(generator)
    seen = []
    denoiser.unet.register_forward_hook(
        lambda module, given, named, made: seen.append((given, named, made[0])),
        with_kwargs=True,
    )
    tokens = np.random.default_rng(0).normal(size=(2, generator.tokens, generator.width))
    generator.generate(tokens.astype(np.float32), None, strength=1.0, seeds=np.arange(2))
    given, named, made = seen[-1]
    noisy, time = given[:2] if given else (named["sample"], named["timestep"])
    with torch.no_grad():
        times = torch.as_tensor(time).expand(2)
        again = denoiser(noisy, times, torch.from_numpy(tokens).float())
    assert torch.allclose(again, made[:, : again.shape[1]], atol=1e-5)


def test_a_new_seed_and_the_same_seed(joint_world, tuned, tmp_path):
    again = joint_world.tune(tmp_path / "again")
    other = joint_world.tune(tmp_path / "other", seed=1)
    assert weights(again) == weights(tuned) and card(again)["losses"] == card(tuned)["losses"]
    assert card(other)["losses"] != card(tuned)["losses"]


def test_after_sigkill_it_continues_with_the_identical_loss_curve(joint_world, tuned, tmp_path):
    script = Path(worlds.__file__)
    checkpoints = tmp_path / "checkpoints"
    found = subprocess.run(
        [sys.executable, script, joint_world.folder, tmp_path / "killed", checkpoints, "2"],
        capture_output=True,
        text=True,
    )
    assert found.returncode == -signal.SIGKILL, found.stderr
    assert not (tmp_path / "killed/network").exists()
    assert [one.name for one in checkpoints.glob("*/epoch-*")] == ["epoch-00002"]
    resumed = joint_world.tune(tmp_path / "resumed", checkpoints=checkpoints)
    assert card(resumed)["losses"] == card(tuned)["losses"]
    assert card(resumed)["validation"] == card(tuned)["validation"]
    assert weights(resumed) == weights(tuned)


def test_a_checkpoint_of_another_run_is_left_alone_and_a_damaged_one_named(joint_world, tmp_path):
    folder = tmp_path / "checkpoints"
    joint_world.tune(tmp_path / "one", checkpoints=folder, epochs=1)
    joint_world.tune(tmp_path / "two", checkpoints=folder, epochs=1, rate=1e-3)
    assert len(list(folder.iterdir())) == 2
    for state in folder.glob("*/epoch-*/progress.json"):
        state.write_text("{")
    with pytest.raises(BrainvisError, match=r"epoch-00001: is not a checkpoint.*start anew"):
        joint_world.tune(tmp_path / "three", checkpoints=folder, epochs=1)


def test_two_devices_see_what_one_sees_with_twice_the_batch(joint_world, tmp_path):
    one = joint_world.tune(tmp_path / "one", batch=12, epochs=2)
    two = joint_world.tune(tmp_path / "two", batch=6, epochs=2, devices=2)
    assert np.allclose(card(one)["losses"], card(two)["losses"], rtol=1e-4)
    assert np.allclose(card(one)["validation"], card(two)["validation"], rtol=1e-4)


def test_half_precision_comes_near_the_full_one(joint_world, tuned, tmp_path):
    half = joint_world.tune(tmp_path / "half", precision="bf16")
    assert np.allclose(card(half)["losses"], card(tuned)["losses"], rtol=0.05)
    assert card(half)["losses"] != card(tuned)["losses"]


def test_gradients_are_summed_over_steps(joint_world, tmp_path, monkeypatch):
    steps = []
    change = torch.optim.AdamW.step
    monkeypatch.setattr(
        torch.optim.AdamW, "step", lambda self, *given: steps.append(1) or change(self, *given)
    )
    joint_world.tune(tmp_path / "out", epochs=2, accumulate=3)
    assert len(steps) == 2 * (2 * (20 // 6) // 3)  # two subjects of 20 images in batches of 6


def test_holding_keeps_the_decoder_near_its_start(joint_world, tmp_path):
    free, held = (joint_world.tune(tmp_path / str(w), hold=w, epochs=2) for w in (0.0, 100.0))
    outputs = []
    for place, folder in enumerate((joint_world.inputs, free, held)):
        path = tmp_path / f"{place}.h5"
        decode_interaction(
            folder.network, folder.voxels, joint_world.inputs.responses[0],
            joint_world.inputs.splits, {"image-text": path},
        )  # fmt: skip
        outputs.append(Features.open(path).tokens())
    start, moved, kept = outputs
    assert np.abs(kept - start).mean() < 0.5 * np.abs(moved - start).mean()


def test_test_stimuli_and_responses_to_them_are_never_read(joint_world, tuned, tmp_path):
    world = JointWorld(tmp_path / "world")
    shutil.copytree(joint_world.folder, world.folder)
    source = Stimuli.open(world.inputs.stimuli)
    images = source.read("images")
    images[TRAIN:] = 0
    world.inputs.stimuli.unlink()
    write_stimuli(world.inputs.stimuli, images, source.table, dataset="toy", kind="simulated")
    for path in world.inputs.responses:
        old = Responses.open(path)
        betas = old.betas()
        betas[TRAIN:] = np.nan
        path.unlink()
        write_responses(
            path, betas, old.trials, old.voxels, dataset="toy", subject=old.subject,
            kind="simulated",
        )  # fmt: skip
    assert weights(world.tune(tmp_path / "out")) == weights(tuned)


def test_want_of_memory_names_the_batch(joint_world, tmp_path, monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(joint_fit._Step, "losses", full)
    with pytest.raises(BrainvisError, match=r"batch: .*found 6.*smaller batch"):
        joint_world.tune(tmp_path / "out")
    assert not (tmp_path / "out/network").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda f: change_card(f / "generator", "condition", space="other"),
            "decodes no condition",
        ),
        (lambda f: (f / "responses-02.h5").unlink(), "responses-02.h5"),
        (lambda f: (f / "generator/unet/config.json").unlink(), "unet"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(joint_world, spoil, words, tmp_path):
    shutil.copytree(joint_world.folder, tmp_path / "world")
    spoil(tmp_path / "world")
    with pytest.raises(BrainvisError, match=words):
        JointWorld(tmp_path / "world").tune(tmp_path / "out")


def test_a_precision_that_the_machine_lacks_is_refused(joint_world, tmp_path):
    with pytest.raises(BrainvisError, match=r"precision: .*found half"):
        joint_world.tune(tmp_path / "out", precision="half")


def test_the_command_writes_what_other_stages_open(joint_world, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINVIS_DATA", str(joint_world.folder))
    inputs = joint_world.inputs
    settings = {
        "model": "brain-it", "generator": "generator", "epochs": 1, "batch": 8, "accumulate": 1,
        "precision": "no", "rate": 1e-4, "hold": 1.0, "dropped": 0.1, "validation": 0.2,
        "devices": 1, "device": "cpu",
    }  # fmt: skip
    config = {"dataset": "toy", "kind": "simulated", "seed": 0, "settings": {"joint.j": settings}}
    given = {
        "config": json.dumps(config), "name": "j", "network": inputs.network,
        "voxels": inputs.voxels, "stimuli": inputs.stimuli, "splits": inputs.splits,
        "tuned-network": tmp_path / "n", "tuned-voxels": tmp_path / "v.h5",
        "tuned-generator": tmp_path / "g",
    }  # fmt: skip
    words = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    words += [text for path in inputs.responses for text in ("--responses", str(path))]
    monkeypatch.delenv("BRAINVIS_CACHE", raising=False)
    found = CliRunner().invoke(cli.app, ["generate", "joint", *words])
    assert found.exit_code == 0, found.output
    assert (
        Embeddings.open(tmp_path / "v.h5").attributes["encoder"]
        == read_network(tmp_path / "n").digest
    )
    assert open_generator(tmp_path / "g", device="cpu").tokens == worlds.TOKENS
