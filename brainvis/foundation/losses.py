"""Contrastive losses over images and the texts that are true of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

WEIGHTS = (1.0, 1.0, 0.5)  # caption, category, supercategory


def naming_loss(
    model: Any, embedded: torch.Tensor, texts: torch.Tensor, true_of: torch.Tensor
) -> torch.Tensor:
    """Contrastive losses of captions, categories and supercategories, weighted.

    Parameters
    ----------
    model : open_clip.CLIP
    embedded : tensor, (b, d)
        Images, unit length.
    texts : tensor, (t, context) int
        Token numbers of all texts.
    true_of : tensor, (b, kinds) int
        Rows of `texts`: caption, category and supercategory of each image.
    """
    spoken, place = true_of.unique(return_inverse=True)
    named = model.encode_text(texts[spoken], normalize=True)  # (t, d)
    logits = model.logit_scale.exp() * embedded @ named.T
    total = logits.new_zeros(())
    for kind, weight in enumerate(WEIGHTS[: true_of.shape[1]]):
        named_here = place[:, kind].unique()
        fits = place[:, kind, None] == named_here  # (b, texts of this kind)
        total = total + weight * contrastive_loss(logits[:, named_here], fits)
    return total


def contrastive_loss(logits: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
    """Mean of the two cross-entropies with targets spread evenly over all true pairs.

    Parameters
    ----------
    logits : tensor, (images, texts)
    fits : tensor, (images, texts) bool
        Whether the text is true of the image; every row and column has one.
    """
    positive = fits.to(logits.dtype)
    by_image = positive / positive.sum(dim=1, keepdim=True)
    by_text = positive / positive.sum(dim=0, keepdim=True)
    to_text = -(by_image * logits.log_softmax(dim=1)).sum(dim=1).mean()
    to_image = -(by_text * logits.log_softmax(dim=0)).sum(dim=0).mean()
    return (to_text + to_image) / 2
