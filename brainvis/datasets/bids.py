"""BIDS names and the runs of one subject, in a raw tree or in fMRIPrep derivatives.

A small parser of our own: indexing a whole tree takes minutes elsewhere, and we need one subject.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from brainvis.errors import BrainvisError

# Order of the BIDS specification (1.10).
ENTITIES = (
    *("sub", "ses", "sample", "task", "tracksys", "acq", "ce", "trc", "stain", "rec", "dir"),
    *("run", "mod", "echo", "flip", "inv", "mt", "part", "proc", "hemi", "space", "split"),
    *("recording", "chunk", "atlas", "seg", "scale", "res", "den", "label", "desc"),
)
NIFTI = (".nii.gz", ".nii")
_RUN_KEY = ("ses", "task", "acq", "ce", "rec", "dir", "run", "echo")
_LABEL = re.compile(r"[A-Za-z0-9]+")
_NAME = re.compile(r"((?:[a-z]+-[A-Za-z0-9]+_)*)([A-Za-z0-9]+)((?:\.[A-Za-z0-9]+)+)")


@dataclass(frozen=True)
class BidsFile:
    """A path and what its name says."""

    path: Path
    suffix: str
    extension: str
    entities: Mapping[str, str]

    def key(self) -> tuple[str, ...]:
        """What identifies the run, the same for its BOLD, events and confounds."""
        return tuple(self.entities.get(name, "") for name in _RUN_KEY)


@dataclass(frozen=True)
class BoldRun:
    """One run: its files, its TR and the time of its first volume (seconds)."""

    bold: Path
    events: Path
    confounds: Path | None
    mask: Path | None
    tr: float
    start: float
    session: str
    number: int  # 1, 2, ... over all sessions


@dataclass(frozen=True)
class BidsSubject:
    """One subject's runs in order of session and run, ROI masks by name, stimulus folder."""

    subject: str
    runs: tuple[BoldRun, ...]
    rois: Mapping[str, Path] = field(default_factory=dict)
    stimuli: Path | None = None


def parse_name(path: str | Path) -> BidsFile | None:
    """Entities, suffix and extension of a file name; None where it is not a BIDS name."""
    path = Path(path)
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    pairs = [part.split("-", 1) for part in match[1].split("_") if part]
    entities = dict(pairs)
    if len(entities) < len(pairs) or not entities.keys() <= set(ENTITIES):
        return None
    return BidsFile(path, match[2], match[3], entities)


def build_name(suffix: str, extension: str, **entities: str) -> str:
    """BIDS file name with entities in the order of the specification.

    Raises
    ------
    BrainvisError
        An unknown entity, or a label with characters other than letters and digits.
    """
    if unknown := entities.keys() - set(ENTITIES):
        raise BrainvisError("not a BIDS entity", field=min(unknown))
    for key, label in entities.items():
        if not _LABEL.fullmatch(label):
            raise BrainvisError("a BIDS label has letters and digits only", field=key, found=label)
    parts = [f"{key}-{entities[key]}" for key in ENTITIES if key in entities]
    return "_".join([*parts, suffix]) + extension


def build_path(root: Path, datatype: str, suffix: str, extension: str, **entities: str) -> Path:
    """``root/sub-01[/ses-02]/func/sub-01_..._bold.nii.gz``.

    Raises
    ------
    BrainvisError
        As `build_name`; or no ``sub`` entity.
    """
    if "sub" not in entities:
        raise BrainvisError("a BIDS path needs a subject", field="sub")
    name = build_name(suffix, extension, **entities)
    folders = [f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities]
    return root.joinpath(*folders, datatype, name)


def find_subject(
    bids: Path, subject: str, *, task: str | None = None, space: str | None = None
) -> BidsSubject:
    """Runs of one subject, with whatever belongs to each.

    `bids` is a raw tree, a derivative tree, or a raw tree with derivatives below
    ``derivatives/``. ``desc-preproc`` BOLD is preferred to raw BOLD; events may lie in the raw
    tree that holds (or that is) `bids`.

    Raises
    ------
    BrainvisError
        No such subject; no or several BOLD files for a run; several tasks or spaces where none
        is named; a run without events or without RepetitionTime.
    """
    roots = _roots(bids)
    found = [file for root in roots for file in _files(root / f"sub-{subject}")]
    if not found:
        raise BrainvisError("no such subject", file=bids, field=f"sub-{subject}")
    bolds = _bold_files(found, bids, task, space)
    runs = tuple(
        _run(bold, number, found, roots) for number, bold in enumerate(_in_order(bolds), start=1)
    )
    rois = _rois(found, bolds[0].entities.get("space"))
    stimuli = next((root / "stimuli" for root in roots if (root / "stimuli").is_dir()), None)
    return BidsSubject(subject, runs, rois, stimuli)


def _roots(bids: Path) -> list[Path]:
    """`bids`, derivative trees below it, and the raw tree that it is derived from."""
    if not bids.is_dir():
        raise BrainvisError("no such folder", file=bids, remedy="give the root of a BIDS tree")
    absolute = bids.resolve()
    below = sorted(path for path in (absolute / "derivatives").glob("*") if path.is_dir())
    above = []
    if "derivatives" in absolute.parts:
        place = len(absolute.parts) - 1 - absolute.parts[::-1].index("derivatives")
        above = [Path(*absolute.parts[:place])]
    return [absolute, *below, *above]


def _files(folder: Path) -> list[BidsFile]:
    """BIDS files below a folder, and ``rois/<ROI>.nii.gz`` read as ROI masks."""
    files = []
    for path in sorted(folder.rglob("*")):
        parsed = parse_name(path)
        if path.parent.name == "rois" and path.name.endswith(NIFTI):
            stem, dot, extension = path.name.partition(".nii")
            if parsed is None or "label" not in parsed.entities:
                parsed = BidsFile(path, "mask", dot + extension, {"label": stem})
        if parsed is not None and path.is_file():
            files.append(parsed)
    return files


