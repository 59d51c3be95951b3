"""BOLD to betas: recovery of simulated truth, test stimuli untouched, bad trees refused."""

import json
import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from brainvis.containers import Responses
from brainvis.datasets.bids_tables import DEFAULT_CONFOUNDS
from brainvis.decoding.classify import leave_one_run_out_accuracy
from brainvis.errors import BrainvisError
from brainvis.preprocess import design, glm, hrf
from brainvis.preprocess.betas import estimate_betas
from brainvis.preprocess.estimate import Estimator, RunInputs
from brainvis.preprocess.normalise import zscore_by_run
from brainvis.preprocess.reliability import beta_recovery

MADE = {"subject": "01", "dataset": "made", "kind": "simulated"}


def inputs_of(experiment, test_stimuli=()):
    runs, data = [], []
    parts = zip(experiment.bold, experiment.confounds, experiment.onsets, strict=True)
    for number, (bold, confounds, onsets) in enumerate(parts):
        times = design.frame_times(len(bold), experiment.tr)
        basis = design.orthonormal(design.nuisance_regressors(times, 0.008, confounds))
        shown = experiment.stimulus[experiment.run == number]
        train = ~np.isin(shown, list(test_stimuli))
        durations = np.full(len(onsets), experiment.shown)
        runs.append(RunInputs(times, onsets, durations, train, basis))
        data.append((100 * (bold / bold.mean(axis=0) - 1)).astype(np.float32))
    return runs, data


def least_squares(runs, data):
    return np.concatenate(
        [
            glm.least_squares_all(
                part,
                design.trial_regressors(hrf.canonical()[0], run.onsets, run.durations, run.times),
                run.nuisance,
            )
            for run, part in zip(runs, data, strict=True)
        ]
    )


def test_true_betas_are_recovered_better_than_by_least_squares_all(experiment):
    runs, data = inputs_of(experiment)
    plain = least_squares(runs, data)
    made = Estimator(hrf.library(), runs, experiment.stimulus).estimate(data)
    unshrunk = Estimator(hrf.library(), runs, experiment.stimulus, shrink=False).estimate(data)
    responsive = made.r2 > 0.02
    assert responsive.sum() > 100
    pick = [values[:, responsive] for values in (experiment.true, made.betas, plain)]
    recovery = beta_recovery(*pick)
    assert recovery["ratio"] > 1.5, recovery
    library_alone = beta_recovery(pick[0], unshrunk.betas[:, responsive], pick[2])
    assert library_alone["ratio"] > 1.0, library_alone


def test_chosen_hrf_follows_the_true_peak(experiment):
    runs, data = inputs_of(experiment)
    made = Estimator(hrf.library(), runs, experiment.stimulus).estimate(data)
    peak = np.repeat(hrf.PEAKS, len(hrf.WIDTHS))[made.hrf_index]
    clear = made.r2 > np.median(made.r2)
    assert np.corrcoef(peak[clear], experiment.peak[clear])[0, 1] > 0.7


