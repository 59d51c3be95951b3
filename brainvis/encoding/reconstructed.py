"""What a subject's brain would answer to reconstructed images, by the universal encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.artifacts import hdf5
from brainvis.encoding.universal_data import Backbone
from brainvis.encoding.universal_predict import open_trained, predicted_batches


def write_predicted(
    encoder: Path,
    embeddings: Path,
    features: list[Path],
    out: Path,
    *,
    subject: str,
    method: str = "",
    split: str = "main",
) -> None:
    """Write predicted responses of one subject to images as a `Responses` file marked predicted.

    Parameters
    ----------
    encoder, embeddings : Path
        Outputs of `brainvis.encoding.universal_stage`.
    features : list of Path
        `Features` of the images, of the encoder's feature spaces in their order; a space that
        images lack (motion) counts as its mean over training images.
    out : Path
        `Responses` HDF5: one trial per image, ``/betas`` float16 without noise, in the units of the
        responses that the encoder learned from. Attributes method and split say whose images.
    subject : str
        One that `embeddings` knows.
    method, split : str
        What made the images, and by which split.

    Raises
    ------
    BrainvisError
        See `open_trained`.
    """
    backbone = Backbone(features)
    trained = open_trained(encoder, embeddings, backbone, partial=True)
    known = trained.known
    values = np.concatenate(list(predicted_batches(trained, backbone.ids, subject)))
    attributes = {
        "schema": "responses",
        "predicted": True,
        "subject": subject,
        "method": method,
        "split": split,
        "kind": known.attributes["kind"],
        "dataset": str(backbone.files[0].attributes.get("dataset", "")),
        "encoder": known.attributes["encoder"],
        "units": "those of the responses that the encoder learned from",
    }
    voxels = known.voxels.iloc[known.rows(subject)].reset_index(drop=True)
    with hdf5.create(out, attributes) as file:
        hdf5.put(file, "betas", values.astype(np.float16))
        hdf5.put_table(
            file, "trials", pd.DataFrame({"stimulus_id": backbone.ids, "run": 0, "repeat": 0})
        )
        hdf5.put_table(file, "voxels", voxels)
