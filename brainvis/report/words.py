"""Numbers as text, the same everywhere in the report."""

from __future__ import annotations

import numpy as np


def number(value: float, digits: int = 3) -> str:
    """A score; an en dash where there is none."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}"


def interval(low: float, high: float, digits: int = 3) -> str:
    """An interval in brackets; empty where there is none."""
    known = np.isfinite(low) and np.isfinite(high)
    return f"[{low:.{digits}f}, {high:.{digits}f}]" if known else ""


def probability(p: float) -> str:
    """A p or q value; small ones are not rounded to zero."""
    if p is None or not np.isfinite(p):
        return "–"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def counted(count: int, one: str, many: str) -> str:
    """``1 stimulus``, ``2 stimuli``."""
    return f"{count:,} {one if count == 1 else many}"


def size(count: float) -> str:
    """Bytes in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
