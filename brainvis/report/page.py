"""Sections to one self-contained HTML page: inline style, inline images, no network.

Scripts run only in the sandboxed frames of viewers (`brainvis.report.section.Viewer`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from brainvis.report.section import Picture, Section
from brainvis.report.style import BANNERS, png

_SCALE = 88  # CSS pixels per inch of a figure, so that all print their letters alike
MEANING = {
    "simulated": "The responses on this page were computed by a model of a brain, not recorded "
    "from a person. They test the pipeline and prove nothing about people.",
    "measured": "The responses on this page were recorded from people with fMRI.",
}


def render(title: str, kind: str, sections: Sequence[Section]) -> tuple[str, dict[str, bytes]]:
    """The page, and its figures as PNG by name.

    Parameters
    ----------
    title : str
    kind : {"simulated", "measured"}
    sections : sequence of Section
        In order.

    Returns
    -------
    html : str
        Every string of the data is escaped by Jinja2.
    figures : dict
        Name to PNG bytes.
    """
    pictures = [part for section in sections for part in section.parts if isinstance(part, Picture)]
    figures = {part.name: png(part.figure) for part in pictures}
    if len(figures) != len(pictures):
        raise ValueError("two figures have one name")
    encoded = {name: base64.b64encode(data).decode() for name, data in figures.items()}
    environment = Environment(
        loader=PackageLoader("brainvis.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("report.html.j2").render(
        title=title,
        kind=kind,
        banner=BANNERS[kind],
        meaning=MEANING[kind],
        sections=sections,
        images=encoded,
        widths={part.name: round(_SCALE * part.figure.get_figwidth()) for part in pictures},
    )
    return html, figures
