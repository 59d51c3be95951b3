"""BIDS names and the discovery of one subject's runs."""

import json
import string

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainvis.datasets.bids import ENTITIES, build_name, build_path, find_subject, parse_name
from brainvis.errors import BrainvisError

LABELS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
SUFFIXES = st.sampled_from(["bold", "events", "mask", "timeseries"])
EXTENSIONS = st.sampled_from([".nii.gz", ".nii", ".tsv", ".json", ".func.gii"])


@given(st.dictionaries(st.sampled_from(ENTITIES), LABELS), SUFFIXES, EXTENSIONS)
def test_name_round_trip(entities, suffix, extension):
    name = build_name(suffix, extension, **entities)
    parsed = parse_name(name)
    assert (dict(parsed.entities), parsed.suffix, parsed.extension) == (
        entities,
        suffix,
        extension,
    )
    keys = [part.split("-")[0] for part in name.split("_")[:-1]]
    assert keys == sorted(keys, key=ENTITIES.index)


@given(st.text(max_size=30))
def test_any_text_parses_or_is_none(text):
    parsed = parse_name(text)
    assert parsed is None or parsed.path.name == text


@pytest.mark.parametrize("name", ["README", "sub-1_sub-2_bold.nii", "foo-1_bold.nii", "sub-_b.nii"])
def test_other_names_are_none(name):
    assert parse_name(name) is None


def test_path_has_subject_and_session_folders(tmp_path):
    path = build_path(tmp_path, "func", "bold", ".nii.gz", sub="01", ses="a", task="x")
    assert path == tmp_path / "sub-01/ses-a/func/sub-01_ses-a_task-x_bold.nii.gz"


@pytest.mark.parametrize("entities", [{"sub": "../1"}, {"sub": "a_b"}, {"nonsense": "1"}])
def test_bad_entities_are_refused(entities):
    with pytest.raises(BrainvisError):
        build_name("bold", ".nii", **entities)


