"""Films side by side with their names above them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from brainvis.animation.paths import flow_of_steps
from brainvis.animation.wheel import flow_colours, legend

_GAP, _LINE, _TEXT = 4, 15, 11  # pixels between panels, of a line of text, of its letters
_COLUMNS = 5  # panels side by side; more would be too small on a page
_INK, _PAPER, _SIMULATED = (30, 34, 40), (255, 255, 255), (178, 84, 0)


def side_by_side(
    clips: dict[str, np.ndarray], flows: dict[str, np.ndarray], fastest: float, words: str,
    *, side: int = 128, simulated: bool = False,
) -> np.ndarray:  # fmt: skip
    """A film of clips and, in the rows below them, of flow as colour.

    Parameters
    ----------
    clips : dict of ndarray, (t, h, w, 3) uint8
        By their names, from the left; the true one first.
    flows : dict of ndarray, (k, g, g, 2)
        Likewise, of one unit.
    fastest : float
        Speed of full colour.
    words : str
        Line above all.
    side : int
        Of a panel, in pixels.
    simulated : bool
        Whether the word "simulated" stands above all.

    Returns
    -------
    ndarray of uint8, (t, height, width, 3)
    """
    frames = len(next(iter(clips.values())))
    upper = [_labelled(_enlarged(clip, side), name) for name, clip in clips.items()]
    lower = [
        _labelled(_enlarged(flow_film(flow, frames, fastest), side), name)
        for name, flow in flows.items()
    ]
    wheel = np.full((frames, side, side, 3), _PAPER, np.uint8)
    wheel[:, : side // 2, : side // 2] = legend(side // 2)
    lower.append(_labelled(wheel, "colour of motion"))
    columns = min(_COLUMNS, max(len(upper), len(lower)))
    rows = [
        panels[at : at + columns]
        for panels in (upper, lower)
        for at in range(0, len(panels), columns)
    ]
    body = np.concatenate([_row(row, columns) for row in rows], axis=1)
    head = np.full((frames, _LINE + 2, body.shape[2], 3), _PAPER, np.uint8)
    title = ("simulated  ·  " if simulated else "") + words
    head[:] = _written(head[0], title, _SIMULATED if simulated else _INK)
    return np.concatenate([head, body], axis=1)


def flow_film(flow: np.ndarray, frames: int, fastest: float) -> np.ndarray:
    """Flow (k, g, g, 2) as colours of each frame, (frames, g, g, 3); the last step stays."""
    steps = flow_of_steps(flow[None], frames)[0]
    return flow_colours(np.concatenate([steps, steps[-1:]]), fastest)


def _row(panels: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Panels (t, h, w, 3) from the left, with paper for those that are missing."""
    blank = np.full_like(panels[0], 255)
    filled = [*panels, *[blank] * (columns - len(panels))]
    gap = np.full((*blank.shape[:2], _GAP, 3), 255, np.uint8)
    return np.concatenate([part for panel in filled for part in (panel, gap)], axis=2)


def _labelled(film: np.ndarray, name: str) -> np.ndarray:
    """A film with a line of text above each frame."""
    line = np.full((_LINE, film.shape[2], 3), _PAPER, np.uint8)
    above = np.broadcast_to(_written(line, name, _INK), (len(film), *line.shape))
    return np.concatenate([above, film], axis=1)


def _written(line: np.ndarray, words: str, colour: tuple[int, int, int]) -> np.ndarray:
    """Text on a strip of paper, cut off where it ends."""
    image = Image.fromarray(line)
    font = ImageFont.load_default(_TEXT)
    ImageDraw.Draw(image).text((1, 0), words, fill=colour, font=font)
    return np.asarray(image)


def _enlarged(film: np.ndarray, side: int) -> np.ndarray:
    """A film in another size, without smoothing where whole pixels fit."""
    return np.stack(
        [
            np.asarray(
                Image.fromarray(frame).resize(
                    (side, side),
                    Image.Resampling.NEAREST
                    if side % frame.shape[0] == 0 and side % frame.shape[1] == 0
                    else Image.Resampling.BICUBIC,
                )
            )
            for frame in film
        ]
    )