def test_labels_of_test_trials_steer_nothing(experiment):
    rng = np.random.default_rng(0)
    test = np.arange(120, 150)
    runs, data = inputs_of(experiment, test)
    shown = experiment.stimulus.copy()
    where = np.flatnonzero(np.isin(shown, test))
    shuffled = shown.copy()
    shuffled[where] = rng.permutation(shown[where])
    first = Estimator(hrf.library(), runs, shown).estimate(data)
    second = Estimator(hrf.library(), runs, shuffled).estimate(data)
    for name in ("hrf_index", "shrinkage_fraction", "r2", "betas"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_responses_to_test_trials_steer_nothing(experiment):
    test = np.arange(120, 150)
    runs, data = inputs_of(experiment, test)
    estimator = Estimator(hrf.library(), runs, experiment.stimulus)
    before = estimator.estimate(data)
    rng, changed = np.random.default_rng(0), []
    for run, part in zip(runs, data, strict=True):
        regressors = design.trial_regressors(
            hrf.library()[7], run.onsets[~run.train], run.durations[~run.train], run.times
        )
        extra = regressors @ rng.normal(0, 3, (regressors.shape[1], part.shape[1]))
        changed.append(part + extra.astype(np.float32))
    after = estimator.estimate(changed)
    assert np.mean(before.hrf_index == after.hrf_index) > 0.97
    same = before.hrf_index == after.hrf_index
    assert np.mean(before.shrinkage_fraction[same] == after.shrinkage_fraction[same]) > 0.97
    # Were test trials used, responses this large would change most choices.
    everything = [replace(run, train=np.ones_like(run.train)) for run in runs]
    using = Estimator(hrf.library(), everything, experiment.stimulus)
    changes = using.estimate(changed).hrf_index != using.estimate(data).hrf_index
    assert changes.mean() > 0.2


def test_without_repeats_across_runs_nothing_is_shrunk(experiment):
    runs, data = inputs_of(experiment)
    estimator = Estimator(hrf.library(), runs, np.arange(len(experiment.stimulus)))
    made = estimator.estimate(data)
    assert not estimator.shrink
    np.testing.assert_array_equal(made.shrinkage_fraction, 1)


def test_runs_without_training_trials_and_single_runs(experiment):
    shown = experiment.stimulus[experiment.run == 0]
    runs, data = inputs_of(experiment, shown)  # run 0 shows test stimuli only
    made = Estimator(hrf.library(), runs, experiment.stimulus).estimate(data)
    assert np.isfinite(made.betas).all() and np.isfinite(made.r2).all()
    one = Estimator(hrf.library(), runs[1:2], experiment.stimulus[experiment.run == 1])
    assert not one.repeats.exist and np.isfinite(one.estimate(data[1:2]).betas).all()


@pytest.fixture(scope="session")
def made(bids_tree, tmp_path_factory):
    out = tmp_path_factory.mktemp("betas") / "betas.h5"
    estimate_betas(bids_tree, out, **MADE, block_voxels=60)
    return Responses.open(out)


def test_stage_gives_what_the_arrays_give(experiment, made):
    runs, data = inputs_of(experiment)
    expected = Estimator(hrf.library(), runs, experiment.stimulus).estimate(data)
    agree = np.array(
        [np.corrcoef(a, b)[0, 1] for a, b in zip(made.betas().T, expected.betas.T, strict=True)]
    )
    assert np.median(agree) > 0.999 and agree.min() > 0.9  # BOLD was rounded to int16
    assert [f"s{code:03d}" for code in experiment.stimulus] == made.trials["stimulus_id"].tolist()
    np.testing.assert_array_equal(made.trials["run"], experiment.run + 1)
    assert made.trials.groupby("stimulus_id")["repeat"].apply(sorted).tolist() == [[0, 1, 2]] * 150
    ijk = np.stack(np.unravel_index(np.arange(200), (10, 5, 4), order="F"), axis=1)
    np.testing.assert_array_equal(made.voxels[["i", "j", "k"]], ijk)
    np.testing.assert_allclose(made.voxels[["x", "y", "z"]], 2.0 * ijk)
    assert made.attributes["mask"] == "1 file(s)" and made.attributes["n_runs"] == 6
    assert made.attributes["confounds"].split(", ") == list(DEFAULT_CONFOUNDS[:6])


def test_block_size_changes_nothing(bids_tree, tmp_path, made):
    estimate_betas(bids_tree, tmp_path / "b.h5", **MADE, block_voxels=1000)
    other = Responses.open(tmp_path / "b.h5")
    same = (made.voxels["hrf_index"] == other.voxels["hrf_index"]).to_numpy()
    same = same & np.equal(made.voxels["shrinkage_fraction"], other.voxels["shrinkage_fraction"])
    assert same.mean() > 0.99  # float32 sums may differ where two choices are equally good
    np.testing.assert_allclose(made.betas()[:, same], other.betas()[:, same], atol=1e-3)


def test_no_scratch_is_left(bids_tree, tmp_path):
    estimate_betas(bids_tree, tmp_path / "b.h5", **MADE, hrf="canonical", shrink=False)
    assert [path.name for path in tmp_path.iterdir()] == ["b.h5"]
    assert set(Responses.open(tmp_path / "b.h5").voxels["hrf_index"]) == {-1}


@pytest.fixture
def copy(bids_tree, tmp_path):
    return shutil.copytree(bids_tree, tmp_path / "bids")


def edit_bold(path, change):
    image = nib.load(path)
    data, affine = change(np.asarray(image.dataobj).astype(np.float32), image.affine.copy())
    changed = nib.Nifti1Image(data, affine)
    changed.set_sform(affine, code=1)
    nib.save(changed, path)


def bold_of(tree, run):
    return tree / f"sub-01/func/sub-01_task-see_run-{run:02d}_bold.nii.gz"


def fast(tree, out, **settings):
    estimate_betas(tree, out, **MADE, **{"hrf": "canonical", "shrink": False} | settings)
    return Responses.open(out)


def test_unusable_voxels_are_dropped_and_counted(copy, tmp_path):
    def spoil(data, affine):
        data[0, 0, 0, 3] = np.nan
        data[1, 0, 0] = 500
        data[2, 0, 0] -= 2000
        return data, affine

    edit_bold(bold_of(copy, 2), spoil)
    made = fast(copy, tmp_path / "b.h5")
    counts = {key: value for key, value in made.attributes.items() if key.startswith("n_dropped")}
    assert counts == {"n_dropped_nan": 1, "n_dropped_constant": 1, "n_dropped_not_positive": 1}
    assert len(made.voxels) == 197
    np.testing.assert_array_equal(made.voxels[["i", "j", "k"]].iloc[0], [3, 0, 0])
    assert np.isfinite(made.betas()).all()


def test_brain_is_found_without_mask_files(copy, tmp_path):
    (copy / "sub-01/func/sub-01_desc-brain_mask.nii.gz").unlink()

    def darken(data, affine):
        data[:, :, 0] = np.random.default_rng(0).normal(5, 1, data[:, :, 0].shape)
        return data, affine

    for run in range(1, 7):
        edit_bold(bold_of(copy, run), darken)
    made = fast(copy, tmp_path / "b.h5")
    assert set(made.voxels["k"]) == {1, 2, 3} and len(made.voxels) == 150
    assert "computed" in made.attributes["mask"]


def test_smaller_region_names_the_voxel(copy, tmp_path):
    for name, depth in {"early": 2, "V1": 1}.items():
        mask = np.zeros((10, 5, 4), np.uint8)
        mask[:, :, :depth] = 1
        affine = np.diag([2.0, 2, 2, 1])
        image = nib.Nifti1Image(mask, affine)
        image.set_sform(affine, code=1)
        nib.save(image, copy / f"sub-01/func/sub-01_label-{name}_mask.nii.gz")
    voxels = fast(copy, tmp_path / "b.h5").voxels
    assert set(voxels.groupby("k")["roi"].first()) == {"V1", "early", ""}
    assert set(voxels.loc[voxels["k"] == 0, "roi"]) == {"V1"}


def test_raw_counts_without_mean_are_refused(copy, tmp_path):
    for run in range(1, 7):
        edit_bold(bold_of(copy, run), lambda d, a: (d - d.mean(axis=3, keepdims=True), a))
    with pytest.raises(BrainvisError, match="most voxels of the mask have no signal"):
        fast(copy, tmp_path / "b.h5")
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, a: (d[..., :-1, :], a), "shape differs"),
        (lambda d, a: (d, a @ np.diag([-1.0, 1, 1, 1])), "affine differs"),
        (lambda d, a: (d[..., 0], a), "needs 4 dimensions"),
        (lambda d, a: (d[..., :60], a), "beyond the run"),
        (lambda d, a: (d[..., :-2], a), "one row per volume"),
    ],
)
def test_bold_that_does_not_fit(copy, tmp_path, change, message):
    edit_bold(bold_of(copy, 3), change)
    with pytest.raises(BrainvisError, match=message):
        fast(copy, tmp_path / "b.h5")


