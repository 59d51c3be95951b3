"""Tuning of areas selective for shape or meaning: LOC, FFA, EBA, PPA, food, words and MTL.

Every area holds several functional types, each a graded tuning over categories and scene
attributes around the area's preference; a voxel mixes types, some of them of a neighbouring area.
Types depend on the seed alone, so all subjects share them.
"""

from __future__ import annotations

import zlib

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import norm, rankdata

from brainvis.simulate import shape
from brainvis.simulate.channels import Channels
from brainvis.simulate.population import rectified, sample_types, standardised
from brainvis.simulate.semantics import ATTRIBUTE, CATEGORY, SUPERCATEGORY, of_kind

# Words in the name of a category or supercategory that tell its domain.
_DOMAINS = {
    "face": ("face", "head", "portrait"),
    "body": ("body", "person", "people", "human", "figure", "hand", "man", "woman"),
    "animal": ("animal", "quadruped", "dog", "cat", "bird", "fish", "horse", "insect"),
    "place": ("place", "scene", "house", "building", "room", "landscape", "city", "structure"),
    "food": ("food", "fruit", "vegetable", "meal", "dish", "cake"),
    "word": ("word", "text", "letter", "sign", "symbol", "glyph"),
}
_PREFERENCE = {  # how much an area likes a domain
    "FFA": {"face": 1.0, "body": 0.4, "animal": 0.4},
    "EBA": {"body": 1.0, "animal": 0.6, "face": 0.3},
    "PPA": {"place": 1.0},
    "food": {"food": 1.0},
    "words": {"word": 1.0, "face": 0.2},
    "MTL": {},
}
_NEIGHBOUR = {"FFA": "food", "food": "PPA", "PPA": "food", "EBA": "FFA", "words": "FFA"}
_NEIGHBOUR |= {"MTL": "PPA"}
SELECTIVE = tuple(_PREFERENCE)
_TYPES = 8  # per area
_ATTRIBUTES = 4  # scene attributes that a type is tuned to, on average
_STRAY = 0.15  # share of voxels that take after the neighbouring area


def domain_of(name: str) -> str:
    """Domain that a category or supercategory name belongs to, or "" for none."""
    words = "".join(letter if letter.isalpha() else " " for letter in name.lower()).split()
    words += [f"{word[:-3]}y" for word in words if word.endswith("ies")]
    words += [word.removesuffix("s") for word in words]
    for domain, known in _DOMAINS.items():
        if any(word in known for word in words):
            return domain
    return ""


def category_domains(categories: np.ndarray, supercategories: np.ndarray) -> dict[str, str]:
    """Domain of every category, by its own name or else by its supercategory's."""
    pairs = sorted(set(zip(categories.tolist(), supercategories.tolist(), strict=True)))
    return {own: domain_of(own) or domain_of(parent) for own, parent in pairs}


def selective_responses(
    channels: Channels,
    area: str,
    domains: dict[str, str],
    voxels: int,
    seed: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free responses of voxels in a category-selective area or MTL.

    Parameters
    ----------
    domains : dict
        Domain of every category (see `category_domains`).
    voxels : int
        Number of voxels, v.
    seed : int
        Of the functional types, the same for all subjects.
    rng : numpy Generator
        Of this subject's voxels.

    Returns
    -------
    responses : (n, v) float32, z-scored over stimuli
    function : (v,) str, each voxel's main type
    """
    neighbour = _NEIGHBOUR[area]
    types = np.vstack([semantic_types(channels, a, domains, seed) for a in (area, neighbour)])
    share = np.repeat([1 - _STRAY, _STRAY], _TYPES)
    main, mixture = sample_types(share, voxels, rng)
    weights = mixture @ types
    attributes = list(of_kind(channels.names, ATTRIBUTE).values())
    weights[:, attributes] += rng.normal(0, 0.4, (voxels, len(attributes))) / len(attributes) ** 0.5
    drive = channels.semantic @ weights.T.astype(np.float32)
    names = np.array([f"{a}_type{k}" for a in (area, neighbour) for k in range(_TYPES)])
    return standardised(rectified(drive)), names[main]


def semantic_types(channels: Channels, area: str, domains: dict[str, str], seed: int) -> np.ndarray:
    """Weights of an area's functional types on the semantic features, (8, d)."""
    rng = np.random.default_rng([seed, zlib.crc32(area.encode())])
    weights = np.zeros((_TYPES, len(channels.names)))
    categories = of_kind(channels.names, CATEGORY)
    for parent in of_kind(channels.names, SUPERCATEGORY).values():
        weights[:, parent] = rng.normal(0, 0.35, _TYPES)
    for name, column in categories.items():
        liking = _PREFERENCE[area].get(domains[name], 0.0)
        weights[:, column] = 1.7 * liking + rng.normal(0, 0.4, _TYPES)
    attributes = list(of_kind(channels.names, ATTRIBUTE).values())
    chosen = rng.random((_TYPES, len(attributes))) < _ATTRIBUTES / max(len(attributes), 1)
    weights[:, attributes] = chosen * rng.normal(0, 0.45, chosen.shape)
    if area == "MTL":  # sparse: each type has a few concepts of its own
        columns = list(categories.values())
        for row in weights:
            row[rng.choice(columns, size=min(2, len(columns)), replace=False)] += 2
    return weights


def shape_responses(
    channels: Channels, voxels: int, seed: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Noise-free responses of LOC voxels; returns as `selective_responses`.

    Half of the types prefer a value of one shape descriptor, the others an outline.
    """
    shared = np.random.default_rng([seed, zlib.crc32(b"LOC")])
    count = len(shape.DESCRIPTORS)
    rank = rankdata(channels.shape[:, :count], axis=0)  # descriptors have long tails
    values = norm.ppf((rank - 0.5) / len(rank))
    outline = standardised(channels.shape[:, count:])
    curves, names = [], []
    for d, descriptor in enumerate(shape.DESCRIPTORS):
        for label, preferred in (("low", -1.0), ("middle", 0.0), ("high", 1.0)):
            curves.append(np.exp(-0.5 * ((values[:, d] - preferred) / 0.8) ** 2))
            names.append(f"{descriptor}_{label}")
    for template in range(len(curves)):
        pattern = gaussian_filter(shared.normal(size=(shape.OUTLINE, shape.OUTLINE)), 1.0).ravel()
        curves.append(rectified(standardised(outline @ pattern.astype(np.float32))))
        names.append(f"outline{template}")
    main, mixture = sample_types(np.ones(len(curves)), voxels, rng)
    drive = standardised(np.stack(curves, axis=1)) @ mixture.T.astype(np.float32)
    return standardised(drive), np.array(names)[main]
