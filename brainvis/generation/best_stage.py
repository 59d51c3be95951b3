"""The best of several samples, by what the universal encoder predicts of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from brainvis.containers import Responses
from brainvis.datasets.splits import Fold
from brainvis.encoding.reconstructed import write_predicted
from brainvis.features.stage import write_image_features
from brainvis.generation.selection_stage import select_images


def choose_best(
    samples: Sequence[Path],
    spaces: Mapping[str, dict],
    encoder: Path,
    embeddings: Path,
    responses: Path,
    split: Sequence[Fold],
    out: Path,
    *,
    name: str | None = None,
) -> None:
    """Predict the response to every sample and keep the one most like the measured response.

    Parameters
    ----------
    samples : sequence of Path
        `Reconstructions` files of the same stimuli.
    spaces : mapping of str to dict
        Settings of the encoder's feature spaces of photographs, by name, in the encoder's order.
    encoder, embeddings : Path
        Trained universal encoder, and voxel embeddings that hold the subject.
    responses, split, out, name
        See `brainvis.generation.selection_stage.select_images`.

    Raises
    ------
    BrainvisError
        Files that do not belong together; see `select_images` and `open_trained`.
    """
    subject = Responses.open(responses).subject
    with TemporaryDirectory(dir=out.parent) as folder:
        predicted = []
        for number, sample in enumerate(samples):
            features = [Path(folder) / f"{number}-{space}.h5" for space in spaces]
            for path, (space, settings) in zip(features, spaces.items(), strict=True):
                write_image_features(sample, path, space=space, **settings)
            predicted.append(Path(folder) / f"{number}.h5")
            write_predicted(encoder, embeddings, features, predicted[-1], subject=subject)
        select_images(samples, predicted, responses, split, out, name=name)
