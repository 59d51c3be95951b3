"""Stage: decoded objects as mesh files, a turntable beside the true ones, a page to turn them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brainvis.containers import Stimuli
from brainvis.objects3d.export import write_mesh
from brainvis.objects3d.files import Objects
from brainvis.objects3d.mesh import EMPTY
from brainvis.objects3d.render import write_turntable
from brainvis.objects3d.true_shapes import TrueShapes
from brainvis.report.style import BANNERS
from brainvis.report.viewer import viewer_page


def show_objects(
    stimuli: Path,
    truth: Path,
    objects: Sequence[Path],
    out: Path,
    *,
    count: int = 6,
    suffix: str = ".glb",
) -> None:
    """Write ``<subject>/turntable.gif``, ``viewer.html`` and ``<method>_<stimulus><suffix>``.

    Parameters
    ----------
    stimuli, truth : Path
        Stimuli file, and true objects (see `TrueShapes`).
    objects : sequence of Path
        `Objects` files of one split.
    out : Path
        Folder, created.
    count : int
        Test stimuli shown: the first so many.
    suffix : str
        Format of the meshes; empty objects have no file.
    """
    shown = Stimuli.open(stimuli)
    true = TrueShapes.open(truth, shown)
    files = [Objects.open(path) for path in objects]
    for subject in dict.fromkeys(str(file.attributes["subject"]) for file in files):
        own = [file for file in files if str(file.attributes["subject"]) == subject]
        ids = own[0].ids[:count]
        rows = [("true", [true.mesh(str(name)) for name in ids])]
        rows += [(str(file.attributes["method"]), file.meshes(ids)) for file in own]
        folder = out / f"sub-{subject}"
        folder.mkdir(parents=True)
        meshes = [part for _, part in rows]
        stamp = BANNERS[shown.kind]
        write_turntable(folder / "turntable.gif", meshes, stamp=stamp, frames=16, size=80)
        (folder / "viewer.html").write_text(viewer_page(rows, shown.kind), encoding="utf-8")
        for method, part in rows:
            for name, mesh in zip(ids, part, strict=True):
                if mesh.status != EMPTY:
                    write_mesh(folder / f"{method}_{name}{suffix}", mesh)