def touch(path, content=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def raw_tree(root, runs=("1", "2", "10"), task="see"):
    touch(root / f"task-{task}_bold.json", json.dumps({"RepetitionTime": 2.0}))
    for run in runs:
        stem = f"sub-01_task-{task}_run-{run}"
        touch(root / "sub-01/func" / f"{stem}_bold.nii.gz")
        touch(root / "sub-01/func" / f"{stem}_events.tsv")
    return root


def test_raw_tree_in_order_of_runs(tmp_path):
    found = find_subject(raw_tree(tmp_path), "01")
    assert [
        next(part for part in ("run-10_", "run-1_", "run-2_") if part in run.bold.name)
        for run in found.runs
    ] == ["run-1_", "run-2_", "run-10_"]
    assert [run.number for run in found.runs] == [1, 2, 3]
    assert {run.tr for run in found.runs} == {2.0}


def derivatives(raw):
    func = raw / "derivatives/fmriprep/sub-01/func"
    for run in ("1", "2"):
        stem = f"sub-01_task-see_run-{run}"
        touch(func / f"{stem}_space-T1w_desc-preproc_bold.nii.gz")
        touch(
            func / f"{stem}_space-T1w_desc-preproc_bold.json",
            json.dumps({"RepetitionTime": 1.5, "StartTime": 0.7}),
        )
        touch(func / f"{stem}_space-T1w_desc-brain_mask.nii.gz")
        touch(func / f"{stem}_desc-confounds_timeseries.tsv")
    touch(raw / "derivatives/fmriprep/sub-01/anat/sub-01_desc-brain_mask.nii.gz")
    return raw / "derivatives/fmriprep"


@pytest.mark.parametrize("from_raw_root", [True, False])
def test_derivatives_are_preferred_and_take_events_from_raw(tmp_path, from_raw_root):
    prep = derivatives(raw_tree(tmp_path, runs=("1", "2")))
    found = find_subject(tmp_path if from_raw_root else prep, "01")
    for run in found.runs:
        assert "desc-preproc" in run.bold.name
        assert run.events.parent == tmp_path.resolve() / "sub-01/func"
        assert run.confounds.name.endswith("desc-confounds_timeseries.tsv")
        assert run.mask.name == run.bold.name.replace("preproc_bold", "brain_mask")
        assert (run.tr, run.start) == (1.5, 0.7)


def test_two_spaces_need_a_choice(tmp_path):
    prep = derivatives(raw_tree(tmp_path, runs=("1", "2")))
    other = "sub-01_task-see_run-1_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    touch(prep / "sub-01/func" / other)
    with pytest.raises(BrainvisError, match="several space labels"):
        find_subject(prep, "01")
    assert len(find_subject(prep, "01", space="T1w").runs) == 2


def test_two_tasks_need_a_choice(tmp_path):
    raw_tree(raw_tree(tmp_path), task="rest")
    with pytest.raises(BrainvisError, match="several task labels"):
        find_subject(tmp_path, "01")
    assert len(find_subject(tmp_path, "01", task="see").runs) == 3


def test_sessions_count_runs_on(tmp_path):
    touch(tmp_path / "task-see_bold.json", json.dumps({"RepetitionTime": 2.0}))
    for session in ("1", "2"):
        stem = tmp_path / f"sub-01/ses-{session}/func/sub-01_ses-{session}_task-see_run-1"
        touch(stem.with_name(stem.name + "_bold.nii.gz"))
        touch(stem.with_name(stem.name + "_events.tsv"))
    found = find_subject(tmp_path, "01")
    assert [(run.session, run.number) for run in found.runs] == [("1", 1), ("2", 2)]


def test_most_specific_sidecar_wins(tmp_path):
    raw_tree(tmp_path)
    own = tmp_path / "sub-01/func/sub-01_task-see_run-2_bold.json"
    touch(own, json.dumps({"RepetitionTime": 3.0}))
    assert [run.tr for run in find_subject(tmp_path, "01").runs] == [2.0, 3.0, 2.0]


@pytest.mark.parametrize("content", ["{}", '{"RepetitionTime": "2"}', '{"RepetitionTime": 0}'])
def test_missing_repetition_time(tmp_path, content):
    raw_tree(tmp_path)
    (tmp_path / "task-see_bold.json").write_text(content)
    with pytest.raises(BrainvisError, match="RepetitionTime"):
        find_subject(tmp_path, "01")


def test_broken_sidecar(tmp_path):
    raw_tree(tmp_path)
    (tmp_path / "task-see_bold.json").write_text("{")
    with pytest.raises(BrainvisError, match="JSON"):
        find_subject(tmp_path, "01")


def test_missing_pieces(tmp_path):
    with pytest.raises(BrainvisError, match="no such folder"):
        find_subject(tmp_path / "none", "01")
    raw_tree(tmp_path)
    with pytest.raises(BrainvisError, match="no such subject"):
        find_subject(tmp_path, "02")
    (tmp_path / "sub-01/func/sub-01_task-see_run-2_events.tsv").unlink()
    with pytest.raises(BrainvisError, match="no events file"):
        find_subject(tmp_path, "01")


def test_masks_of_regions(tmp_path):
    raw_tree(tmp_path)
    image = nib.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4))
    nib.save(image, tmp_path / "sub-01/func/sub-01_label-V1_mask.nii.gz")
    nib.save(image, tmp_path / "sub-01/func/sub-01_hemi-L_mask.nii.gz")
    (tmp_path / "sub-01/rois").mkdir()
    nib.save(image, tmp_path / "sub-01/rois/FFA.nii.gz")
    found = find_subject(tmp_path, "01")
    assert {name: path.name for name, path in found.rois.items()} == {
        "V1": "sub-01_label-V1_mask.nii.gz",
        "FFA": "FFA.nii.gz",
    }
    assert {run.mask for run in found.runs} == {None}
