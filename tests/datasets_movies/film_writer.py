"""Small videos for tests of loaders, written with imageio-ffmpeg."""

import subprocess

import imageio_ffmpeg
import numpy as np

LATE = (
    "setpts='if(lt(N,8),N,8+(N-8)*3)'"  # every frame from the eighth on stays three times as long
)


def write_film(path, frames, fps=10, filters=None):
    """A lossless film of (t, height, width, 3) uint8 frames."""
    frames = np.asarray(frames, dtype=np.uint8)
    extra = ["-qp", "0", "-preset", "ultrafast", "-threads", "1"]
    extra += ["-vf", filters, "-fps_mode", "vfr"] if filters else []
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = imageio_ffmpeg.write_frames(
        str(path), frames.shape[2:0:-1], fps=fps, codec="libx264rgb", pix_fmt_in="rgb24",
        pix_fmt_out="rgb24", macro_block_size=2, quality=None, ffmpeg_log_level="error",
        output_params=extra,
    )  # fmt: skip
    writer.send(None)
    for frame in frames:
        writer.send(np.ascontiguousarray(frame))
    writer.close()
    return path


def grey_steps(count, step=4, height=48, width=64):
    """Frame n is grey level n * step."""
    levels = np.arange(count) * step % 256
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3))


def write_sound(path):
    """A file without pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "sine=d=0.2", "-y",
         str(path)], check=True,
    )  # fmt: skip
    return path
