"""Films and figures of chosen clips, files to a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from brainvis.animation.choice import Shown, choose
from brainvis.animation.clips import Clips
from brainvis.animation.film import write_gif, write_mp4
from brainvis.animation.panels import side_by_side
from brainvis.animation.wheel import full_speed
from brainvis.artifacts import files, hdf5
from brainvis.containers import Stimuli, read_rows, row_numbers
from brainvis.errors import BrainvisError
from brainvis.report.figures.motion import flow_arrows
from brainvis.report.style import png

_DECODED, _TARGETS = "decoded-flow", "flow-targets"


def show_clips(
    stimuli: Path,
    targets: Path,
    flows: Sequence[Path],
    clips: Sequence[Path],
    out: Path,
    *,
    drawn: int = 1,
    seed: int = 0,
) -> None:
    """Write films (MP4, GIF) and arrow figures (PNG) of a few test clips.

    The folder also gets ``captions.csv`` (file, caption; films and figures in the order to show)
    and ``chosen.json`` (the rule, what was chosen, all files).

    Parameters
    ----------
    stimuli : Path
        `Stimuli` with the true clips.
    targets : Path
        True flow.
    flows : sequence of Path
        Decoded flow; the first ranks the clips, see `choice.choose`. Its subject alone is shown.
    clips : sequence of Path
        `Clips` files.
    out : Path
        Folder to fill.
    drawn : int
        Clips drawn at random beside the best, the median and the worst.
    seed : int

    Raises
    ------
    BrainvisError
        Files that do not belong together, or no decoded flow.
    """
    if not flows:
        raise BrainvisError("needs decoded flow to choose clips by", field="flow", found="none")
    source, given = Stimuli.open(stimuli), [_Decoded.open(path) for path in flows]
    first = given[0]
    decoded = _named(given, first.subject)
    made = _named([_Made(Clips.open(path)) for path in clips], first.subject)
    ids = first.ids
    with hdf5.opened(targets, schema=_TARGETS) as file:
        rows = row_numbers(hdf5.get(file, "ids"), ids, targets)
    true, mask = (read_rows(targets, name, rows, schema=_TARGETS) for name in ("flow", "mask"))
    shown, rule = choose(true, first.flow(ids), mask, method=first.method, seed=seed, drawn=drawn)
    out.mkdir(parents=True, exist_ok=True)
    captions, listed = [], []
    for one in shown:
        chosen = ids[one.row : one.row + 1]
        written = _Clip(source, chosen, true[one.row], decoded, made, first.subject).write(out, one)
        captions += written
        stem = written[0][0].rsplit(".", 1)[0]
        listed.append(
            {
                "stimulus_id": str(chosen[0]),
                "role": one.role,
                "epe": round(one.epe, 4),
                "files": [f"{stem}.{kind}" for kind in ("mp4", "gif", "png")],
            }
        )
    table = pd.DataFrame(captions, columns=["file", "caption"])
    files.write_bytes(out / "captions.csv", table.to_csv(index=False).encode())
    files.write_json(
        out / "chosen.json",
        {"rule": rule, "kind": source.kind, "clips": listed, "seed": seed},
    )


@dataclass(frozen=True)
class _Decoded:
    """A decoded-flow file."""

    path: Path
    ids: np.ndarray
    method: str
    subject: str

    @classmethod
    def open(cls, path: Path) -> _Decoded:
        with hdf5.opened(path, schema=_DECODED) as file:
            method, subject = (str(file.attrs.get(key, "")) for key in ("method", "subject"))
            return cls(path, hdf5.get(file, "ids"), method, subject)

    def flow(self, ids: np.ndarray) -> np.ndarray:
        rows = row_numbers(self.ids, ids, self.path)
        return read_rows(self.path, "flow", rows, schema=_DECODED)


class _Made:
    """A `Clips` file, with the names that panels need."""

    def __init__(self, clips: Clips) -> None:
        self.clips, self.path = clips, clips.path
        self.method, self.subject, self._first, self._flow = (
            str(clips.attributes.get(key, ""))
            for key in ("method", "subject", "first_frame", "flow")
        )

    @property
    def words(self) -> str:
        """What it was made from."""
        frame = "the true first frame" if self._first == "true" else f"the image of {self._first}"
        if not self._flow:
            return f"{frame} repeated"
        return f"{frame}, moved by {'the true flow' if self._flow == 'true' else self._flow}"


_File = TypeVar("_File", _Decoded, _Made)


def _named(given: list[_File], subject: str) -> dict[str, _File]:
    """Files of one subject by method."""
    own = [one for one in given if one.subject == subject]
    names = [one.method for one in own]
    for one in own:
        if names.count(one.method) > 1:
            raise BrainvisError(
                "two files of one method", file=one.path, field="method", found=one.method
            )
    return dict(zip(names, own, strict=True))


class _Clip:
    """One test stimulus with all that was made of it."""

    def __init__(
        self,
        source: Stimuli,
        chosen: np.ndarray,
        true: np.ndarray,
        decoded: dict[str, _Decoded],
        made: dict[str, _Made],
        subject: str,
    ) -> None:
        row = source.rows(chosen)
        self._id, self._kind, self._subject = str(chosen[0]), source.kind, subject
        self._caption = str(source.table["caption"].iloc[row[0]])
        self._fps = float(np.asarray(source.attributes.get("fps", 8)))
        self._clips = {"true clip": source.read("clips", row)[0]}
        self._clips |= {name: one.clips.clips(chosen)[0] for name, one in made.items()}
        self._flows = {"true flow": true}
        self._flows |= {f"flow: {name}": one.flow(chosen)[0] for name, one in decoded.items()}
        for name, one in made.items():
            if len(self._clips[name]) != len(self._clips["true clip"]):
                raise BrainvisError(
                    f"clips need the {len(self._clips['true clip'])} frames of the true ones",
                    file=one.path,
                    field="clips",
                    found=len(self._clips[name]),
                    remedy="set `frames` of the animator",
                )
        self._words = "; ".join(f"{name}: {one.words}" for name, one in made.items())

    def write(self, out: Path, shown: Shown) -> list[tuple[str, str]]:
        """Write film, GIF and figure; names and captions of film and figure."""
        stem = f"{shown.role}_{re.sub(r'[^A-Za-z0-9-]+', '-', self._id)}"
        fastest = full_speed(self._flows["true flow"])
        title = f"{self._id}  ·  {shown.role}, end-point error {shown.epe:.2f}  ·  {self._caption}"
        simulated = self._kind == "simulated"
        film = side_by_side(self._clips, self._flows, fastest, title, simulated=simulated)
        write_mp4(out / f"{stem}.mp4", film, self._fps)
        write_gif(out / f"{stem}.gif", film, self._fps)
        image = self._clips["true clip"][0]
        figure = flow_arrows(image, self._flows, fastest, kind=self._kind)
        files.write_bytes(out / f"{stem}.png", png(figure))
        grid = self._flows["true flow"].shape[1]
        speed = f"Full colour is {fastest:.2f} px of the {grid} grid per step"
        about = (
            f"{'Simulated data. ' if simulated else ''}{self._id} ({self._caption}), {shown.role} "
            f"by end-point error of the flow decoded from subject {self._subject}, "
            f"{shown.epe:.2f} px."
        )
        return [
            (f"{stem}.mp4", f"{about} {self._words}. {speed}."),
            (f"{stem}.png", f"{about} Arrows of true and decoded flow over the first frame."),
        ]
