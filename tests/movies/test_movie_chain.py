"""All stages of a movie, one after the other in one process: files of one are read by the next."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from brainvis.artifacts import hdf5
from brainvis.cli import app
from brainvis.config.animators import SplatAnimator, StaticAnimator
from brainvis.config.data import Brain, Preprocess
from brainvis.config.motion import Movie
from brainvis.config.motion_decoders import FlowDecoder, FlowTargets
from brainvis.config.movie_encoding import MovieEncoding, MovieScore
from brainvis.evaluate import table as tables

COUNT, FRAMES, SIDE = 40, 8, 64
KINDS = ("face", "house", "apple", "hammer")
SETTINGS = {
    "dataset.brain": Brain(subjects=1, voxels=300, trials_per_run=30),
    "motion.movie": Movie(clips_per_segment=10, repeats=2, test_repeats=2),
    "preprocess": Preprocess(),
    "features": {
        "gabor": {"kind": "gabor", "size": 32, "grid": 8},
        "motion": {"kind": "motion-energy", "size": 16},
    },
    "motion.targets": FlowTargets(),
    "motion.decoders.codebook": FlowDecoder(
        method="codebook", features="gabor", epochs=1, width=8, hidden=16, blocks=1, codewords=5,
        validation=0.4, reliable=0,
    ),
    "motion.decoders.zero": FlowDecoder(method="zero"),
    "animators.moved": SplatAnimator(kind="splat", flow="codebook", frames=FRAMES),
    "animators.still": StaticAnimator(kind="static", frames=FRAMES),
    "motion.encoding": MovieEncoding(
        image="gabor", video=["motion"], folds=2, draws=2, samples=10, permutations=10,
        threshold=0,
    ),
    "motion.score": MovieScore(frames="gabor", null_items=3),
    "evaluate.bootstrap": 100,
    "evaluate.permutations": 100,
}  # fmt: skip


def config() -> str:
    plain = {k: v.model_dump(mode="json") if hasattr(v, "model_dump") else v
             for k, v in SETTINGS.items()}  # fmt: skip
    plain |= {f"features.{name}": one for name, one in SETTINGS["features"].items()}
    known = {"dataset": "simulated", "kind": "simulated", "seed": 4, "settings": plain}
    return json.dumps(known)


def run(*words: object) -> None:
    command = [str(word) for word in words]
    place = 2 if command[0] == "movie" else 1
    done = CliRunner().invoke(app, [*command[:place], "--config", config(), *command[place:]])
    assert done.exit_code == 0, (command, done.output, done.exception)


def write_world(path: Path) -> None:
    """Striped discs that drift, with their flow and mask."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    speed = rng.uniform(-2, 2, (COUNT, 2))
    centre = rng.uniform(24, 40, (COUNT, 2))
    colour, ground = rng.random((2, COUNT, 3))
    clips = np.zeros((COUNT, FRAMES, SIDE, SIDE, 3), np.uint8)
    masks = np.zeros((COUNT, FRAMES, SIDE, SIDE), bool)
    for n, frame in np.ndindex(COUNT, FRAMES):
        x, y = centre[n] + speed[n] * (frame - FRAMES / 2)
        inside = (columns - x) ** 2 + (rows - y) ** 2 < 12**2
        stripes = 0.6 + 0.4 * np.sin((columns - x) * (0.4 + 0.1 * (n % 4)))
        shown = np.where(inside[..., None], stripes[..., None] * colour[n], ground[n])
        clips[n, frame], masks[n, frame] = 255 * shown, inside
    flow = masks[:, :-1, ..., None] * speed[:, None, None, None]
    kind = np.array(KINDS)[np.arange(COUNT) % len(KINDS)]
    table = {"stimulus_id": [f"toy{n:03d}" for n in range(COUNT)], "category": kind}
    table |= {"supercategory": kind, "caption": "a disc", "x": centre[:, 0], "y": centre[:, 1]}
    table |= {"velocity_x": speed[:, 0], "velocity_y": speed[:, 1]}
    attributes = {"schema": "stimuli", "dataset": "simulated", "kind": "simulated", "fps": 8}
    with hdf5.create(path, attributes) as file:
        arrays = {"images": clips[:, 0], "clips": clips, "mask": masks}
        for name, values in {**arrays, "flow": flow.astype(np.float16)}.items():
            hdf5.put(file, name, values)
        hdf5.put_table(file, "table", pd.DataFrame(table))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Folder with every file of the chain."""
    at = tmp_path_factory.mktemp("movies")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BRAINVIS_CACHE", raising=False)
        make(at)
    return at


def make(at: Path) -> None:
    write_world(at / "stimuli.h5")
    ids = [f"toy{n:03d}" for n in range(COUNT)]
    (at / "splits.json").write_text(json.dumps({"main": [{"train": ids[8:], "test": ids[:8]}]}))
    seen = ("--stimuli", at / "stimuli.h5")
    split, main = ("--splits", at / "splits.json"), ("--split", "main")
    run("channels", *seen, "--out", at / "channels.h5")
    for space in SETTINGS["features"]:
        run("features", *seen, "--space", space, "--out", at / f"{space}.h5")
    run("movie", "dataset", "--root", at / "bids")
    run("movie", "simulate", *seen, "--channels", at / "channels.h5", *split, "--subject", "01",
        "--out", at / "bids/sub-01")  # fmt: skip
    run("movie", "responses", "--bids", at / "bids", "--subject", "01", *seen, *split,
        "--out", at / "movie.h5")  # fmt: skip
    run("movie", "targets", *seen, "--out", at / "targets.h5")
    known = ("--responses", at / "movie.h5")
    for method, more in (("codebook", ("--features", at / "gabor.h5")), ("zero", ())):
        run("movie", "decode", "--method", method, *known, "--targets", at / "targets.h5", *more,
            *seen, *split, *main, "--out", at / f"{method}_flow.h5")  # fmt: skip
    for method, flow in (("moved", "codebook_flow"), ("still", "targets")):
        run("movie", "animate", "--method", method, "--flow", at / f"{flow}.h5", *seen, *split,
            *main, "--subject", "01", "--out", at / f"{method}_clips.h5")  # fmt: skip
    spaces = ("--features", at / "gabor.h5", "--features", at / "motion.h5")
    run("movie", "encode", *known, *spaces, *split, "--out", at / "encoding.h5",
        "--table", at / "encoding.csv")  # fmt: skip
    both = [word for name in ("codebook", "zero") for word in ("--flow", at / f"{name}_flow.h5")]
    both += [word for name in ("moved", "still") for word in ("--clips", at / f"{name}_clips.h5")]
    run("movie", "score", *seen, "--targets", at / "targets.h5", *both, "--encoding",
        at / "encoding.h5", "--out", at / "video.parquet", "--summary", at / "summary.csv",
        "--protocols", at / "protocols.csv")  # fmt: skip
    run("movie", "show", *seen, "--targets", at / "targets.h5", *both, "--drawn", 0,
        "--out", at / "films")  # fmt: skip


def test_every_method_is_scored_beside_baselines(made: Path):
    rows = tables.read(made / "summary.csv")
    assert {"codebook", "zero", "moved", "still"} <= set(rows["method"])
    known = rows.set_index(["method", "metric", "subject"])
    assert known.loc[("zero", "epe_object", "01"), "baseline"]
    assert not known.loc[("codebook", "epe_object", "01"), "baseline"]
    assert known.loc[("zero", "epe_object", "01"), "mean"] > 0.1


def test_test_clips_alone_are_decoded_and_shown(made: Path):
    for name in ("codebook_flow", "moved_clips"):
        with hdf5.opened(made / f"{name}.h5") as file:
            assert sorted(hdf5.get(file, "ids")) == [f"toy{n:03d}" for n in range(8)]
            assert file.attrs["kind"] == "simulated" and file.attrs["subject"] == "01"
    captions = pd.read_csv(made / "films/captions.csv")
    assert len(captions) and all((made / "films" / name).is_file() for name in captions["file"])


def test_every_file_tells_its_parents(made: Path):
    manifest = json.loads((made / "codebook_flow.h5.manifest.json").read_text())
    parents = {one["path"] for one in manifest["parents"]}
    assert {"movie.h5", "targets.h5", "gabor.h5", "splits.json"} <= parents
