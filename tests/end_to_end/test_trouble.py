"""Crashes, damaged files and wrong settings: one clear error, earlier artifacts intact."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_wrong_key_stops_before_anything_runs(workflow, settings):
    settings["decoders"]["ridge-pixels"]["alpha"] = 3
    workflow.write(settings)
    said = workflow.snakemake(check=False)
    assert said.returncode != 0
    assert "tiny.yaml: decoders.ridge-pixels" in said.stdout + said.stderr
    assert "remove the key or correct its name" in said.stdout + said.stderr


def test_a_damaged_artifact_is_refused_by_the_stage_that_reads_it(workflow, settings):
    path = workflow.folder / "results/tiny/responses/sub-01_responses.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    stamp = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    images = workflow.folder / "results/tiny/stimuli/stimuli.h5"
    before = images.read_bytes()
    settings["decoders"]["ridge-pixels"]["inner_folds"] = 4
    workflow.write(settings)
    assert workflow.snakemake(check=False).returncode != 0
    name = "sub-01_split-main_method-ridge-pixels_decode.log"
    text = (workflow.folder / "results/tiny/logs" / name).read_text()
    assert "responses.h5: sha256: differs from what its stage wrote" in text
    assert text.count("\n") == 1
    assert images.read_bytes() == before


@pytest.mark.parametrize(
    "stage", ["stimuli", "simulate", "estimate_betas", "decode", "metrics", "report"]
)
def test_after_sigkill_in_any_stage_the_run_just_continues(workflow, finished, settings, stage):
    """Kill the whole process group while `stage` works, then call snakemake again."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(workflow.folder / "code"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [
        sys.executable, "-m", "snakemake", "-s", "code/Snakefile", "--configfile", "tiny.yaml",
        "--forcerun", stage, "--until", stage,
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=workflow.folder, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        for line in child.stderr:
            if line.startswith(("rule ", "localrule ", "Job ")) or "Finished jobid" in line:
                break
        time.sleep(0.6)
        os.killpg(child.pid, signal.SIGKILL)
    workflow.snakemake()
    assert workflow.planned() == {}
    for artifact in ("responses/sub-01_responses.h5", "stimuli/stimuli.h5"):
        path = f"results/tiny/{artifact}"
        assert workflow.manifest(path)["sha256"] == finished.manifest(path)["sha256"]