def _bold_files(
    found: Iterable[BidsFile], bids: Path, task: str | None, space: str | None
) -> list[BidsFile]:
    bolds = [file for file in found if file.suffix == "bold" and file.extension in NIFTI]
    bolds = [file for file in bolds if file.entities.get("part", "mag") == "mag"]
    bolds = _one_of(bolds, "task", task, bids)
    preprocessed = [file for file in bolds if file.entities.get("desc") == "preproc"]
    raw = [file for file in bolds if "desc" not in file.entities]
    bolds = _one_of(preprocessed or raw, "space", space, bids)
    if not bolds:
        raise BrainvisError("no BOLD files (*_bold.nii.gz)", file=bids, remedy="check the tree")
    seen: dict[tuple[str, ...], BidsFile] = {}
    for file in bolds:
        if other := seen.get(file.key()):
            raise BrainvisError(
                "two BOLD files for one run", file=file.path, found=other.path, remedy="keep one"
            )
        seen[file.key()] = file
    return bolds


def _one_of(files: list[BidsFile], entity: str, wanted: str | None, bids: Path) -> list[BidsFile]:
    labels = sorted({file.entities.get(entity, "") for file in files})
    if wanted is None and len(labels) > 1:
        raise BrainvisError(
            f"several {entity} labels", file=bids, found=labels, remedy=f"name one as {entity}"
        )
    chosen = [file for file in files if wanted in (None, file.entities.get(entity))]
    if files and not chosen:
        raise BrainvisError(f"no BOLD of {entity} {wanted!r}", file=bids, found=labels)
    return chosen


def _in_order(bolds: list[BidsFile]) -> list[BidsFile]:
    def number(label: str) -> tuple[int, str]:
        return (int(label), "") if label.isdigit() else (0, label)

    return sorted(bolds, key=lambda file: [number(label) for label in file.key()])


def _run(bold: BidsFile, number: int, found: list[BidsFile], roots: list[Path]) -> BoldRun:
    same_run = [file for file in found if file.key() == bold.key()]
    events = _inherited(bold, "events", ".tsv", roots)
    if not events:
        raise BrainvisError("run has no events file", file=bold.path, remedy="add *_events.tsv")
    tables = [file for file in same_run if file.extension == ".tsv"]
    confounds = [
        file.path
        for file in tables
        if file.entities.get("desc") == "confounds" and file.suffix in ("timeseries", "regressors")
    ]
    sidecar = _sidecar(bold, roots)
    return BoldRun(
        bold=bold.path,
        events=events[-1],
        confounds=confounds[0] if confounds else None,
        mask=_brain_mask(bold, found),
        tr=_seconds(sidecar, "RepetitionTime", bold.path),
        start=_seconds(sidecar, "StartTime", bold.path) if "StartTime" in sidecar else 0.0,
        session=bold.entities.get("ses", ""),
        number=number,
    )


def _inherited(bold: BidsFile, suffix: str, extension: str, roots: list[Path]) -> list[Path]:
    """Files that apply to a run by the inheritance principle, from general to specific."""
    folders: list[Path] = []
    for root in roots:
        subject = root / f"sub-{bold.entities['sub']}"
        session = subject / f"ses-{bold.entities['ses']}" if "ses" in bold.entities else subject
        folders += [root, subject, session, session / "func"]
    applying = []
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.glob(f"*{suffix}{extension}")):
            file = parse_name(path)
            if file is None or (file.suffix, file.extension) != (suffix, extension):
                continue
            if file.entities.items() <= bold.entities.items():
                applying.append(file)
    applying.sort(key=lambda file: (len(file.entities), len(file.path.parts)))
    return [file.path for file in applying]


def _sidecar(bold: BidsFile, roots: list[Path]) -> dict[str, object]:
    values: dict[str, object] = {}
    for path in _inherited(bold, "bold", ".json", roots):
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise BrainvisError("cannot be read as JSON", file=path, found=error) from error
        values.update(content if isinstance(content, dict) else {})
    return values


def _seconds(sidecar: Mapping[str, object], name: str, bold: Path) -> float:
    value = sidecar.get(name)
    least = 0.0 if name == "StartTime" else 0.01
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 100:
        raise BrainvisError(
            "is no time in seconds" if name in sidecar else "is absent from the JSON sidecars",
            file=bold,
            field=name,
            found=value,
            remedy=f"state {name} in seconds in *_bold.json",
        )
    return float(value)


def _brain_mask(bold: BidsFile, found: list[BidsFile]) -> Path | None:
    """The run's own brain mask, else the subject's, in the space of the BOLD."""
    space = bold.entities.get("space")
    masks = [
        file
        for file in found
        if (file.suffix, file.entities.get("desc")) == ("mask", "brain")
        and file.extension in NIFTI
        and file.entities.get("space") == space
        and not {"label", "hemi"} & file.entities.keys()
        # An anatomical mask has the grid of the T1-weighted image, not of the BOLD.
        and file.path.parent.name != "anat"
        and all(bold.entities.get(k) == v for k, v in file.entities.items() if k in _RUN_KEY)
    ]
    most_specific = max(masks, key=lambda file: len(file.entities), default=None)
    return None if most_specific is None else most_specific.path


def _rois(found: list[BidsFile], space: str | None) -> dict[str, Path]:
    return {
        file.entities["label"]: file.path
        for file in found
        if file.suffix == "mask"
        and file.extension in NIFTI
        and "label" in file.entities
        and file.entities.get("space", space) == space
    }
