"""Measured flat maps of seen 3D objects, and the objects themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brainvis.artifacts.fingerprint import fingerprint
from brainvis.commands.common import ConfigOption, LogOption, read_settings, run_stage
from brainvis.containers import MEASURED


def measured_objects(
    config: ConfigOption,
    samples: Annotated[Path, typer.Option(help="Folder in fMRI-Shape's layout (mind3d_samples).")],
    out: Annotated[Path, typer.Option(help="Folder of tables, meshes and the viewer to make.")],
    page: Annotated[Path, typer.Option(help="Page of the results to write (Markdown).")],
    images: Annotated[Path, typer.Option(help="Folder that takes the figure of the page.")],
    log: LogOption = None,
) -> None:
    """Check how frames of measured flat maps agree; export the objects and a viewer of them."""
    values = read_settings(config)
    own = values["settings"].get("measured_objects", {})

    def work(made: dict[str, Path]) -> None:
        from brainvis.datasets.fmri_shape import shown_objects, true_mesh
        from brainvis.measured.flat_maps import analyse_flat_maps
        from brainvis.measured.results import write
        from brainvis.objects3d.export import write_mesh
        from brainvis.report.viewer import viewer_page

        result = analyse_flat_maps(samples, seed=values["seed"], **own)
        meshes = {one.uid: true_mesh(one, samples) for one in shown_objects(samples)}
        write(result, made["results"])
        for name, mesh in meshes.items():
            write_mesh(made["results"] / f"{name}.glb", mesh)
        html = viewer_page([("seen objects", list(meshes.values()))], MEASURED)
        (made["results"] / "viewer.html").write_text(html, encoding="utf-8")

    run_stage(
        "measured_objects",
        work,
        inputs={"samples": samples},
        outputs={"results": out},
        values={**values, "kind": MEASURED},
        log=log,
    )
    from brainvis.measured.flat_maps import write_page

    write_page(out, page, images, code=fingerprint("brainvis.commands.measured_objects"))
