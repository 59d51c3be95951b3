"""Measured movies in the layouts of their data sets to brainvis files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.commands.common import LogOption, run_stage
from brainvis.containers import MEASURED
from brainvis.errors import BrainvisError

_READ = {  # files of each layout, below its folder
    "cc2017": ("video_*.npy", "fmri_*_subject{subject}.npy"),
    "cc2017-cifti": ("**/stimuli/*.mp4", "**/subject{subject}/fmri/*/cifti/*.dtseries.nii"),
    "shortclips": ("stimuli/*.hdf", "responses/S{subject}_*.hdf", "mappers/S{subject}_*.hdf"),
    "vim2": ("Stimuli.mat", "VoxelResponses_subject{subject}.mat"),
    "algonauts2021": ("Algonauts*/*.mp4", "participants_data*/mini_track/sub{subject}/*"),
    "algonauts2021-full": ("Algonauts*/*.mp4", "participants_data*/full_track/sub{subject}/*"),
    "bold-moments": ("stimuli/**/*.mp4", "derivatives/versionB/MNI152/GLM/sub-{subject}/pre*/*"),
}
DATASETS = tuple(_READ)
_FILMS = {"cc2017-cifti", "algonauts2021", "algonauts2021-full", "bold-moments"}


def movie_import(
    dataset: Annotated[str, typer.Option(help=f"Layout: {', '.join(DATASETS)}.")],
    folder: Annotated[Path, typer.Option(help="Folder of the data set (docs/movie_data.md).")],
    subject: Annotated[str, typer.Option(help="Subject as its files name it, such as 1 or 01.")],
    stimuli: Annotated[Path, typer.Option(help="Stimuli file with clips, to write (HDF5).")],
    responses: Annotated[Path, typer.Option(help="Movie responses, to write (HDF5).")],
    splits: Annotated[Path, typer.Option(help="The published split, to write (JSON).")],
    size: Annotated[int, typer.Option(min=16, max=512, help="Side of frames, pixels.")] = 64,
    frames: Annotated[
        int | None,
        typer.Option(min=2, max=90, help="Frames of a clip; the loader's own number by default."),
    ] = None,
    variable_rate: Annotated[
        bool, typer.Option(help="Sample films of a variable rate by their timestamps.")
    ] = False,
    log: LogOption = None,
) -> None:
    """Import a published data set of movies: clips, responses of one subject, published split.

    Means and deviations come from training volumes alone. Scene cuts within a volume are flagged
    in the column `cut`.
    """
    if dataset not in DATASETS:
        raise BrainvisError(
            "unknown", field="--dataset", found=dataset, remedy=f"one of {', '.join(DATASETS)}"
        )
    if frames is not None and dataset == "cc2017":
        raise BrainvisError("clips have 6 frames in this layout", field="--frames", found=frames)
    read = [
        path
        for pattern in _READ[dataset]
        for path in sorted(folder.glob(pattern.format(subject=subject)))
    ]
    options: dict = {"size": size, **({} if frames is None else {"frames": frames})}
    if dataset in _FILMS:
        options["variable"] = variable_rate

    def work(made: dict[str, Path]) -> None:
        load(dataset, folder, made, subject, options)

    run_stage(
        "movie_import",
        work,
        inputs={"files": read},
        outputs={"stimuli": stimuli, "responses": responses, "splits": splits},
        values={"settings": options, "kind": MEASURED, "seed": 0},
        log=log,
        dataset=dataset,
        subject=subject,
    )


def load(dataset: str, folder: Path, made: dict[str, Path], subject: str, options: dict) -> None:
    """Call a data set's loader; `made` has the files to write by name."""
    from brainvis.datasets import cc2017, cc2017_cifti, clip_betas, gallant_movies

    loaders = {
        "cc2017": cc2017.import_arrays,
        "cc2017-cifti": cc2017_cifti.import_cifti,
        "shortclips": gallant_movies.import_shortclips,
        "vim2": gallant_movies.import_vim2,
        "algonauts2021": clip_betas.import_algonauts,
        "algonauts2021-full": clip_betas.import_algonauts,
        "bold-moments": clip_betas.import_bold_moments,
    }
    if dataset == "algonauts2021-full":
        options = {**options, "track": "full_track"}
    outputs = (made["stimuli"], made["responses"], made["splits"])
    loaders[dataset](folder, *outputs, subject=subject, **options)
