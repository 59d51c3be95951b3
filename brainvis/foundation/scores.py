"""How well images and texts of one embedding space find each other."""

from __future__ import annotations

import numpy as np


def retrieval(images: np.ndarray, texts: np.ndarray, text_of_image: np.ndarray) -> dict[str, float]:
    """Top-1 retrieval among all distinct texts, and among all images, beside chance.

    Parameters
    ----------
    images : ndarray, (n, d)
        Unit length.
    texts : ndarray, (t, d)
        Embeddings of distinct texts, unit length.
    text_of_image : ndarray, (n,) int
        Row of the text of each image; images may share one.

    Returns
    -------
    dict
        image_to_text, text_to_image, and for each its chance.
    """
    similarity = images @ texts.T  # (n, t)
    found = text_of_image[similarity.argmax(axis=0)] == np.arange(len(texts))
    shared = np.bincount(text_of_image, minlength=len(texts))
    return {
        "image_to_text": float((similarity.argmax(axis=1) == text_of_image).mean()),
        "image_to_text_chance": 1 / len(texts),
        "text_to_image": float(found.mean()),
        "text_to_image_chance": float((shared / len(images)).mean()),
    }


def zero_shot(images: np.ndarray, prompts: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy of naming each image by its nearest prompt, and chance (most frequent label).

    Parameters
    ----------
    images : ndarray, (n, d)
        Unit length.
    prompts : ndarray, (classes, d)
        Unit length.
    labels : ndarray, (n,) int
        Row of the right prompt.
    """
    named = (images @ prompts.T).argmax(axis=1)
    return {
        "accuracy": float((named == labels).mean()),
        "chance": float(np.bincount(labels).max() / len(labels)),
        "classes": len(prompts),
    }
