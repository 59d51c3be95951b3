"""All analyses of measured data, and their page."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from brainvis.artifacts import files
from brainvis.measured.areas import analyse_areas
from brainvis.measured.digits import analyse_digits
from brainvis.measured.prf_patch import analyse_prf
from brainvis.measured.results import SECTION, figure_name, write
from brainvis.report.markdown import commit

NAMES = ("digits", "prf", "areas")  # in the order of the page


def encode_measured(
    digits: Path,
    prf: Path,
    areas: Path,
    out: Path,
    *,
    digits_folds: int = 10,
    areas_folds: int = 9,
    bootstrap: int = 1000,
    permutations: int = 1000,
    refits: int = 500,
    seed: int = 0,
) -> None:
    """Analyse the three data sets and write tables, figures and sections below `out`.

    Parameters
    ----------
    digits, prf, areas : Path
        Folders of `vangerven_digits`, `prf_patch` and `roi81`.
    out : Path
        Folder to make; one folder an analysis.
    digits_folds, areas_folds : int
        Of cross-validation over stimuli and over objects.
    bootstrap, permutations : int
        Samples for intervals and for p values.
    refits : int
        Fits of all receptive fields of the digits to shuffled stimuli.
    seed : int
        Of all draws.

    Raises
    ------
    BrainvisError
        When a file is absent, unreadable or not what it should be.
    """
    draws = {"bootstrap": bootstrap, "permutations": permutations, "seed": seed}
    results = (
        analyse_digits(digits, folds=digits_folds, refits=refits, **draws),
        analyse_prf(prf, bootstrap=bootstrap, seed=seed),
        analyse_areas(areas, folds=areas_folds, **draws),
    )
    out.mkdir(parents=True)
    for result in results:
        write(result, out / result.name)


def write_page(results: Path, page: Path, images: Path, *, settings: dict, code: str) -> None:
    """Join the sections of finished analyses to a page and put the figures beside it.

    Parameters
    ----------
    results : Path
        From `encode_measured`.
    page : Path
        Markdown file to write.
    images : Path
        Folder to put the figures into.
    settings : dict
        Shown on the page.
    code : str
        Fingerprint of the code that made the results.
    """
    for name in NAMES:
        figure = figure_name(name)
        files.write_bytes(images / figure, (results / name / figure).read_bytes())
    shown = Path(os.path.relpath(images.resolve(), page.resolve().parent)).as_posix()
    text = yaml.safe_dump(settings, sort_keys=True, default_flow_style=None, width=96)
    parts = [
        "# Encoding of measured fMRI",
        f"Made by `snakemake measured` at commit `{commit()}`, code `{code}`. "
        "Value [95 % interval]; p one-sided; `beside` is what to hold the value against: a "
        "baseline, a ceiling, chance.",
        *((results / name / SECTION).read_text().replace("IMAGES/", f"{shown}/") for name in NAMES),
        f"## Settings\n\n```yaml\n{text}```",
    ]
    files.write_bytes(page, ("\n\n".join(parts) + "\n").encode())
