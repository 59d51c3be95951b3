"""Stages and commands that animate and show: files that belong together, and those that do not."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
import typer
from tiny_animators import TOKENS, WIDTH
from typer.testing import CliRunner

from brainvis.animation.clips import Clips
from brainvis.animation.film import read_gif, read_mp4
from brainvis.animation.stage import animate_clips
from brainvis.artifacts import hdf5
from brainvis.commands.movie_animate import movie_animate
from brainvis.commands.movie_show import movie_show
from brainvis.config.animators import Animator
from brainvis.containers import write_features, write_reconstructions
from brainvis.datasets import splits as splits_file
from brainvis.datasets.splits import Fold
from brainvis.errors import BrainvisError
from brainvis.report.films import show_clips

IDS = np.array([f"clip{i}" for i in range(8)])
TEST = IDS[[6, 1, 4, 3]]
SPLIT = [Fold([str(one) for one in IDS if one not in TEST], [str(one) for one in TEST])]
OF = {"subject": "01", "split": "main", "dataset": "toy", "kind": "simulated"}
FRAMES = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of stimuli, flow targets, decoded flow, splits; a square moves to the right."""
    folder, rng = tmp_path_factory.mktemp("movie"), np.random.default_rng(0)
    clips = rng.integers(60, 120, (8, 1, 16, 16, 3), dtype=np.uint8).repeat(FRAMES, axis=1)
    for number, clip in enumerate(clips):
        for step in range(FRAMES):
            clip[step, 5:11, 2 + step : 8 + step] = (200, 30 * number, 20)
    table = pd.DataFrame({"stimulus_id": IDS, "category": "square", "supercategory": "thing"})
    table["caption"] = [f"a square {number}" for number in range(8)]
    attributes = {"schema": "stimuli", "dataset": "toy", "kind": "simulated", "fps": 8}
    with hdf5.create(folder / "stimuli.h5", attributes) as file:
        hdf5.put(file, "images", clips[:, 0])
        hdf5.put(file, "clips", clips)
        hdf5.put_table(file, "table", table)
    flow = np.zeros((8, 3, 8, 8, 2), np.float32)
    flow[:, :, 2:6, 1:7, 0] = 0.5
    mask = np.zeros((8, 3, 8, 8), np.float32)
    mask[:, :, 3:5, 2:4] = 1
    with hdf5.create(folder / "targets.h5", {"schema": "flow-targets", "estimator": "exact"}) as f:
        hdf5.put(f, "ids", IDS)
        hdf5.put(f, "flow", flow)
        hdf5.put(f, "mask", mask)
    for method, noise in (("codebook", 0.1), ("zero", 0.0)):
        given = {"schema": "decoded-flow", "method": method, **OF, "baseline": method == "zero"}
        with hdf5.create(folder / f"{method}.h5", given) as file:
            hdf5.put(file, "ids", TEST)
            value = flow[:4] + noise * rng.standard_normal((4, 3, 8, 8, 2)) * np.arange(1, 5)[
                :, None, None, None, None
            ] if noise else 0 * flow[:4]  # fmt: skip
            hdf5.put(file, "flow", value.astype(np.float32))
    write_reconstructions(
        folder / "images.h5", TEST[::-1], rng.random((4, 16, 16, 3)), np.zeros(4), method="low",
        **OF,
    )  # fmt: skip
    write_features(
        folder / "tokens.h5", IDS, rng.standard_normal((8, 4)),
        rng.standard_normal((8, TOKENS, WIDTH)), space="image-text", kind="simulated",
    )  # fmt: skip
    splits_file.write(folder / "splits.json", {"main": SPLIT})
    return folder


def animated(data, out, flow="codebook", **settings):
    given = {"kind": "splat", "name": "m", "split_name": "main", "frames": FRAMES} | settings
    animate_clips(data / f"{flow}.h5", data / "stimuli.h5", SPLIT, out, **given)
    return Clips.open(out)


