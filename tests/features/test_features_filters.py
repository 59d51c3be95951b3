"""Pixels, Gabor energy and motion energy measure what their names say."""

import numpy as np
import pytest

from brainvis.errors import BrainvisError
from brainvis.features.gabor import GaborEnergy, transfer_functions
from brainvis.features.motion_energy import MotionEnergy
from brainvis.features.pixels import Pixels


def grating(size, cycles, orientation, phase=0.0):
    """Grey grating whose luminance varies along `orientation` (radians), (size, size, 3)."""
    y, x = np.mgrid[:size, :size] / size
    wave = np.cos(2 * np.pi * cycles * (x * np.cos(orientation) + y * np.sin(orientation)) + phase)
    return np.repeat((0.5 + 0.4 * wave)[..., None], 3, axis=-1).astype(np.float32)


def drifting(direction, frames=16, size=32, cycles=4.0, hertz=2.0, fps=8):
    """A grating that drifts to the right (+1) or to the left (-1), (frames, size, size, 3)."""
    shifts = 2 * np.pi * hertz * np.arange(frames) / fps * -direction
    return np.stack([grating(size, cycles, 0.0, phase) for phase in shifts])


def test_pixels_are_cell_means_in_row_order():
    images = np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    pooled, tokens = Pixels(size=2).extract(images)
    assert tokens is None
    expected = images.reshape(2, 2, 4, 2, 4, 3).mean(axis=(2, 4)).reshape(2, -1)
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


@pytest.mark.parametrize("index", range(4))
def test_gabor_prefers_its_own_frequency_and_orientation(index):
    bank = GaborEnergy(size=64, frequencies=(4.0, 8.0), orientations=4, grid=1, colour=False)
    for row, cycles in enumerate((4.0, 8.0)):
        pooled, _ = bank.extract(grating(64, cycles, np.pi * index / 4)[None])
        assert pooled.reshape(-1).argmax() == row * 4 + index


def test_gabor_energy_ignores_phase_and_mean_luminance():
    bank = GaborEnergy(frequencies=(8.0,), orientations=4, grid=4, colour=False)
    first, _ = bank.extract(grating(64, 8.0, 0.0)[None])
    shifted, _ = bank.extract(grating(64, 8.0, 0.0, phase=np.pi / 2)[None])
    inner = np.ix_([1, 2], [1, 2])  # mirroring at the border bends a grating
    np.testing.assert_allclose(
        first[0, :16].reshape(4, 4)[inner], shifted[0, :16].reshape(4, 4)[inner], rtol=0.02
    )
    blank, _ = bank.extract(np.full((1, 64, 64, 3), 0.9, np.float32))
    assert blank.max() < 1e-3 * first.max()


def test_gabor_filters_pass_no_mean():
    spectra = transfer_functions(128, 64, (2.0, 16.0), 3)
    assert np.abs(spectra[:, 0, 0]).max() < 1e-5 * np.abs(spectra).max()


def test_gabor_cells_say_where_the_contrast_is():
    image = np.full((1, 64, 64, 3), 0.5, np.float32)
    image[0, :32, 32:] = grating(64, 16.0, 0.0)[:32, 32:]  # top right
    pooled, _ = GaborEnergy(frequencies=(16.0,), orientations=2, grid=2, colour=False).extract(
        image
    )
    assert pooled.reshape(2, 4)[0].argmax() == 1


def test_gabor_colour_means_are_opponent():
    red = np.zeros((1, 64, 64, 3), np.float32)
    red[..., 0] = 1.0
    pooled, _ = GaborEnergy(frequencies=(4.0,), orientations=1, grid=1).extract(red)
    np.testing.assert_allclose(pooled[0, 1:], [0.2126, 1.0, -0.5], atol=1e-5)


def test_motion_energy_tells_direction():
    extractor = MotionEnergy(fps=8, spatial_frequencies=(4.0,), temporal_frequencies=(2.0,))
    clips = {0: drifting(1), 180: drifting(-1)}
    clips |= {90: drifting(-1).swapaxes(1, 2), 270: drifting(1).swapaxes(1, 2)}  # y runs down
    for degrees, clip in clips.items():
        energy = np.expm1(extractor.extract(clip[None])[0][0])
        along, against = (
            energy[extractor.directions == (degrees + turn) % 360].mean() for turn in (0, 180)
        )
        assert along > 3 * against


def test_motion_energy_of_one_clip_is_pymotens_own():
    clip = drifting(1)
    extractor = MotionEnergy(fps=8)
    luminance = extractor._luminance(clip[None])[0]
    alone = extractor._pyramid.project_stimulus(luminance, output_nonlinearity=lambda x: x)
    pooled, _ = extractor.extract(np.stack([drifting(-1), clip, drifting(-1)]))
    np.testing.assert_allclose(pooled[1], np.log1p(alone.mean(axis=0)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fps", [4, 7.5])
def test_motion_energy_refuses_frame_rates_that_cannot_carry_it(fps):
    with pytest.raises(BrainvisError, match=r"fps: .*temporal frequency"):
        MotionEnergy(fps=fps)
