"""One builder for every artifact path: BIDS-derivatives style entities below a run's folder.

`Layout(root).images(subject="01", split="main", method="ridge")` gives
``root/reconstructions/sub-01_split-main_method-ridge_images.h5``. Values may be Snakemake
wildcards such as ``{subject}``, so rules and code share these names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


def file_name(suffix: str, extension: str, **entities: str) -> str:
    """Join entities in the given order: ``sub-01_split-main_images.h5``."""
    parts = [f"{key}-{value}" for key, value in entities.items()]
    return "_".join([*parts, suffix]) + extension


@dataclass(frozen=True)
class Layout:
    """Where each artifact of one run lies."""

    root: Path

    def _path(self, folder: str, suffix: str, extension: str, **entities: str) -> str:
        return (self.root / folder / file_name(suffix, extension, **entities)).as_posix()

    @property
    def stimuli(self) -> str:
        return self._path("stimuli", "stimuli", ".h5")

    @property
    def meshes(self) -> str:
        return self._path("stimuli", "meshes", "")

    @property
    def prior(self) -> str:
        """Images that no subject saw."""
        return self._path("stimuli", "prior", ".h5")

    @property
    def channels(self) -> str:
        return self._path("truth", "channels", ".h5")

    def truth(self, subject: str) -> str:
        """What the simulator knows; no stage but its own evaluation may read it."""
        return self._path("truth", "truth", ".h5", sub=subject)

    @property
    def bids(self) -> str:
        return (self.root / "bids").as_posix()

    def bids_subject(self, subject: str) -> str:
        return (self.root / "bids" / f"sub-{subject}").as_posix()

    @property
    def bids_dataset(self) -> str:
        return (self.root / "bids" / "dataset_description.json").as_posix()

    @property
    def bids_stimuli(self) -> str:
        return (self.root / "bids" / "stimuli").as_posix()

    @property
    def splits(self) -> str:
        return self._path("splits", "splits", ".json")

    @property
    def published(self) -> str:
        """Split that a data set comes with."""
        return self._path("splits", "published", ".json")

    def betas(self, subject: str) -> str:
        """Single-trial betas as the GLM (or the data set) gives them."""
        return self._path("responses", "betas", ".h5", sub=subject)

    def responses(self, subject: str) -> str:
        """Betas normalised per run with training statistics, with reliability per voxel."""
        return self._path("responses", "responses", ".h5", sub=subject)

    def features(self, space: str) -> str:
        return self._path("features", "features", ".h5", space=space)

    def images(self, subject: str, split: str, method: str) -> str:
        return self._path(
            "reconstructions", "images", ".h5", sub=subject, split=split, method=method
        )

    def decoded(self, subject: str, split: str, method: str) -> str:
        """Feature vectors decoded from responses."""
        return self._path("decoded", "features", ".h5", sub=subject, split=split, method=method)

    def image_features(self, subject: str, split: str, method: str, space: str) -> str:
        """Features of reconstructed images."""
        return self._path(
            "decoded", "features", ".h5", sub=subject, split=split, method=method, space=space
        )

    def sample(self, subject: str, split: str, method: str, number: int | str) -> str:
        """Further samples of a generator, from 1 on; `images` holds the first."""
        own = {"sub": subject, "split": split, "method": method, "sample": str(number)}
        return self._path("reconstructions", "images", ".h5", **own)

    def predicted(self, subject: str, split: str, method: str) -> str:
        """Responses that the encoder predicts to reconstructed images."""
        own = {"sub": subject, "split": split, "method": method}
        return self._path("predicted", "responses", ".h5", **own)

    def prior_features(self, space: str) -> str:
        """Features of images that no subject saw."""
        return self._path("features", "features", ".h5", stimuli="prior", space=space)

    def weights(self, subject: str, method: str, images: str) -> str:
        """Linear encoding model from that many images (or "all")."""
        return self._path("encoding", "weights", ".h5", sub=subject, method=method, images=images)

    @property
    def universal(self) -> str:
        return self._path("encoding", "universal", "")

    @property
    def checkpoints(self) -> str:
        """State of the universal encoder's training after every epoch."""
        return self._path("encoding", "checkpoints", "")

    @property
    def trained_embeddings(self) -> str:
        """Voxel embeddings of the subjects that the universal encoder was trained on."""
        return self._path("encoding", "embeddings", ".h5")

    def adapted_embeddings(self, subject: str) -> str:
        """Voxel embeddings of a new subject."""
        return self._path("encoding", "embeddings", ".h5", sub=subject)

    @property
    def known_voxels(self) -> str:
        return self._path("encoding", "population", ".h5")

    @property
    def in_context(self) -> str:
        return self._path("encoding", "in-context", "")

    @property
    def in_context_decoder(self) -> str:
        return self._path("encoding", "in-context-decoder", "")

    def interaction(self, model: str) -> str:
        """Brain-Interaction Transformer."""
        return self._path("interaction", "network", "", model=model)

    @property
    def interaction_checkpoints(self) -> str:
        return self._path("interaction", "checkpoints", "")

    def interaction_voxels(self, model: str) -> str:
        """Its voxel embeddings of the subjects it was trained on."""
        return self._path("interaction", "voxels", ".h5", model=model)

    def transferred_voxels(self, subject: str, model: str) -> str:
        """Its voxel embeddings of a new subject."""
        return self._path("interaction", "voxels", ".h5", sub=subject, model=model)

    def few_responses(self, subject: str, share: int | str) -> str:
        """Responses with the first 1/share of the training trials, and all test trials."""
        return self._path("few", "responses", ".h5", sub=subject, share=str(share))

    def few_voxels(self, subject: str, share: int | str, model: str) -> str:
        """Voxel embeddings of a new subject from these alone."""
        return self._path("few", "voxels", ".h5", sub=subject, share=str(share), model=model)

    def few_decoded(self, subject: str, share: int | str, method: str) -> str:
        """Feature vectors decoded after learning from these alone."""
        own = {"sub": subject, "share": str(share), "method": method}
        return self._path("few", "features", ".h5", **own)

    def tuned_generator(self, model: str) -> str:
        """Generator that was tuned together with a Brain-Interaction Transformer."""
        return self._path("interaction", "generator", "", model=model)

    def synthetic(self, subject: str) -> str:
        """Predicted responses to images that no subject saw."""
        return self._path("encoding", "synthetic", ".h5", sub=subject)

    def selectivity(self, subject: str) -> str:
        """Answers to text prompts, voxel by voxel."""
        return self._path("encoding", "selectivity", ".h5", sub=subject)

    def clusters(self, method: str) -> str:
        """Clusters of the trained subjects' voxels."""
        return self._path("clusters", "clusters", ".h5", method=method)

    def assigned_clusters(self, subject: str, method: str) -> str:
        """The same clusters for a new subject's voxels."""
        return self._path("clusters", "clusters", ".h5", sub=subject, method=method)

    def encoder_scores(self, subject: str, extension: str) -> str:
        return self._path("metrics", "encoders", extension, sub=subject)

    @property
    def movie_bids(self) -> str:
        """BIDS tree of the simulated movie."""
        return (self.root / "movie" / "bids").as_posix()

    def movie_subject(self, subject: str) -> str:
        return (self.root / "movie" / "bids" / f"sub-{subject}").as_posix()

    @property
    def movie_dataset(self) -> str:
        return (self.root / "movie" / "bids" / "dataset_description.json").as_posix()

    def movie(self, subject: str) -> str:
        """Responses to movie segments, and to each clip."""
        return self._path("movie", "movie", ".h5", sub=subject)

    @property
    def flow_targets(self) -> str:
        """True flow of the clips on a coarse grid."""
        return self._path("movie", "flow_targets", ".h5")

    def flow(self, subject: str, split: str, method: str) -> str:
        """Flow decoded from responses to movies."""
        return self._path("movie", "flow", ".h5", sub=subject, split=split, method=method)

    def clips(self, subject: str, split: str, method: str) -> str:
        """First frames animated."""
        return self._path("movie", "clips", ".h5", sub=subject, split=split, method=method)

    def movie_encoding(self, subject: str, extension: str) -> str:
        return self._path("movie", "encoding", extension, sub=subject)

    @property
    def shape_latents(self) -> str:
        """Shape latents of the stimuli."""
        return self._path("objects", "latents", ".h5")

    def objects(self, subject: str, split: str, method: str) -> str:
        """3D objects made for test stimuli."""
        return self._path("objects", "objects", ".h5", sub=subject, split=split, method=method)

    def lesions(self, subject: str, split: str, part: str) -> str:
        """Tables of disordered regions: "diagnosis" or "signs"."""
        return self._path("objects", part, ".csv", sub=subject, split=split)

    @property
    def shown_objects(self) -> str:
        """Meshes, turntables and viewers."""
        return self._path("report", "objects", "")

    def metrics(self, part: str, extension: str) -> str:
        return self._path("metrics", part, extension)

    @property
    def report(self) -> str:
        return self._path("report", "index", ".html")

    @property
    def figures(self) -> str:
        return self._path("report", "figures", "")

    @property
    def videos(self) -> str:
        """Films of decoded clips beside the true ones."""
        return self._path("report", "videos", "")

    def log(self, rule: str, **entities: str) -> str:
        return self._path("logs", rule, ".log", **entities)

    def benchmark(self, rule: str, **entities: str) -> str:
        return self._path("benchmarks", rule, ".tsv", **entities)