def test_clips_of_test_stimuli_are_written_with_their_origin(data, tmp_path):
    made = animated(data, tmp_path / "c.h5", name="splat")
    assert made.ids.tolist() == TEST.tolist()
    assert made.clips().shape == (4, FRAMES, 16, 16, 3) and made.clips().dtype == np.uint8
    assert {key: made.attributes[key] for key in OF} == OF
    assert made.attributes["first_frame"] == "true" and made.attributes["flow"] == "codebook"
    assert made.attributes["fps"] == 8 and not made.attributes["baseline"]
    with h5py.File(data / "stimuli.h5") as file:
        first = file["images"][:][[6, 1, 4, 3]]
    np.testing.assert_array_equal(made.clips()[:, 0], first)
    np.testing.assert_array_equal(made.clips(TEST[2:3])[0], made.clips()[2])
    assert animated(data, tmp_path / "z.h5", flow="zero").attributes["baseline"]


def test_later_frames_of_true_clips_are_never_read(data, tmp_path):
    blind = shutil.copytree(data, tmp_path / "blind")
    with h5py.File(blind / "stimuli.h5", "a") as file:
        del file["clips"]
    for kind in ("splat", "static"):
        seen = animated(data, tmp_path / "a.h5", kind=kind).clips()
        np.testing.assert_array_equal(seen, animated(blind, tmp_path / "b.h5", kind=kind).clips())


def test_true_flow_moves_the_square_and_static_does_not(data, tmp_path):
    ceiling = animated(data, tmp_path / "t.h5", flow="targets", subject="02")
    assert ceiling.attributes["flow"] == "true" and ceiling.attributes["subject"] == "02"
    assert sorted(ceiling.ids) == sorted(TEST)
    static = animated(data, tmp_path / "s.h5", flow="targets", kind="static", baseline=True)
    assert static.attributes["flow"] == "" and static.attributes["baseline"]
    with h5py.File(data / "stimuli.h5") as file:
        rows = [int(one[4:]) for one in ceiling.ids]
        true = file["clips"][:][rows].astype(float)
    moved, still = (np.abs(one.clips() - true)[:, -1].mean() for one in (ceiling, static))
    assert moved < 0.5 * still


def test_decoded_first_frames_and_tokens_are_matched_by_stimulus(data, animator_folders, tmp_path):
    made = animated(data, tmp_path / "c.h5", first=data / "images.h5", kind="static")
    assert made.attributes["first_frame"] == "low"
    with h5py.File(data / "images.h5") as file:
        wanted = np.round(file["images"][:][::-1] * 255)
    np.testing.assert_array_equal(made.clips()[:, 0], wanted)
    network = {"kind": "diffusion", "folder": animator_folders["refiner"], "device": "cpu"}
    given = animated(data, tmp_path / "d.h5", tokens=data / "tokens.h5", **network)
    alone = animated(data, tmp_path / "e.h5", tokens=data / "tokens.h5", batch=1, **network)
    np.testing.assert_array_equal(given.clips(), alone.clips())
    assert given.attributes["animator"].startswith("refiner@")
    other = animated(data, tmp_path / "f.h5", **network)
    assert (other.clips() != given.clips()).any()


def test_files_that_do_not_belong_together_are_refused(data, animator_folders, tmp_path):
    out, broken = tmp_path / "out.h5", shutil.copytree(data, tmp_path / "broken")
    with pytest.raises(BrainvisError, match="holds no flow"):
        animated(data, out, flow="stimuli")
    with pytest.raises(BrainvisError, match="no fold tests"):
        folds = [Fold(["clip0"], ["clip1"])]
        animate_clips(
            data / "codebook.h5", data / "stimuli.h5", folds, out, kind="splat", name="m",
            split_name="main",
        )  # fmt: skip
    with h5py.File(broken / "images.h5", "a") as file:
        file.attrs["subject"] = "02"
    with pytest.raises(BrainvisError, match=r"images.h5: subject: belongs to another subject"):
        animated(broken, out, first=broken / "images.h5")
    with h5py.File(broken / "tokens.h5", "a") as file:
        file.attrs["space"] = "pixels"
    network = {"kind": "diffusion", "folder": animator_folders["refiner"], "device": "cpu"}
    with pytest.raises(BrainvisError, match=r"tokens.h5: space: holds another feature space"):
        animated(broken, out, tokens=broken / "tokens.h5", **network)


@pytest.fixture
def shown(data, tmp_path):
    made = []
    for name, settings in {"static": {"kind": "static"}, "splat": {}}.items():
        animated(data, tmp_path / f"{name}.h5", name=name, **settings)
        made.append(tmp_path / f"{name}.h5")
    return made


