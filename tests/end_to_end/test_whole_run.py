"""Movies, objects, few trials and best samples, added to the finished tiny run."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "objects3d"))
from tiny_object_generators import write_shape_prior

pytestmark = pytest.mark.slow

ADDED = {
    "few_trials": {"shares": [8, 4]},
    "motion": {
        "movie": {"showings": 4, "clips_per_segment": 10, "repeats": 2, "test_repeats": 2},
        "decoders": {
            "codebook": {
                **{"method": "codebook", "features": "image-text", "validation": 0.4},
                **{"epochs": 1, "width": 8, "hidden": 16, "blocks": 1, "codewords": 5},
            },
            "ridge": {"method": "ridge"},
            "zero": {"method": "zero"},
        },
        "encoding": {
            **{"image": "pixels", "video": ["motion"], "folds": 2, "draws": 3},
            **{"samples": 20, "permutations": 20},
        },
        "score": {"frames": "image-text", "null_items": 4},
    },
    "animators": {
        "flow-clip": {"kind": "splat", "flow": "codebook", "frames": 4},
        "still": {"kind": "static", "frames": 4},
        "decoded-clip": {
            **{"kind": "splat", "flow": "codebook", "first": "ridge-pixels", "frames": 4},
        },
    },
    "objects": {
        "generator": "foundation/tiny-shape",
        "methods": {
            "ridge-object": {
                **{"kind": "decoded", "vectors": "ridge-tokens", "appearance": "ridge-pixels"},
            },
            "mean-shape": {"kind": "mean-shape"},
            "nearest-shape": {"kind": "nearest-training", "vectors": "ridge-tokens"},
        },
        "lesions": {"objects": 4, "folds": 2, "regions": ["V1", "hV4", "LOC"]},
    },
}


def test_movies_objects_and_few_trials_reach_the_report(workflow, settings):
    shape = workflow.folder / "code/data/foundation/tiny-shape"
    shape.mkdir()
    write_shape_prior(shape, pooled=128, appearance=192)
    settings |= ADDED
    settings["features"]["motion"] = {"kind": "motion-energy"}
    settings["feature_decoders"]["ridge-vectors"] = {
        "method": "ridge_features",
        "features": "pixels",
    }
    settings["generators"]["ridge-fused"]["samples"] = 2
    workflow.write(settings)
    workflow.snakemake()
    page = (workflow.folder / "results/tiny/report/index.html").read_text()
    for title in ("New subject, few trials", "Brain correlation", "Motion and video", "3D objects"):
        assert page.count(f"<h2>{title}") == 1, title
