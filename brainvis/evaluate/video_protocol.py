"""Everything that a number about motion or a made clip depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.reader import COMPUTED


@dataclass(frozen=True)
class VideoProtocol:
    """How one family of metrics is taken.

    Attributes
    ----------
    estimator : str
        Of optical flow ("exact" is the renderer's own, "dis" OpenCV's), empty where none.
    resolution : str
        Of what is compared: of the flow's grid in cells, or of frames in pixels.
    mask : str
        Where it counts.
    frames : str
        How many, and how they are chosen.
    layer : str
        Network and layer, empty where none.
    draws : str
        Of distractors.
    libraries : str
    """

    estimator: str = ""
    resolution: str = ""
    mask: str = ""
    frames: str = ""
    layer: str = ""
    draws: str = ""
    libraries: str = ""

    def words(self) -> str:
        """One line for a table."""
        named = {"estimator": "flow: ", "mask": "where: ", "draws": "draws: "}
        said = [f"{named.get(k, '')}{v}" for k, v in asdict(self).items() if v]
        return " | ".join(said)


COLUMNS = ("metric", "label", "modality", "status", *(one.name for one in fields(VideoProtocol)))


def rows(modality: str, metrics: Iterable[str], protocol: VideoProtocol | str) -> list[dict]:
    """Rows of the protocol table; text instead of a protocol says why there are no numbers."""
    known = isinstance(protocol, VideoProtocol)
    status = COMPUTED if known else str(protocol)
    how = asdict(protocol if known else VideoProtocol())
    return [
        {"metric": name, "label": describe(name).label, "modality": modality, "status": status}
        | how
        for name in metrics
    ]
