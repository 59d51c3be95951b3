"""Films and the choice of clips: what is written is what is read, and the rule is kept."""

import json

import numpy as np
import pytest
from PIL import Image

from brainvis.animation.choice import choose, end_point_errors
from brainvis.animation.film import read_gif, read_mp4, write_gif, write_mp4
from brainvis.animation.panels import flow_film, side_by_side
from brainvis.animation.wheel import flow_colours, full_speed, legend
from brainvis.errors import BrainvisError


def film(frames=6, height=40, width=64):
    """A bright bar that wanders over a dark ramp."""
    made = np.zeros((frames, height, width, 3), np.uint8)
    made[..., 2] = np.linspace(20, 90, width)
    for number, frame in enumerate(made):
        frame[:, 8 * number : 8 * number + 10] = (220, 200, 40)
    return made


def test_mp4_comes_back_as_it_was(tmp_path):
    frames = film()
    write_mp4(tmp_path / "a.mp4", frames, 8)
    back, rate = read_mp4(tmp_path / "a.mp4")
    assert back.shape == frames.shape and rate == 8
    error = np.abs(back.astype(float) - frames).mean(axis=(1, 2, 3))
    assert error.max() < 12  # colour has half the resolution
    apart = np.abs(back[:, None].astype(float) - frames[None]).mean(axis=(2, 3, 4))
    assert (apart.argmin(axis=1) == np.arange(len(frames))).all()  # in their order
    write_mp4(tmp_path / "b.mp4", frames, 8)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_mp4_is_what_browsers_play(tmp_path):
    import subprocess

    import imageio_ffmpeg

    write_mp4(tmp_path / "a.mp4", film(height=33, width=51), 8)
    told = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(tmp_path / "a.mp4")],
        capture_output=True, text=True, check=False,
    ).stderr  # fmt: skip
    assert "h264" in told and "yuv420p" in told and "52x34" in told
    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # starts before it is all there
    back, _ = read_mp4(tmp_path / "a.mp4")
    assert np.abs(back[:, :33, :51].astype(float) - film(height=33, width=51)).mean() < 12


def test_gif_comes_back_as_it_was(tmp_path):
    frames = film()
    write_gif(tmp_path / "a.gif", frames, 8)
    back, rate = read_gif(tmp_path / "a.gif")
    assert back.shape == frames.shape and rate == pytest.approx(8, rel=0.05)
    assert np.abs(back.astype(float) - frames).mean() < 6
    with Image.open(tmp_path / "a.gif") as opened:
        assert opened.info["loop"] == 0


def test_what_is_no_film_is_one_error(tmp_path):
    with pytest.raises(BrainvisError, match="needs frames of uint8"):
        write_mp4(tmp_path / "a.mp4", film().astype(float), 8)
    with pytest.raises(BrainvisError, match="needs frames of uint8"):
        write_gif(tmp_path / "a.gif", film()[:0], 8)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(BrainvisError, match=r"text.mp4: film cannot be read"):
        read_mp4(tmp_path / "text.mp4")
    with pytest.raises(BrainvisError, match=r"text.mp4: film cannot be read"):
        read_gif(tmp_path / "text.mp4")


def test_colours_tell_direction_and_speed():
    right, down, left, up = (
        flow_colours(np.array([[v]], np.float32), 1.0)[0, 0]
        for v in ((1, 0), (0, 1), (-1, 0), (0, -1))
    )
    assert right.tolist() == [255, 0, 0] and left.tolist() == [0, 255, 255]
    assert down[1] == 255 and down[2] == 0 and up[2] == 255 and up[1] == 0
    still, half = flow_colours(np.array([[[0, 0], [0.5, 0]]], np.float32), 1.0)[0]
    assert still.tolist() == [255] * 3 and half.tolist() == [255, 128, 128]
    wheel = legend(41)
    assert wheel[20, 40, 0] == 255 and wheel[20, 40, 1:].max() < 10  # nearly at full speed
    assert wheel[0, 0].tolist() == [255] * 3
    assert full_speed(np.zeros((2, 4, 4, 2))) > 0


def test_panels_hold_clips_above_and_flow_below():
    clips = {"true clip": film(6, 32, 32), "splat": 255 - film(6, 32, 32)}
    flow = np.zeros((3, 8, 8, 2), np.float32)
    flow[..., 0] = 1
    made = side_by_side(clips, {"true flow": flow}, 1.0, "one", side=64)
    assert made.shape[0] == 6 and made.dtype == np.uint8
    marked = side_by_side(clips, {"true flow": flow}, 1.0, "one", side=64, simulated=True)
    head = 17
    assert (made[:, :head] != marked[:, :head]).any() and (made[:, head:] == marked[:, head:]).all()
    assert (marked[:, :head] == (178, 84, 0)).all(axis=-1).any()  # the word "simulated"
    panel = made[:, head + 15 : head + 15 + 64, :64]
    np.testing.assert_array_equal(panel[:, ::2, ::2], clips["true clip"])
    below = made[:, head + 2 * 15 + 64 :, :64]
    assert (below == (255, 0, 0)).all()
    assert flow_film(flow, 6, 1.0).shape == (6, 8, 8, 3)


@pytest.fixture
def decoded():
    """Twelve clips whose error grows with their number; the last two do not move."""
    rng = np.random.default_rng(0)
    true = rng.normal(0, 0.02, (12, 3, 8, 8, 2)).astype(np.float32)
    true[:10, :, 2:6, 2:6, 0] = 1
    mask = np.zeros((12, 3, 8, 8), np.float32)
    mask[:, :, 2:6, 2:6] = 1
    wrong = true.copy()
    wrong[..., 1] += 0.1 * np.arange(12)[:, None, None, None]
    return true, wrong, mask


def test_clips_are_chosen_by_rule(decoded):
    true, wrong, mask = decoded
    np.testing.assert_allclose(end_point_errors(*decoded), 0.1 * np.arange(12), atol=1e-5)
    shown, rule = choose(true, wrong, mask, method="codebook", seed=3, drawn=2)
    assert [one.role for one in shown] == ["best", "median", "worst", "random", "random"]
    rows = [one.row for one in shown]
    assert rows[:3] == [0, 4, 9] and len(set(rows)) == 5 and max(rows) < 10
    assert "codebook" in rule and "2 drawn at random with seed 3" in rule
    assert choose(true, wrong, mask, method="codebook", seed=3, drawn=2)[0] == shown
    others = {choose(true, wrong, mask, method="m", seed=s)[0][-1].row for s in range(20)}
    assert len(others) > 2


def test_few_or_resting_clips_are_shown_all_the_same(decoded):
    true, wrong, mask = (one[10:] for one in decoded)
    shown, _ = choose(true, wrong, mask, method="m", seed=0)
    assert sorted(one.row for one in shown) == [0, 1]
    assert len(choose(true[:1], wrong[:1], mask[:1], method="m", seed=0)[0]) == 1
    np.testing.assert_allclose(end_point_errors(true, wrong, 0 * mask), [1.0, 1.1], atol=1e-5)
    with pytest.raises(BrainvisError, match="no clip"):
        choose(true[:0], wrong[:0], mask[:0], method="m", seed=0)
    assert json.dumps([one.epe for one in shown])  # plain numbers
