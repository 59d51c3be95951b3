"""Films as files: MP4 that browsers play, and GIF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from PIL import Image

from brainvis.errors import BrainvisError

_QUALITY = "20"  # constant rate factor of x264; lower is better and larger
_COLOURS = 48  # of a GIF's palette, one for the whole film


def write_mp4(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write a film as H.264 in yuv420p, the same bytes each time.

    Parameters
    ----------
    path : Path
    frames : ndarray of uint8, (t, height, width, 3)
        Odd sides get one more row or column, a copy of the last: H.264 wants even ones.
    fps : float

    Raises
    ------
    BrainvisError
        No frames, or the encoder fails.
    """
    even = np.pad(
        _checked(frames, path),
        ((0, 0), (0, frames.shape[1] % 2), (0, frames.shape[2] % 2), (0, 0)),
        mode="edge",
    )
    write: Any = imageio_ffmpeg.write_frames  # its annotations are those of its defaults alone
    writer = write(
        str(path),
        (even.shape[2], even.shape[1]),
        fps=fps,
        codec="libx264",
        pix_fmt_in="rgb24",
        pix_fmt_out="yuv420p",
        macro_block_size=2,
        quality=None,
        ffmpeg_log_level="error",
        output_params=[
            "-crf", _QUALITY, "-preset", "medium", "-threads", "1", "-movflags", "+faststart",
            "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1", "-f", "mp4",
        ],
    )  # fmt: skip
    try:
        writer.send(None)
        for frame in even:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
    except OSError as error:
        raise BrainvisError("film cannot be written", file=path, found=error) from error


def read_mp4(path: Path) -> tuple[np.ndarray, float]:
    """Frames (t, height, width, 3) uint8 of a film and its rate.

    Raises
    ------
    BrainvisError
        A file that ffmpeg cannot read.
    """
    try:
        reader = imageio_ffmpeg.read_frames(str(path), pix_fmt="rgb24")
        about = next(reader)
        width, height = about["size"]
        frames = [np.frombuffer(one, np.uint8).reshape(height, width, 3) for one in reader]
    except (OSError, RuntimeError, StopIteration) as error:
        raise BrainvisError("film cannot be read", file=path, found=str(error)[:200]) from error
    return np.stack(frames), float(about["fps"])


def write_gif(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write an endless GIF with one palette for all frames.

    Raises
    ------
    BrainvisError
        No frames.
    """
    frames = _checked(frames, path)
    every = Image.fromarray(frames.reshape(-1, *frames.shape[2:]))  # one above the other
    palette = every.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    shown = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    wait = max(20, 10 * round(100 / fps))  # ms, in the hundredths of a second that GIF counts
    shown[0].save(
        path, format="GIF", save_all=True, append_images=shown[1:], duration=wait, loop=0,
        disposal=1, optimize=False,
    )  # fmt: skip


def read_gif(path: Path) -> tuple[np.ndarray, float]:
    """Frames (t, height, width, 3) uint8 of a GIF and its rate.

    Raises
    ------
    BrainvisError
        A file that is no GIF.
    """
    try:
        with Image.open(path) as film:
            count = getattr(film, "n_frames", 1)
            frames, waits = [], []
            for number in range(count):
                film.seek(number)
                frames.append(np.asarray(film.convert("RGB")))
                waits.append(film.info.get("duration", 100))
    except OSError as error:
        raise BrainvisError("film cannot be read", file=path, found=str(error)[:200]) from error
    return np.stack(frames), 1000 / float(np.mean(waits))


def _checked(frames: np.ndarray, path: Path) -> np.ndarray:
    if frames.ndim != 4 or frames.shape[3] != 3 or not frames.shape[0] or frames.dtype != np.uint8:
        raise BrainvisError(
            "a film needs frames of uint8 colours", file=path, field="frames",
            found=f"{frames.dtype} {frames.shape}",
        )  # fmt: skip
    return frames
