"""Video files to clips of a wanted rate and size, frame by frame, with timestamps checked.

ffmpeg (that of imageio-ffmpeg) reads packets' timestamps without decoding, then decodes as a
stream: memory holds one clip. A frame is on screen from its timestamp until the next frame's.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from brainvis.errors import BrainvisError

UNEVEN = 0.1  # share of the median interval by which intervals may differ (containers round)
CUT_LEVEL, CUT_RATIO = 20.0, 4.0  # grey levels of 255; times the clip's median frame difference
_ROUNDING = 1e-3  # s
_NO_STREAM = "matches no streams"
_NO_DECODER = ("no decoder found", "Could not find codec parameters", "Decoder not found")


@dataclass(frozen=True)
class Video:
    """A video stream: its file and when each frame appears (`times`, (n,) s from the first)."""

    path: Path
    times: np.ndarray

    @property
    def interval(self) -> float:
        """Median time between frames, seconds."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0

    @property
    def seconds(self) -> float:
        """Duration, the last frame included."""
        return float(self.times[-1]) + self.interval

    @property
    def variable(self) -> bool:
        """Whether intervals between frames differ by more than containers' rounding."""
        steps = np.diff(self.times)
        allowed = max(UNEVEN * self.interval, 1.5 * _ROUNDING)
        return bool(len(steps) and np.abs(steps - self.interval).max() > allowed)


def open_video(path: Path) -> Video:
    """Timestamps of a file's first video stream.

    Raises
    ------
    BrainvisError
        No such file, no video file, no video stream, a stream without frames.
    """
    if not path.is_file():
        raise BrainvisError("no such file", file=path, remedy="obtain the data set's stimuli")
    done = subprocess.run(
        [*_ffmpeg(path), "-c", "copy", "-f", "framecrc", "-"], capture_output=True, text=True,
        errors="replace",
    )  # fmt: skip
    if _NO_STREAM in done.stderr:
        raise BrainvisError("has no video stream", file=path, remedy="give a file with pictures")
    if done.returncode:
        raise BrainvisError(
            "cannot be read as a video file", file=path, found=_last_line(done.stderr),
            remedy="obtain the file again",
        )  # fmt: skip
    times = _timestamps(done.stdout)
    if not len(times):
        raise BrainvisError("has a video stream without frames", file=path)
    return Video(path, times - times[0])


def _ffmpeg(path: Path) -> list[str]:
    """Command up to the input's first video stream; `file:` keeps names from being protocols."""
    name = f"file:{path}"
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", name, "-map", "0:v:0"]


def _timestamps(listing: str) -> np.ndarray:
    """Presentation times in order, seconds, of a framecrc listing."""
    base, times = 0.0, []
    for line in listing.splitlines():
        if line.startswith("#tb 0:"):
            up, down = line.split(":")[1].split("/")
            base = int(up) / int(down)
        elif line and not line.startswith("#"):
            times.append(int(line.split(",")[2]))
    return np.sort(np.array(times, dtype=float)) * base


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing"])[-1][:200]


def frames_at(video: Video, times: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Frames on screen at times that do not decrease.

    Parameters
    ----------
    video : Video
    times : (n,) seconds
    size : int
        Side in pixels; the whole picture is scaled to a square.

    Yields
    ------
    ndarray of uint8, (size, size, 3)

    Raises
    ------
    BrainvisError
        A codec that cannot be decoded, or fewer decodable frames than timestamps.
    """
    wanted = np.searchsorted(video.times, np.asarray(times) + _ROUNDING, side="right") - 1
    frames, number, frame = _decoded(video, size), -1, np.zeros(0, np.uint8)
    for index in np.maximum(wanted, 0):
        while number < index:
            frame, number = next(frames), number + 1
        yield frame
    frames.close()


def _decoded(video: Video, size: int):
    """Frames in order; after the last one that can be decoded, an error."""
    command = [*_ffmpeg(video.path), "-fps_mode", "passthrough", "-vf"]
    command += [f"scale={size}:{size}:flags=area", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    length, number = size * size * 3, 0
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints)
        assert process.stdout is not None
        try:
            while len(data := process.stdout.read(length)) == length:
                number += 1
                yield np.frombuffer(data, np.uint8).reshape(size, size, 3)
            process.wait()
            complaints.seek(0)
            text = complaints.read().decode(errors="replace")
        finally:
            process.stdout.close()
            process.kill()
            process.wait()
    if any(sign in text for sign in _NO_DECODER):
        raise BrainvisError(
            "has a codec that cannot be read", file=video.path, found=_last_line(text),
            remedy="convert it to H.264 with a player that reads it",
        )  # fmt: skip
    raise BrainvisError(
        "ends before its last timestamp", file=video.path,
        found=f"{number} of {len(video.times)} frames; ffmpeg: {_last_line(text)}",
        remedy="obtain the file again",
    )  # fmt: skip


def windows(
    path: Path, *, seconds: float, frames: int, size: int, count: int | None = None,
    variable: bool = False,
) -> Iterator[np.ndarray]:  # fmt: skip
    """Clips of a video, one window after the other from its first frame.

    Frame j of a clip is what is on screen j / frames of the window after it begins; so a file of
    any rate, and with `variable` one of a variable rate, is sampled by its timestamps.

    Parameters
    ----------
    path : Path
    seconds : float
        Length of a window.
    frames, size : int
        Frames of a clip and their side in pixels.
    count : int, optional
        Number of windows; all that fit by default. Parts of a window at the end are left out.
    variable : bool
        Take a variable frame rate; refused by default, because what was shown to the subject (the
        player's choice) is then unknown.

    Yields
    ------
    ndarray of uint8, (frames, size, size, 3)

    Raises
    ------
    BrainvisError
        See `open_video`, `frames_at`; a variable frame rate; a video shorter than its windows.
    """
    video = open_video(path)
    if video.variable and not variable:
        steps = np.diff(video.times)
        raise BrainvisError(
            "has a variable frame rate", file=path,
            found=f"{1000 * steps.min():.1f} to {1000 * steps.max():.1f} ms between frames",
            remedy="sample it by timestamps (--variable-rate) or convert it to a constant rate",
        )  # fmt: skip
    fitting = int((video.seconds + max(video.interval, _ROUNDING)) / seconds)
    if fitting < (count or 1):
        raise BrainvisError(
            "is shorter than the window" if count in (None, 1) else "is shorter than the fMRI",
            file=path, found=f"{video.seconds:.2f} s",
            remedy=f"{(count or 1) * seconds:g} s are needed",
        )  # fmt: skip
    total = (count or fitting) * frames
    shown = frames_at(video, np.arange(total) * seconds / frames, size)
    for _ in range(total // frames):
        yield np.stack([next(shown) for _ in range(frames)])
    shown.close()  # pyright: ignore[reportAttributeAccessIssue]


def has_cut(clip: np.ndarray) -> bool:
    """Whether the scene changes within a clip.

    The rule: the mean absolute difference of two frames (over pixels and colours) exceeds 20 of
    255 grey levels and 4 times the clip's median difference, so fast motion, which changes all
    frames alike, is no cut. With fewer than 4 frames the median says nothing and only the
    first holds.

    Parameters
    ----------
    clip : ndarray of uint8, (frames, height, width, 3)
    """
    pairs = pairwise(clip.astype(np.int16))
    steps = np.array([np.abs(after - before).mean() for before, after in pairs])
    if not len(steps):
        return False
    usual = CUT_RATIO * np.median(steps) if len(steps) >= 3 else 0.0
    return bool(steps.max() > max(CUT_LEVEL, usual))
