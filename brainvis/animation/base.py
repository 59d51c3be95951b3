"""What every clip animator offers, and the checks that all share."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from brainvis.errors import BrainvisError


class ClipAnimator(Protocol):
    """A first frame and decoded flow in, a clip out.

    Attributes
    ----------
    name : str
        What made the clips; with a hash of its weights where it has any.
    space : str
        Feature space of the tokens that it takes; "" if it takes none.
    """

    name: str
    space: str

    def animate(
        self,
        first: np.ndarray,
        flow: np.ndarray,
        tokens: np.ndarray | None,
        *,
        frames: int,
        seeds: np.ndarray,
    ) -> np.ndarray:
        """Clips of one batch; a clip depends on its own row alone, not on the batch.

        Parameters
        ----------
        first : ndarray, (b, height, width, 3)
            float32 in [0, 1], the first frame: the true one, or one decoded from a brain.
        flow : ndarray, (b, k, g, g, 2)
            Decoded flow at k moments spread evenly over the clip, in pixels of the g grid per step
            from one frame to the next, x right, y down.
        tokens : ndarray, (b, t, d), or None
            Decoded condition of an image model; None for none.
        frames : int
            Of the clip, the first included.
        seeds : ndarray, (b,)
            Seed of the noise of each clip.

        Returns
        -------
        ndarray, (b, frames, height, width, 3)
            float32 in [0, 1], of the size of the first frame.

        Raises
        ------
        BrainvisError
            Wrong shapes, values that are not finite, want of memory.
        """
        ...


def check(
    first: np.ndarray, flow: np.ndarray, tokens: np.ndarray | None, frames: int, seeds: np.ndarray
) -> None:
    """Refuse what no animator can take.

    Raises
    ------
    BrainvisError
        Names the argument.
    """
    if first.ndim != 4 or first.shape[3] != 3:
        raise BrainvisError("needs colour images", field="first", found=first.shape)
    if flow.ndim != 5 or flow.shape[-1] != 2 or not flow.shape[1]:
        raise BrainvisError(
            "needs clips x moments x rows x columns x 2", field="flow", found=flow.shape
        )
    counts = {"flow": len(flow), "seeds": len(seeds)}
    counts |= {} if tokens is None else {"tokens": len(tokens)}
    for name, count in counts.items():
        if count != len(first):
            raise BrainvisError(
                f"needs one for each of {len(first)} first frames", field=name, found=count
            )
    if frames < 2:
        raise BrainvisError("a clip needs two frames", field="frames", found=frames)
    for name, values in {"first": first, "flow": flow, "tokens": tokens}.items():
        if values is not None and not np.isfinite(values).all():
            raise BrainvisError("holds values that are not finite", field=name)
