"""What a section of the report is made of. A new section is one module with `build(context)`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text (escaped on the page); `role` "lead" makes it large."""

    text: str
    role: str = "body"
    part: str = field(default="text", init=False)


@dataclass(frozen=True)
class Facts:
    """Short labelled values, shown as cards."""

    facts: Sequence[tuple[str, str, str]]  # label, value, note
    part: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Picture:
    """A figure, its file name without suffix, and a caption that says how to read it."""

    name: str
    figure: Figure
    caption: str
    part: str = field(default="picture", init=False)


@dataclass(frozen=True)
class Film:
    """A finished MP4, shown inside the page, and a caption that says what is beside what."""

    data: bytes
    caption: str
    part: str = field(default="film", init=False)

    @property
    def encoded(self) -> str:
        """The file for a data URL."""
        return base64.b64encode(self.data).decode()


@dataclass(frozen=True)
class Still:
    """A finished PNG from a file, and its caption."""

    data: bytes
    caption: str
    part: str = field(default="still", init=False)

    @property
    def encoded(self) -> str:
        """The file for a data URL."""
        return base64.b64encode(self.data).decode()


@dataclass(frozen=True)
class Cell:
    """A table cell: main text, a smaller note below it, and whether it stands out."""

    text: str
    note: str = ""
    strong: bool = False
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A table; rows marked in `quiet` are baselines or reference rows. `folded` hides it at first.

    Columns from `numbers_from` on are aligned to the right.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str
    quiet: Sequence[bool] = ()
    folded: bool = False
    numbers_from: int = 1
    part: str = field(default="table", init=False)


@dataclass(frozen=True)
class Code:
    """Literal text such as commands."""

    text: str
    part: str = field(default="code", init=False)


@dataclass(frozen=True)
class Animation:
    """A moving picture (GIF), its width in CSS pixels, and a caption that says how to read it."""

    data: bytes
    width: int
    caption: str
    part: str = field(default="animation", init=False)

    @property
    def encoded(self) -> str:
        """The picture in base64."""
        return base64.b64encode(self.data).decode()


@dataclass(frozen=True)
class Viewer:
    """A whole page in a frame of its own, `height` CSS pixels high.

    The frame may run its scripts and nothing else: it is of no origin, so it reaches neither the
    report nor anything stored, and the pages shown in it forbid themselves the network.
    """

    html: str
    title: str
    caption: str
    height: int = 460
    part: str = field(default="viewer", init=False)


Part = Text | Facts | Picture | Film | Still | Table | Code | Animation | Viewer


@dataclass(frozen=True)
class Section:
    """A heading with parts; `anchor` is its place in the table of contents."""

    anchor: str
    title: str
    parts: Sequence[Part]
