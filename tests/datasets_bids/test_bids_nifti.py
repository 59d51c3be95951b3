"""Streamed NIfTI: equal to nibabel's reading, and refusing what is damaged."""

import nibabel as nib
import numpy as np
import pytest

from brainvis.datasets.nifti import check_same_grid, open_image, read_mask
from brainvis.errors import BrainvisError

SHAPE = (5, 4, 3, 7)


def written(path, data, affine=None):
    image = nib.Nifti1Image(data, np.diag([2.0, 2, 2, 1]) if affine is None else affine)
    nib.save(image, path)
    return path


def without_position(path):
    content = bytearray(path.read_bytes())
    content[252:256] = bytes(4)  # qform_code and sform_code of the NIfTI-1 header
    path.write_bytes(bytes(content))
    return path


def noise(dtype=np.float32, shape=SHAPE):
    # Incompressible, so that a cut at any share of the file removes data.
    return (np.random.default_rng(0).normal(size=shape) * 1000).astype(dtype)


def values_of(image):
    stored = np.concatenate([part for _, part in image.volumes()])
    return stored * image.slope + image.inter  # (volumes, voxels)


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64, ">i2"])
def test_same_values_as_nibabel(tmp_path, monkeypatch, extension, dtype):
    monkeypatch.setattr("brainvis.datasets.nifti._CHUNK_BYTES", 200)  # several chunks
    path = tmp_path / f"a{extension}"
    image = nib.Nifti1Image(np.abs(noise(np.float32)) % 200, np.eye(4))
    if dtype == ">i2":
        image = nib.Nifti1Image(image.dataobj, np.eye(4), nib.Nifti1Header(endianness=">"))
    image.set_data_dtype(dtype)
    image.header["sform_code"] = 1
    nib.save(image, path)
    expected = np.asarray(nib.load(path).dataobj).reshape(-1, SHAPE[3], order="F").T
    np.testing.assert_allclose(values_of(open_image(path, 4)), expected, rtol=1e-5)


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
def test_truncated_data(tmp_path, extension, share):
    path = written(tmp_path / f"a{extension}", noise())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BrainvisError, match="truncated") as caught:
        list(open_image(path, 4).volumes())
    assert str(path) in str(caught.value)


def test_truncated_gzip_trailer_and_flipped_byte(tmp_path):
    path = written(tmp_path / "a.nii.gz", noise())
    content = path.read_bytes()
    path.write_bytes(content[:-4])
    with pytest.raises(BrainvisError, match="truncated"):
        list(open_image(path, 4).volumes())
    broken = bytearray(content)
    broken[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(broken))
    with pytest.raises(BrainvisError, match=r"damaged|truncated"):
        list(open_image(path, 4).volumes())


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"no image at all" * 100])
def test_no_nifti(tmp_path, content):
    path = tmp_path / "a.nii"
    path.write_bytes(content)
    with pytest.raises(BrainvisError, match="cannot be read as NIfTI"):
        open_image(path, 4)


def test_header_faults(tmp_path):
    with pytest.raises(BrainvisError, match="needs 4 dimensions"):
        open_image(written(tmp_path / "a.nii", noise(shape=(5, 4, 3))), 4)
    with pytest.raises(BrainvisError, match="needs 3 dimensions"):
        open_image(written(tmp_path / "b.nii", noise()), 3)
    with pytest.raises(BrainvisError, match="no position in space"):
        open_image(without_position(written(tmp_path / "c.nii", noise())), 4)
    flat = written(tmp_path / "d.nii", noise())
    content = bytearray(flat.read_bytes())
    content[296:312] = bytes(16)  # second row of the sform affine
    flat.write_bytes(bytes(content))
    with pytest.raises(BrainvisError, match="affine is singular"):
        open_image(flat, 4)
    with pytest.raises(BrainvisError, match="unsupported data type"):
        open_image(written(tmp_path / "e.nii", noise(np.complex64)), 4)


def test_grids_must_agree(tmp_path):
    bold = open_image(written(tmp_path / "a.nii", noise()), 4)
    mask = noise(shape=SHAPE[:3]) > 0
    good = written(tmp_path / "m.nii.gz", mask.astype(np.uint8))
    np.testing.assert_array_equal(read_mask(good, bold), mask.ravel(order="F"))
    shape = written(tmp_path / "s.nii", np.ones((5, 4, 2), np.uint8))
    with pytest.raises(BrainvisError, match=r"shape differs.*resample"):
        read_mask(shape, bold)
    moved = np.diag([2.0, 2, 2, 1])
    moved[0, 3] = 1.0
    other = written(tmp_path / "o.nii", np.ones(SHAPE[:3], np.uint8), affine=moved)
    with pytest.raises(BrainvisError, match=r"affine differs.*resample"):
        read_mask(other, bold)
    flipped = written(tmp_path / "f.nii", noise(), affine=np.diag([-2.0, 2, 2, 1]))
    with pytest.raises(BrainvisError, match="affine differs"):
        check_same_grid(open_image(flipped, 4), bold)
    empty = written(tmp_path / "e.nii", np.zeros(SHAPE[:3], np.uint8))
    with pytest.raises(BrainvisError, match="mask is empty"):
        read_mask(empty, bold)
