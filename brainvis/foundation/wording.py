"""What can be said of a still image: its caption, its category, its kind of thing."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from brainvis.errors import BrainvisError

if TYPE_CHECKING:
    from open_clip import SimpleTokenizer

_WRITING = re.compile(r"[A-Z]{2}|\d")


def still_clause(caption: str) -> str:
    """The part of a caption that a still image shows: movements follow after the first comma."""
    return caption.split(",")[0].strip()


def shows_writing(caption: str) -> bool:
    """Whether a caption quotes letters or digits, which a mirror image would falsify."""
    return _WRITING.search(caption) is not None


def words(name: str) -> str:
    """A name in words: ``human_face`` becomes ``human face``."""
    return name.replace("_", " ").strip()


def prompt(category: str) -> str:
    """A category in words with its article: ``human_face`` becomes ``a human face``."""
    noun = words(category)
    return ("an " if noun[:1].lower() in "aeiou" else "a ") + noun


@dataclass(frozen=True)
class Wording:
    """Texts true of images.

    Attributes
    ----------
    texts : list of str
        Distinct texts.
    true_of : ndarray, (n, kinds) int
        Per image the numbers of its caption, its category prompt and, where the table has one, its
        supercategory (a plural) in words.
    """

    texts: list[str]
    true_of: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame) -> Wording:
        """Texts of a stimulus table with caption, category and optionally supercategory.

        Raises
        ------
        BrainvisError
            Where captions or categories are missing or empty.
        """
        for column in ("caption", "category"):
            if column not in table or not table[column].astype(str).str.strip().all():
                raise BrainvisError("is missing or empty", field=f"table/{column}")
        spoken = [table["caption"].map(still_clause), table["category"].map(prompt)]
        if "supercategory" in table:
            spoken.append(table["supercategory"].map(words))
        codes, texts = pd.factorize(pd.concat(spoken), sort=True)
        return cls(list(texts), codes.reshape(len(spoken), len(table)).T)


def used_merges(texts: list[str]) -> list[tuple[str, str]]:
    """Merges of CLIP's byte-pair vocabulary that the given texts use, in their original order.

    With these alone the texts are cut into the same pieces as with the whole vocabulary, because
    the merge of highest rank that applies to a word is always among them.
    """
    tokenizer = _whole_tokenizer()
    used: set[tuple[str, str]] = set()
    for text in texts:
        for token in tokenizer.pat.findall(tokenizer.clean_fn(text)):
            used |= _merges_of(token, tokenizer)
    return sorted(used, key=lambda pair: tokenizer.bpe_ranks[pair])


@cache
def _whole_tokenizer() -> SimpleTokenizer:
    from open_clip import SimpleTokenizer

    return SimpleTokenizer()


def _merges_of(token: str, tokenizer: SimpleTokenizer) -> set[tuple[str, str]]:
    """Merges on the way from the bytes of one word to its pieces."""
    symbols = [tokenizer.byte_encoder[byte] for byte in token.encode()]
    symbols[-1] += "</w>"
    used = set()
    while len(symbols) > 1:
        pairs = list(pairwise(symbols))
        best = min(pairs, key=lambda pair: tokenizer.bpe_ranks.get(pair, np.inf))
        if best not in tokenizer.bpe_ranks:
            break
        used.add(best)
        at = pairs.index(best)  # one place at a time: the rest follow in later rounds
        symbols[at : at + 2] = ["".join(best)]
    return used


def write_merges(path: Path, merges: list[tuple[str, str]]) -> None:
    """Write merges as open_clip reads them, byte for byte the same for the same merges."""
    lines = ["#version: merges used by the training texts", *(" ".join(pair) for pair in merges)]
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
