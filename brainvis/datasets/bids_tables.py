"""Events and confounds tables of a BIDS run, checked row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts.files import resolve_inside
from brainvis.errors import BrainvisError

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
DEFAULT_CONFOUNDS = (*MOTION, "framewise_displacement")
_IDENTITY = ("stimulus_id", "stim_file", "trial_type")  # first that is present
_REST = {"", "rest", "blank", "fixation", "baseline"}
_BLOCK_GAP = 4.0  # seconds of fixation that do not end a block
_TOLERANCE = 1e-3  # seconds


def read_events(
    path: Path, seconds: float, *, trial: str = "event", stimuli: Path | None = None
) -> pd.DataFrame:
    """Trials of one run, in order of onset.

    Rows without a stimulus (``n/a``, or a trial type such as "rest") are no trials.

    Parameters
    ----------
    path : Path
        ``*_events.tsv``; CRLF line ends and a byte-order mark are accepted.
    seconds : float
        Length of the run.
    trial : {"event", "block"}
        One trial per event, or per block of consecutive events of one trial_type.
    stimuli : Path, optional
        Folder that holds the files named in ``stim_file``; they must exist.

    Returns
    -------
    DataFrame with onset, duration (seconds), stimulus_id, trial_type (str)

    Raises
    ------
    BrainvisError
        Columns missing; onset or duration not a number; duration 0; events before or beyond the
        run; duplicate or overlapping events; a stimulus file missing; no trial at all.
    """
    table = _read_table(path)
    for column in ("onset", "duration"):
        if column not in table:
            raise BrainvisError(
                "required column is missing", file=path, field=column, found=list(table.columns)
            )
    events = _with_identity(table, path, trial)
    for column in ("onset", "duration"):
        events[column] = _numbers(events, path, column)
    if table.duplicated().any():
        row = int(np.flatnonzero(table.duplicated())[0])
        raise BrainvisError("duplicate row", file=path, field=f"row {row + 2}")
    shown = ~events["stimulus_id"].str.lower().isin(_REST).to_numpy(dtype=bool)
    order = np.argsort(events["onset"].to_numpy(), kind="stable")
    events = events.take(order[shown[order]]).reset_index(drop=True)
    if events.empty:
        raise BrainvisError("holds no trial", file=path)
    _check_times(events, seconds, path)
    if "stim_file" in events:
        _check_files(events["stim_file"].unique().tolist(), stimuli, path)
    events = events.reindex(columns=["onset", "duration", "stimulus_id", "trial_type"])
    return _blocks(events) if trial == "block" else events


def read_confounds(
    path: Path, columns: Sequence[str], volumes: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Chosen confounds, one row per volume, undefined first rows set to 0.

    Of the default columns, those that the table has are taken; columns that a user named must all
    be present.

    Returns
    -------
    confounds : (volumes, k) float64
    names : the k columns

    Raises
    ------
    BrainvisError
        A named column is missing; other length than the run; not finite after the first volumes.
    """
    table = _read_table(path)
    if len(table) != volumes:
        raise BrainvisError(
            f"needs one row per volume ({volumes})", file=path, found=f"{len(table)} rows"
        )
    optional = DEFAULT_CONFOUNDS if tuple(columns) == DEFAULT_CONFOUNDS else ()
    names = tuple(name for name in columns if name in table or name not in optional)
    if missing := [name for name in names if name not in table]:
        raise BrainvisError(
            "confound column is missing",
            file=path,
            field=missing[0],
            remedy=f"choose among {sorted(table.columns)[:12]}",
        )
    if not names:
        return np.zeros((volumes, 0)), ()
    values = np.stack([_as_numbers(table, name) for name in names], axis=1)
    for column, name in zip(values.T, names, strict=True):
        bad = np.flatnonzero(~np.isfinite(column))
        # Derivatives and displacements are undefined at the start of a run only.
        if bad.size and not np.array_equal(bad, np.arange(min(bad.size, 2))):
            raise BrainvisError("is not a number", file=path, field=f"{name}, row {bad[-1] + 2}")
        column[bad] = 0.0
    return values, names


def _read_table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise BrainvisError("cannot be read as a table", file=path, found=error) from error
    return pd.DataFrame(
        {str(name).strip(): table[name].fillna("").str.strip() for name in table.columns}
    )


def _with_identity(table: pd.DataFrame, path: Path, trial: str) -> pd.DataFrame:
    names = ("trial_type",) if trial == "block" else _IDENTITY
    source = next((name for name in names if name in table), None)
    if source is None:
        raise BrainvisError(
            "no column says what was shown",
            file=path,
            field=" or ".join(names),
            found=list(table.columns),
        )
    events = table.replace({"n/a": "", "NaN": "", "nan": ""})
    if source == "stim_file":
        events["stimulus_id"] = [name and Path(name).stem for name in events["stim_file"]]
    else:
        events["stimulus_id"] = events[source]
    if "trial_type" not in events:
        events["trial_type"] = ""
    return events


def _as_numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """A column of text as numbers, NaN where it holds none."""
    return np.array(pd.to_numeric(table[name].to_numpy(), errors="coerce"), dtype=float)


def _numbers(table: pd.DataFrame, path: Path, name: str) -> np.ndarray:
    values = _as_numbers(table, name)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise BrainvisError(
            "is not a number",
            file=path,
            field=f"{name}, row {row + 2}",
            found=repr(table[name].iloc[row]),
        )
    return values


def _check_times(events: pd.DataFrame, seconds: float, path: Path) -> None:
    onset, duration = events["onset"].to_numpy(), events["duration"].to_numpy()
    problems = {
        "duration must be above 0": duration <= 0,
        "event starts before the run": onset < 0,
        f"event ends beyond the run of {seconds:g} s": onset + duration > seconds + _TOLERANCE,
        "events overlap": np.append(onset[1:] < (onset + duration)[:-1] - _TOLERANCE, False),
    }
    for problem, where in problems.items():
        if where.any():
            first = int(np.flatnonzero(where)[0])
            raise BrainvisError(
                problem,
                file=path,
                field="onset, duration",
                found=f"onset {onset[first]:g} s, duration {duration[first]:g} s",
            )


def _check_files(names: list[str], stimuli: Path | None, path: Path) -> None:
    for name in names:
        if not name:
            continue
        if stimuli is None or not resolve_inside(stimuli, name).is_file():
            raise BrainvisError(
                "stimulus file is missing",
                file=path,
                field="stim_file",
                found=name,
                remedy=f"put it into {stimuli or 'stimuli/ of the BIDS tree'}",
            )


def _blocks(events: pd.DataFrame) -> pd.DataFrame:
    """Merge consecutive events of one type; a block lasts from its first onset to its last end."""
    end = events["onset"] + events["duration"]
    gap = events["onset"] - end.shift()
    same = events["trial_type"] == events["trial_type"].shift()
    number = (~(same & (gap <= _BLOCK_GAP))).cumsum()
    first = events.groupby(number).first()
    first["duration"] = end.groupby(number).last() - first["onset"]
    return first.reset_index(drop=True)
