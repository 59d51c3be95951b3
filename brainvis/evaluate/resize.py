"""Bring images to the size of a metric protocol."""

from __future__ import annotations

import numpy as np
from PIL import Image


def resize(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize with an antialiased bilinear (triangle) filter, as torchvision does on float tensors.

    Parameters
    ----------
    images : ndarray, (n, height, width, 3) float32
        In [0, 1].
    height, width : int
        Wanted size; images of that size are returned as they are.

    Returns
    -------
    ndarray, (n, height, width, 3) float32
    """
    if images.shape[1:3] == (height, width):
        return images
    made = np.empty((len(images), height, width, images.shape[3]), dtype=np.float32)
    for image, target in zip(images, made, strict=True):
        for channel in range(image.shape[2]):  # Pillow resizes floats one channel at a time
            plane = Image.fromarray(np.ascontiguousarray(image[..., channel], dtype=np.float32))
            sized = plane.resize((width, height), Image.Resampling.BILINEAR)
            target[..., channel] = np.asarray(sized)
    return made
