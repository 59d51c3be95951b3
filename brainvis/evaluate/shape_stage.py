"""Stage: scores of decoded 3D objects as the usual tables, with protocols and differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.evaluate import table as tables
from brainvis.evaluate.catalogue import describe
from brainvis.evaluate.differences import COLUMNS as DIFFERENCE_COLUMNS
from brainvis.evaluate.differences import compare_methods
from brainvis.evaluate.evaluated import Evaluated, classes_of, labels_of, order_of
from brainvis.evaluate.reader import COMPUTED, Reader, library_versions
from brainvis.evaluate.shape_scoring import (
    Read,
    ShapeProtocol,
    measure,
    sampling_floor,
    score_shapes,
)
from brainvis.evaluate.side_by_side import side_by_side
from brainvis.evaluate.written import write_scores
from brainvis.objects3d.files import Objects
from brainvis.objects3d.true_shapes import TrueShapes

MODALITY = "object"
PROTOCOL_COLUMNS = ("metric", "label", "status", "form", "perfect", "alignment", "seed")
PROTOCOL_COLUMNS += ("libraries", "weights", "sha256")
ALIGNMENT = "none: decoded as made, true box centred with its longest side 1"


def evaluate_objects(
    truth: Path,
    objects: Sequence[Path],
    out_table: Path,
    out_summary: Path,
    out_protocols: Path,
    out_differences: Path,
    *,
    stimuli: Path | None = None,
    baselines: Sequence[str] = (),
    protocol: ShapeProtocol | None = None,
    bootstrap: int = 1000,
    permutations: int = 1000,
    visual: Reader | None = None,
    threads: int = 1,
) -> None:
    """Score decoded objects in shape, volume and views, beside baselines.

    Parameters
    ----------
    truth : path
        True objects: an objects file, or a folder of one mesh file a stimulus.
    objects : sequence of path
        Objects files, one per method, subject and split; baselines are files like any other.
    out_table, out_summary : path
        Tidy scores and their summary, as of `brainvis.evaluate.stage`, modality "object".
    out_protocols : path
        How each metric was taken (columns `PROTOCOL_COLUMNS`); ``perfect`` is what the true object
        scores against itself with other points drawn.
    out_differences : path
        Paired differences of every method from every baseline
        (`brainvis.evaluate.differences.COLUMNS`).
    stimuli : path, optional
        `Stimuli`: categories for identification within a class, and the camera's azimuth that turns
        meshes of a folder into the viewer's frame.
    baselines : sequence of str
        Methods that stand for "nothing decoded".
    protocol : ShapeProtocol, optional
    bootstrap, permutations : int
        Draws for intervals and for the permuted pairing.
    visual : Reader, optional
        `brainvis.evaluate.twins.visual_reader`; its stage 5 reads the views.
    threads : int
        Files scored at a time; the scores do not depend on it.

    Raises
    ------
    BrainvisError
        Nothing to score, an object without a true one, methods that left objects out.
    """
    protocol = protocol or ShapeProtocol()
    files = [Objects.open(path) for path in objects]
    _check_complete(files)
    seen = None if stimuli is None else Stimuli.open(stimuli)
    true = TrueShapes.open(truth, seen)
    read = None if visual is None else _stage_five(visual)
    ids = np.unique(np.concatenate([file.ids for file in files]))
    measured = side_by_side(
        lambda name: measure(true.mesh(name), f"true {name}", protocol, read),
        list(ids), "true objects", threads,
    )  # fmt: skip
    real = dict(zip(ids, measured, strict=True))

    def scored(file: Objects) -> Evaluated:
        own = file.ids[order_of(file)]
        made = [measure(file.mesh(name), name, protocol, read) for name in own]
        classes = None if seen is None else classes_of(seen, own)
        scores = score_shapes(
            [real[name] for name in own], made, classes,
            protocol=protocol, permutations=permutations,
        )  # fmt: skip
        words = f"{_words(protocol)} | pool {len(own)}"
        return Evaluated(labels_of(file, MODALITY), own, scores, words)

    evaluated = side_by_side(scored, files, "scoring objects", threads)
    write_scores(
        evaluated, out_table, out_summary,
        baselines=baselines, bootstrap=bootstrap, seed=protocol.seed,
    )  # fmt: skip
    metrics = list(dict.fromkeys(score.metric for one in evaluated for score in one.scores))
    perfect = _perfect(true, ids[: protocol.null_items], protocol)
    tables.write(_protocol_table(metrics, protocol, perfect, visual), out_protocols)
    _write_differences(evaluated, baselines, out_table, out_differences, bootstrap, protocol.seed)


def _check_complete(files: Sequence[Objects]) -> None:
    """All methods must bring the same objects of a subject and split: failures are not dropped."""
    if not files:
        raise BrainvisError("nothing to evaluate", field="objects", found="no files")
    known: dict[tuple[str, ...], Objects] = {}
    for file in files:
        labels = labels_of(file, MODALITY)
        first = known.setdefault(tuple(labels[k] for k in ("dataset", "subject", "split")), file)
        if set(first.ids) != set(file.ids):
            raise BrainvisError(
                f"holds other objects than {first.path.name} of the same subject and split",
                file=file.path,
                field="ids",
                found=f"{len(file.ids)} and {len(first.ids)} objects",
                remedy='record an object that failed with status "empty"; it is scored worst',
            )


def _stage_five(visual: Reader) -> Read:
    return lambda pictures: visual.read(pictures)["twin_visual_5"]


def _perfect(true: TrueShapes, ids: np.ndarray, protocol: ShapeProtocol) -> dict[str, float]:
    floors = [sampling_floor(true.mesh(name), name, protocol) for name in ids]
    return {name: float(np.mean([floor[name] for floor in floors])) for name in floors[0]}


def _words(protocol: ShapeProtocol) -> str:
    return (
        f"alignment {ALIGNMENT} | {protocol.points} visible surface points "
        f"(EMD {protocol.transport_points}, identification {protocol.pair_points}), "
        f"F-score at {protocol.threshold:g}, IoU in {protocol.cells}^3 cells, "
        f"{protocol.views} views of {protocol.view_size} px | seed {protocol.seed} | "
        f"{library_versions('scipy', 'POT', 'trimesh', 'numpy')}"
    )


def _protocol_table(
    metrics: Iterable[str],
    protocol: ShapeProtocol,
    perfect: dict[str, float],
    visual: Reader | None,
) -> pd.DataFrame:
    points, count = f"{protocol.points} visible surface points", protocol.views
    forms = {
        "chamfer": f"(mean d(true, made) + mean d(made, true)) / 2, Euclidean, {points}",
        "f_score": f"threshold {protocol.threshold:g}, {points}",
        "normal_consistency": f"absolute cosine at nearest points, both ways, {points}",
        "emd": f"exact transport of {protocol.transport_points} points, Euclidean",
        "volume_iou": f"{protocol.cells}^3 cells of [-0.55, 0.55]^3, solid by half",
        "shape": f"Chamfer of the first {protocol.pair_points} points, all pairs",
        "views": f"{count} views around, {protocol.view_size} px, elevation 20 degrees",
    }
    libraries = library_versions("scipy", "POT", "trimesh", "numpy")
    rows = []
    for metric in metrics:
        form = forms.get(metric) or forms[metric.split("_")[0]]
        row = {"metric": metric, "label": describe(metric).label, "status": COMPUTED}
        row |= {"form": form, "perfect": perfect.get(metric, 1.0), "alignment": ALIGNMENT}
        row |= {"seed": protocol.seed, "libraries": libraries, "weights": "", "sha256": ""}
        if visual is not None and metric.startswith("views_visual"):
            used = asdict(next(s for s in visual.spaces if s.name == "twin_visual_5").protocol)
            row |= {name: used[name] for name in ("weights", "sha256", "libraries")}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(PROTOCOL_COLUMNS))


def _write_differences(
    evaluated: Sequence[Evaluated],
    baselines: Sequence[str],
    table: Path,
    out: Path,
    draws: int,
    seed: int,
) -> None:
    methods = list(dict.fromkeys(one.labels["method"] for one in evaluated))
    against = [name for name in baselines if name in methods]
    pairs = [(name, against) for name in methods if name not in baselines and against]
    if pairs:
        compare_methods(table, out, pairs=pairs, draws=draws, seed=seed)
    else:  # nothing to be paired is a table without rows
        tables.write(pd.DataFrame(columns=list(DIFFERENCE_COLUMNS)), out)
