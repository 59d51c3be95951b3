"""The BIDS tree of the simulated subjects: paths, sidecars, NIfTI files.

BOLD, events and sidecars are raw BIDS. Confounds and masks carry the names of derivatives and lie
beside the BOLD; `.bidsignore` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import nibabel as nib
import numpy as np
import pandas as pd
from tqdm import tqdm

from brainvis import __version__
from brainvis.containers import Stimuli
from brainvis.simulate.anatomy import ROIS, Cortex
from brainvis.simulate.noise import Confounds

TASK = "world"
_MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
_README = """Simulated fMRI made by brainvis.

This is simulated data: no person was scanned. Simulated subjects watch the stimuli of a procedural
world; their voxels respond through a simulated brain, and scanner noise, drift and head motion are
added. Beside the raw BOLD lie confounds and region masks in the naming of derivatives, which
.bidsignore lists.
"""
_IGNORED = "*_desc-confounds_timeseries.tsv\n*_mask.nii.gz\n"
_EVENTS = {
    "trial_type": {
        "Description": "What was shown.",
        "Levels": {"stimulus": "an image that then moves", "blank": "nothing"},
    },
    "stimulus_id": {"Description": "Identifier of the stimulus, n/a in blank trials."},
}


def write_dataset_files(root: Path, *, subjects: Sequence[str] = (), tr: float = 1.6) -> None:
    """Write the files at the root of the tree, which all say that the data are simulated.

    dataset_description.json, README, .bidsignore, sidecars shared by all runs and, where
    `subjects` (labels without ``sub-``) are given, participants.tsv.
    """
    root.mkdir(parents=True, exist_ok=True)
    description = {
        "Name": "brainvis simulated subjects watching a procedural world (simulated data)",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "License": "CC0",
        "GeneratedBy": [{"Name": "brainvis", "Version": __version__, "Description": "simulated"}],
    }
    _write_json(root / "dataset_description.json", description)
    _write_json(root / f"task-{TASK}_bold.json", _bold_sidecar(tr))
    _write_json(root / f"task-{TASK}_events.json", _EVENTS)
    (root / "README").write_text(_README, encoding="utf-8")
    (root / ".bidsignore").write_text(_IGNORED, encoding="utf-8")
    if subjects:
        labels = [f"sub-{subject}" for subject in subjects]
        write_table(root / "participants.tsv", pd.DataFrame({"participant_id": labels}))


def write_stimulus_images(stimuli: Path, folder: Path) -> None:
    """Write every stimulus image as ``<stimulus_id>.png``, for ``stimuli/`` of the BIDS tree."""
    source = Stimuli.open(stimuli)
    folder.mkdir(parents=True, exist_ok=True)
    for row, name in enumerate(tqdm(source.ids, disable=None, desc="stimulus images")):
        imageio.imwrite(folder / f"{name}.png", source.read("images", slice(row, row + 1))[0])


def prefix(subject: str, run: int | None = None) -> str:
    """Start of a file name: ``sub-01`` or ``sub-01_task-world_run-03``."""
    name = f"sub-{subject}"
    return name if run is None else f"{name}_task-{TASK}_run-{run:02d}"


def write_masks(func: Path, subject: str, cortex: Cortex) -> None:
    """Write masks of the brain, of each hemisphere (sign of x in mm) and of each area."""
    masks = {"desc-brain": np.ones(len(cortex.roi), bool), "hemi-L": cortex.left}
    masks |= {"hemi-R": ~cortex.left}
    masks |= {f"label-{roi}": cortex.roi == roi for roi in ROIS}
    for entity, member in masks.items():
        image = nib.Nifti1Image(cortex.volume(member.astype(np.uint8)), cortex.affine)
        _mark_space(image)
        nib.save(image, func / f"{prefix(subject)}_{entity}_mask.nii.gz")


def write_bold(path: Path, volumes: np.ndarray, affine: np.ndarray, tr: float) -> None:
    """Write one run, (x, y, z, time) int16, as compressed NIfTI."""
    image = nib.Nifti1Image(volumes, affine)
    _mark_space(image)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((*image.header.get_zooms()[:3], tr))
    nib.save(image, path)


def write_bold_sidecar(path: Path, tr: float) -> None:
    """Write the JSON beside one run's BOLD."""
    _write_json(path, _bold_sidecar(tr))


def confounds_table(confounds: Confounds) -> pd.DataFrame:
    """Confounds in fMRIPrep's column names, one row per volume."""
    table = pd.DataFrame(confounds.motion, columns=list(_MOTION))
    table["framewise_displacement"] = confounds.displacement
    table.loc[0, "framewise_displacement"] = np.nan  # no volume before the first
    table["csf"], table["white_matter"] = confounds.tissue.T
    return table


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a BIDS table: tabs, ``n/a`` where a value is missing."""
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", float_format="%.6g")


def _bold_sidecar(tr: float) -> dict[str, object]:
    return {
        "RepetitionTime": tr,
        "TaskName": TASK,
        "TaskDescription": "Simulated subject watching a procedural world (simulated data)",
    }


def _mark_space(image: nib.Nifti1Image) -> None:
    """Scanner space, told by both transforms."""
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
