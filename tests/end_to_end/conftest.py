"""A tiny run of the whole workflow, made once, copied for each test that disturbs it."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

TINY = {
    "run": "tiny",
    "seed": 3,
    "dataset": {
        "name": "simulated",
        "stimuli": {"count": 40, "prior": 20, "frames": 4},
        "brain": {"subjects": 2, "voxels": 400, "trials_per_run": 30},
    },
    "splits": {"main": {"scheme": "holdout", "test_share": 0.3}},
    "features": {
        "pixels": {"kind": "pixels", "size": 8},
        "image-text": {"kind": "open-clip"},
        "latents": {"kind": "latents"},
    },
    "decoders": {
        "ridge-pixels": {"method": "ridge_pixels"},
        "mean": {"method": "mean"},
    },
    "feature_decoders": {
        "ridge-tokens": {"method": "ridge_features", "features": "image-text", "tokens": True},
        "ridge-latents": {"method": "ridge_features", "features": "latents"},
    },
    "low_level": {"ridge-low": {"decoded": "ridge-latents"}},
    "generators": {"ridge-fused": {"tokens": "ridge-tokens", "start": "ridge-low", "steps": 3}},
    "encoders": {
        "backbone": ["pixels"],
        "contexts": [5, 10],
        "threshold": 0.05,
        "universal": {"channels": 8, "size": 8, "epochs": 2},
        "adapted": {"epochs": 1},
        "population": {"voxels": 200, "components": 12},
        "in_context": {"width": 8, "layers": 1, "heads": 2, "steps": [2, 2, 2], "context": [5, 12]},
        "prompt_space": "pixels",
        "decoder": {"width": 8, "heads": 2, "steps": 2, "voxels": [5, 50], "held": 0.3},
    },
    "clusters": {"count": 16},
    "interaction": {
        "brain-it": {"spaces": ["pixels"], "width": 8, "heads": 2, "hidden": 16, "epochs": 2}
    },
    "evaluate": {"features": ["pixels"], "bootstrap": 200, "permutations": 200},
    "report": {"title": "tiny test run"},
}


@dataclass(frozen=True)
class Workflow:
    """A working folder with its own copy of the package, so that tests may edit it."""

    folder: Path

    def write(self, settings: dict) -> None:
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(settings))

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "code"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "2",
        }
        command = [
            sys.executable, "-m", "snakemake", "-s", str(self.folder / "code/Snakefile"),
            "--directory", str(self.folder), *arguments, "--configfile", "tiny.yaml",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True
        )
        if check:
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a run would start now: rule name to count."""
        said = self.snakemake("-n", "--quiet", "rules", *arguments)
        text = said.stdout + said.stderr
        table = re.findall(r"^([a-z_]+)\s+(\d+)\s*$", text, flags=re.MULTILINE)
        return {rule: int(count) for rule, count in table if rule not in ("all", "total")}

    def edit(self, module: str) -> None:
        """Append a comment to a module of this workflow's own copy of the package."""
        path = self.folder / "code" / module
        path.write_text(path.read_text() + "\n# edited\n")

    def manifest(self, artifact: str) -> dict:
        return json.loads((self.folder / f"{artifact}.manifest.json").read_text())


def copy_code(repository: Path, folder: Path) -> None:
    for name in ("brainvis", "workflows", "data", "profiles"):
        shutil.copytree(
            repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(repository / "Snakefile", folder / "Snakefile")


@pytest.fixture(scope="session")
def finished(tmp_path_factory, repository) -> Workflow:
    """The tiny run, complete. Do not change it; use `workflow`."""
    folder = tmp_path_factory.mktemp("finished")
    copy_code(repository, folder / "code")
    made = Workflow(folder)
    made.write(TINY)
    made.snakemake()
    return made


@pytest.fixture
def workflow(finished, tmp_path) -> Workflow:
    """A copy of the finished tiny run that a test may disturb."""
    folder = tmp_path / "run"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Workflow(folder)


@pytest.fixture
def settings() -> dict:
    return copy.deepcopy(TINY)