def test_films_figures_and_captions_are_written(data, shown, tmp_path):
    flows = [data / "codebook.h5", data / "zero.h5"]
    show_clips(data / "stimuli.h5", data / "targets.h5", flows, shown, tmp_path / "films")
    told = json.loads((tmp_path / "films/chosen.json").read_text())
    assert [one["role"] for one in told["clips"]] == ["best", "median", "worst", "random"]
    assert sorted(one["stimulus_id"] for one in told["clips"]) == sorted(TEST)
    assert "codebook" in told["rule"] and told["kind"] == "simulated"
    captions = pd.read_csv(tmp_path / "films/captions.csv")
    assert captions["caption"].str.contains("Simulated data").all()
    assert captions["caption"].str.contains("true first frame repeated").any()
    for name in captions["file"]:
        assert (tmp_path / "films" / name).stat().st_size > 500
    for one in told["clips"]:
        film, gif, figure = (tmp_path / "films" / name for name in one["files"])
        frames, rate = read_mp4(film)
        assert len(frames) == FRAMES and rate == 8
        assert read_gif(gif)[0].shape[0] == FRAMES
        assert figure.read_bytes()[:4] == b"\x89PNG"
    size = sum(path.stat().st_size for path in (tmp_path / "films").iterdir())
    assert size < 2e6


def test_show_refuses_what_does_not_fit(data, shown, tmp_path):
    def show(flows, clips):
        show_clips(data / "stimuli.h5", data / "targets.h5", flows, clips, tmp_path / "films")

    with pytest.raises(BrainvisError, match="needs decoded flow"):
        show([], shown)
    with pytest.raises(BrainvisError, match="two files of one method"):
        show([data / "codebook.h5"], [shown[0], shown[0]])
    animated(data, tmp_path / "short.h5", name="short", frames=3)
    with pytest.raises(BrainvisError, match=r"short.h5: clips: clips need the 6 frames"):
        show([data / "codebook.h5"], [tmp_path / "short.h5"])
    assert not list((tmp_path / "films").glob("*.mp4"))


def slice_of(method, **settings):
    values = {"dataset": "toy", "kind": "simulated", "seed": 0, "settings": {}}
    return json.dumps(values | {"settings": {f"animators.{method}": settings} if method else {}})


def command(function, *arguments):
    app = typer.Typer()
    app.command()(function)
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_commands_animate_and_show(data, tmp_path):
    files = ("--stimuli", data / "stimuli.h5", "--splits", data / "splits.json", "--split", "main")
    settings = {"kind": "splat", "flow": "codebook", "first": "true", "frames": FRAMES, "batch": 2,
                "baseline": False, "holes": "inpaint"}  # fmt: skip
    ran = command(
        movie_animate, "--config", slice_of("splat", **settings), "--method", "splat",
        "--flow", data / "codebook.h5", *files, "--out", tmp_path / "clips.h5",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert Clips.open(tmp_path / "clips.h5").attributes["method"] == "splat"
    ran = command(
        movie_show, "--config", slice_of(None), "--stimuli", data / "stimuli.h5",
        "--targets", data / "targets.h5", "--flow", data / "codebook.h5",
        "--clips", tmp_path / "clips.h5", "--out", tmp_path / "films", "--drawn", 0,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert len(list((tmp_path / "films").glob("*.mp4"))) == 3
    ran = command(
        movie_animate, "--config", slice_of("splat", **settings), "--method", "splat",
        "--flow", data / "stimuli.h5", *files, "--out", tmp_path / "clips.h5",
    )  # fmt: skip
    assert ran.exit_code == 1
    assert Clips.open(tmp_path / "clips.h5").attributes["method"] == "splat"  # left as it was


def test_sections_of_the_configuration():
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(Animator)
    ceiling = adapter.validate_python({"kind": "splat", "flow": True})  # unquoted in YAML
    assert ceiling.flow == "true" and ceiling.first == "true" and not ceiling.baseline
    assert adapter.validate_python({"kind": "static"}).baseline
    network = adapter.validate_python({"kind": "diffusion", "flow": "codebook", "strength": 0.2})
    assert network.folder == "foundation/motion" and network.tokens is None
    for bad in ({"kind": "splat"}, {"kind": "magic", "flow": "x"}, {"kind": "splat", "flow": False},
                {"kind": "diffusion", "flow": "x", "strength": 2}):  # fmt: skip
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)
