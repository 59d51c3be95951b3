"""Video files: frames by timestamp, and every way in which a file can be wrong."""

import numpy as np
import pytest
from film_writer import LATE, grey_steps, write_film, write_sound

from brainvis.datasets.video_files import has_cut, open_video, windows
from brainvis.errors import BrainvisError


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4", grey_steps(24))


def levels(clips):
    return [clip[:, 0, 0, 0].tolist() for clip in clips]


def test_clips_show_what_is_on_screen_at_their_times(film):
    clips = list(windows(film, seconds=1.0, frames=5, size=16))
    assert [clip.shape for clip in clips] == [(5, 16, 16, 3)] * 2  # 2.4 s hold two windows
    shown = np.array([[0, 2, 4, 6, 8], [10, 12, 14, 16, 18]]) * 4
    assert np.abs(np.array(levels(clips)) - shown).max() <= 1
    faster = next(windows(film, seconds=1.0, frames=20, size=16))
    assert np.abs(faster[:, 0, 0, 0] - np.repeat(np.arange(10), 2) * 4.0).max() <= 1


def test_places_and_colours_are_kept(tmp_path):
    frames = np.zeros((4, 32, 64, 3), np.uint8)
    frames[:, :16, :32, 0] = 200  # red, upper left
    clip = next(windows(write_film(tmp_path / "f.mp4", frames), seconds=0.4, frames=4, size=32))
    assert clip[0, 4, 4].tolist() == pytest.approx([200, 0, 0], abs=2)
    assert clip[0, 28, 28].max() <= 2 and clip[0, 4, 28].max() <= 2


def test_a_variable_rate_is_refused_or_sampled_by_timestamps(tmp_path):
    path = write_film(tmp_path / "v.mp4", grey_steps(16), filters=LATE)
    assert open_video(path).variable
    with pytest.raises(BrainvisError, match=r"variable frame rate.*100.0 to 300.0 ms"):
        next(windows(path, seconds=1.0, frames=5, size=16))
    clips = levels(windows(path, seconds=1.0, frames=5, size=16, variable=True))
    assert np.abs(np.array(clips[0]) - np.array([0, 2, 4, 6, 8]) * 4).max() <= 1
    assert np.abs(np.array(clips[1]) - np.array([8, 9, 10, 10, 11]) * 4).max() <= 1  # from 1.0 s


def test_a_constant_rate_that_a_container_rounds_is_constant(tmp_path):
    path = write_film(tmp_path / "film.mkv", grey_steps(30), fps=30)  # ms in Matroska
    assert not open_video(path).variable


def replaced(film, tmp_path, change):
    path = tmp_path / "damaged.mp4"
    path.write_bytes(change(film.read_bytes()))
    return path


BAD = [
    (lambda film, tmp: tmp / "absent.mp4", "no such file"),
    (lambda film, tmp: write_sound(tmp / "sound.mp4"), "no video stream"),
    (lambda film, tmp: replaced(film, tmp, lambda b: b.replace(b"avc1", b"zzzz")), "codec that"),
    (lambda film, tmp: replaced(film, tmp, lambda b: b[: len(b) // 2]), "cannot be read as a vid"),
    (lambda film, tmp: replaced(film, tmp, lambda b: b"junk" * 99), "cannot be read as a video"),
    (lambda film, tmp: write_film(tmp / "s.mp4", grey_steps(5)), "shorter than the window.*0.50 s"),
]


@pytest.mark.parametrize(("make", "said"), BAD)
def test_bad_files_are_one_clear_error(film, tmp_path, make, said):
    with pytest.raises(BrainvisError, match=said):
        list(windows(make(film, tmp_path), seconds=1.0, frames=5, size=16))


def test_a_film_shorter_than_the_scan_says_both_lengths(film):
    with pytest.raises(BrainvisError, match=r"shorter than the fMRI.*2.40 s.*3 s are needed"):
        list(windows(film, seconds=1.0, frames=5, size=16, count=3))


def moving_bar(frames=16, step=1):
    clip = np.zeros((frames, 32, 32, 3), np.uint8)
    for number, frame in enumerate(clip):
        frame[:, (number * step + np.arange(12)) % 32] = 220
    return clip


def test_cuts_are_told_from_motion():
    clip = moving_bar()
    assert not has_cut(clip)
    assert not has_cut(clip[:1])
    scene = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    clip[9:] = scene
    assert has_cut(clip)
    fade = grey_steps(16, step=8)
    assert not has_cut(np.array(fade, dtype=np.uint8))
