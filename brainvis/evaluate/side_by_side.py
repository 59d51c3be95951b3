"""Work on several files at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

Given = TypeVar("Given")
Made = TypeVar("Made")


def side_by_side(
    work: Callable[[Given], Made], files: Sequence[Given], title: str, threads: int
) -> list[Made]:
    """Results in the order of the files, with a progress bar.

    Threads, since most of the work is in libraries that let other threads run meanwhile.
    """
    with ThreadPoolExecutor(threads) as pool:
        return list(tqdm(pool.map(work, files), total=len(files), desc=title, disable=None))
