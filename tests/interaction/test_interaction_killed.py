"""A training that the system kills goes on with the identical loss curve."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import torch
from interaction_world import World

from brainvis.artifacts.files import sha256

EPOCHS, KILLED_IN, STEP = 3, 2, 4
SCRIPT = f"""
import os, signal, sys
from pathlib import Path
import torch
from interaction_world import World
from brainvis.decoding import interaction_fit
torch.set_num_threads(1)
steps, step = [], interaction_fit._step
def fragile(*given):
    steps.append(1)
    if len(steps) == 12 * {KILLED_IN} + {STEP}:  # 288 training images in batches of 24
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*given)
interaction_fit._step = fragile
folder, out, checkpoints = map(Path, sys.argv[1:])
World(folder).train(out / "network", out / "voxels.h5", checkpoints=checkpoints, epochs={EPOCHS})
"""


def curve(folder: Path) -> tuple[list, list]:
    said = json.loads((folder / "config.json").read_text())
    return said["losses"], said["validation"]


def test_after_sigkill_training_continues_with_the_identical_loss_curve(
    untrained: World, tmp_path: Path
):
    torch.set_num_threads(1)
    for name in ("whole", "killed", "resumed"):
        (tmp_path / name).mkdir()
    given = [sys.executable, "-c", SCRIPT, untrained.folder, tmp_path / "killed", tmp_path / "c"]
    done = subprocess.run(given, capture_output=True, text=True, cwd=Path(__file__).parent)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "killed/network").exists()
    states = [json.loads(file.read_text()) for file in (tmp_path / "c").glob("*/state.json")]
    assert [state["epoch"] for state in states] == [KILLED_IN]
    folders = []
    for name, checkpoints in (("whole", None), ("resumed", tmp_path / "c")):
        out = tmp_path / name
        untrained.train(out / "network", out / "voxels.h5", checkpoints=checkpoints, epochs=EPOCHS)
        folders.append(out)
    whole, resumed = folders
    assert curve(whole / "network") == curve(resumed / "network")
    assert len(curve(whole / "network")[0]) == EPOCHS
    for name in ("network", "voxels.h5"):
        assert sha256(whole / name) == sha256(resumed / name)