def test_truncated_run_leaves_nothing(copy, tmp_path):
    path = bold_of(copy, 4)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BrainvisError, match=r"run-04_bold.nii.gz: truncated"):
        fast(copy, tmp_path / "b.h5")
    assert {path.name for path in tmp_path.iterdir()} == {"bids"}


def test_faults_of_settings_and_sidecars(copy, tmp_path):
    with pytest.raises(BrainvisError, match="no trial shows a training stimulus"):
        fast(copy, tmp_path / "b.h5", train_ids=["other"])
    with pytest.raises(BrainvisError, match="csf: confound column is missing"):
        fast(copy, tmp_path / "b.h5", confounds=("csf",))
    (copy / "task-see_bold.json").write_text(json.dumps({"TaskName": "see"}))
    with pytest.raises(BrainvisError, match="RepetitionTime"):
        fast(copy, tmp_path / "b.h5")


def test_haxby_categories_are_decoded_from_block_betas(measured, tmp_path):
    """Neither betas nor normalising see labels: canonical HRF, no shrinkage, and each run is
    z-scored by the mean and spread of its own blocks, unlabelled."""
    tree = measured("haxby_slice")
    settings = {"subject": "1", "dataset": "haxby", "kind": "measured", "trial": "block"}
    estimate_betas(tree, tmp_path / "b.h5", **settings, hrf="canonical", shrink=False)
    made = Responses.open(tmp_path / "b.h5")
    runs = made.trials["run"].to_numpy()
    labels = made.trials["trial_type"].to_numpy(dtype=str)
    betas = zscore_by_run(made.betas(), runs, np.ones(len(runs), dtype=bool))
    correct = leave_one_run_out_accuracy(betas, labels, runs) == labels
    assert correct.mean() >= 0.49
    shuffled = np.random.default_rng(0).permuted(labels.reshape(12, 8), axis=1).ravel()
    assert (leave_one_run_out_accuracy(betas, shuffled, runs) == shuffled).mean() < 0.3
