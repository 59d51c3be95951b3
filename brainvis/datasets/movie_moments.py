"""Means, deviations and noise ceilings of movies that do not fit in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from brainvis.preprocess.reliability import noise_ceiling


class Moments:
    """Running sums over rows, for a mean and a deviation of what does not fit in memory."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, np.zeros(1), np.zeros(1)

    def add(self, rows: np.ndarray) -> None:
        """Count rows, (n, v)."""
        self.count += len(rows)
        self.total = self.total + rows.sum(axis=0, dtype=float)
        self.squares = self.squares + np.square(rows, dtype=float).sum(axis=0)

    @property
    def mean(self) -> np.ndarray:
        return self.total / max(self.count, 1)

    @property
    def variance(self) -> np.ndarray:
        """Of all rows, not below 0."""
        return np.clip(self.squares / max(self.count, 1) - np.square(self.mean), 0, None)

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """z-scores (n, v) float32 of rows; 0 where nothing varied."""
        spread = np.sqrt(self.variance)
        flat = spread <= 1e-9 * np.maximum(1, np.abs(self.mean))
        return np.where(flat, 0, (rows - self.mean) / np.where(flat, 1, spread)).astype(np.float32)


class Repeats:
    """Noise ceiling of volumes averaged over passes, segment by segment (see `reliability`)."""

    def __init__(self) -> None:
        self.trials, self.noise, self.freedom = Moments(), np.zeros(1), 0
        self.passes: list[int] = []

    def average(self, passes: Iterator[np.ndarray]) -> tuple[np.ndarray, int]:
        """Mean (n, v) of a segment's passes and their number, counted in the ceiling."""
        own, within, count = np.zeros(1), np.zeros(1), 0
        for values in passes:
            self.trials.add(values)
            count += 1
            step = values - own  # Welford's recurrence, over passes
            own = own + step / count
            within = within + (step * (values - own)).sum(axis=0, dtype=float)
        self.noise = self.noise + within
        self.freedom += (count - 1) * len(own)
        self.passes += [count] * len(own)
        return own, count

    def ceiling(self) -> np.ndarray | None:
        """(v,) float32; None where nothing was shown twice."""
        if not self.freedom:
            return None
        noise, total = self.noise / self.freedom, self.trials.variance
        total = total * self.trials.count / max(self.trials.count - 1, 1)
        signal = np.clip(total - noise, 0, None)
        ratio = np.sqrt(np.divide(signal, noise, out=np.zeros_like(noise), where=noise > 0))
        return noise_ceiling(ratio, np.array(self.passes))
