"""A simulated subject: BIDS layout, anatomy, tuning, noise ceilings, reproducibility, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import CATEGORIES, simulate, write_toy_stimuli

from brainvis.artifacts import hdf5
from brainvis.artifacts.files import sha256
from brainvis.containers import Stimuli
from brainvis.errors import BrainvisError
from brainvis.simulate.anatomy import RETINOTOPIC, ROIS
from brainvis.simulate.bids import write_dataset_files, write_stimulus_images
from brainvis.simulate.calibration import ridge_estimator
from brainvis.simulate.channels import read_channels, write_channels
from brainvis.simulate.haemodynamics import hrf, regressors
from brainvis.simulate.noise import drift_basis
from brainvis.simulate.subject import simulate_subject


@pytest.fixture(scope="module")
def truth(toy: Path) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Voxel table, true betas (stimuli, voxels), trial table."""
    with hdf5.opened(toy / "truth" / "bids-01.h5", schema="truth") as file:
        return hdf5.get_table(file, "voxels"), file["betas"][...], hdf5.get_table(file, "trials")


@pytest.fixture(scope="module")
def table(toy: Path) -> pd.DataFrame:
    return Stimuli.open(toy / "stimuli.h5").table


def bold_files(root: Path) -> list[Path]:
    return sorted((root / "bids" / "sub-01" / "func").glob("*_bold.nii.gz"))


def beside(bold: Path, ending: str) -> Path:
    return bold.with_name(bold.name.replace("bold.nii.gz", ending))


def mask(root: Path, entity: str) -> np.ndarray:
    image = nib.load(root / "bids" / "sub-01" / "func" / f"sub-01_{entity}_mask.nii.gz")
    return np.asarray(image.dataobj).astype(bool)


def test_every_run_has_its_files_and_every_name_is_bids(toy: Path):
    names = [path.name for path in (toy / "bids" / "sub-01" / "func").iterdir()]
    raw = re.compile(r"sub-01_task-world_run-\d\d_(bold\.nii\.gz|bold\.json|events\.tsv)")
    extra = re.compile(r"sub-01_.*(desc-confounds_timeseries\.tsv|_mask\.nii\.gz)")
    assert all(raw.fullmatch(name) or extra.fullmatch(name) for name in names)
    assert len(bold_files(toy)) == 5  # 96 x 3 trials and blanks, at most 75 a run
    for bold in bold_files(toy):
        for ending in ("bold.json", "events.tsv", "desc-confounds_timeseries.tsv"):
            assert beside(bold, ending).is_file()


def test_bold_is_finite_int16_with_signal_in_the_brain_alone(toy: Path):
    brain = mask(toy, "desc-brain")
    assert brain.sum() == 1000
    for bold in bold_files(toy):
        image = nib.load(bold)
        values = np.asarray(image.dataobj)
        assert image.get_data_dtype() == np.int16 and values.ndim == 4
        assert image.header.get_zooms() == pytest.approx((2, 2, 2, 1.6))
        assert json.loads(beside(bold, "bold.json").read_text())["RepetitionTime"] == 1.6
        assert values[brain].mean(axis=-1).min() > 1000 and values[~brain].max() <= 1
        noise = values[brain].std(axis=-1) / values[brain].mean(axis=-1)
        assert 0.008 < np.median(noise) < 0.05


def test_events_lie_inside_the_run_and_repeats_in_different_runs(toy: Path, truth):
    shown: dict[str, list[int]] = {}
    blanks = trials = 0
    for number, bold in enumerate(bold_files(toy)):
        events = pd.read_csv(beside(bold, "events.tsv"), sep="\t", keep_default_na=False)
        assert list(events.columns[:3]) == ["onset", "duration", "trial_type"]
        seconds = nib.load(bold).shape[3] * 1.6
        assert (events.onset >= 0).all() and (events.onset + events.duration + 10 < seconds).all()
        assert (np.diff(events.onset) == 4.0).all() and len(events) <= 75
        blank = events.trial_type == "blank"
        assert (events.stim_file[~blank] == events.stimulus_id[~blank] + ".png").all()
        assert (events.stimulus_id[blank] == "n/a").all()
        recorded = truth[2][truth[2].run == number + 1]
        assert (recorded.stimulus_id.to_numpy() == events.stimulus_id.to_numpy()).all()
        for name in events.stimulus_id[~blank]:
            shown.setdefault(name, []).append(number)
        blanks, trials = blanks + int(blank.sum()), trials + len(events)
    assert len(shown) == 96
    assert all(len(runs) == 3 == len(set(runs)) for runs in shown.values())
    assert 0.03 < blanks / trials < 0.08


def test_confounds_have_one_row_per_volume_and_move_little(toy: Path):
    for bold in bold_files(toy):
        found = pd.read_csv(beside(bold, "desc-confounds_timeseries.tsv"), sep="\t")
        assert len(found) == nib.load(bold).shape[3]
        assert {"trans_x", "rot_z", "framewise_displacement", "csf", "white_matter"} <= set(found)
        assert found.drop(columns="framewise_displacement").notna().all().all()
        assert found.framewise_displacement[1:].between(0, 5).all()
        assert found.trans_x.abs().max() < 5 and found.rot_x.abs().max() < 0.1


def test_masks_are_disjoint_in_the_brain_and_split_at_the_midline(toy: Path, truth):
    areas = np.stack([mask(toy, f"label-{roi}") for roi in ROIS])
    brain, left, right = (mask(toy, name) for name in ("desc-brain", "hemi-L", "hemi-R"))
    assert (areas.sum(axis=0) <= 1).all() and not (areas & ~brain).any()
    assert (left ^ right)[brain].all() and not ((left | right) & ~brain).any()
    affine = nib.load(bold_files(toy)[0]).affine
    assert (nib.affines.apply_affine(affine, np.argwhere(left))[:, 0] < 0).all()
    assert (nib.affines.apply_affine(affine, np.argwhere(right))[:, 0] > 0).all()
    for roi, area in zip(ROIS, areas, strict=True):
        assert (area & left).sum() >= 5 and (area & right).sum() >= 5, roi
    voxels = truth[0]
    assert (areas[ROIS.index("V1")][tuple(voxels[["i", "j", "k"]].to_numpy().T)]
            == (voxels.roi == "V1")).all()  # fmt: skip


def test_receptive_fields_are_contralateral_and_lower_in_dorsal_cortex(truth):
    voxels = truth[0]
    for roi in RETINOTOPIC:
        part = voxels[voxels.roi == roi]
        assert (part.prf_x[part.left] > 0).mean() > 0.85
        assert (part.prf_x[~part.left] < 0).mean() > 0.85
    for roi in ("V1", "V2", "V3"):
        part = voxels[voxels.roi == roi]
        assert np.corrcoef(part.k, part.prf_y)[0, 1] < -0.6  # k runs up
    size = [voxels.prf_size[voxels.roi == roi].median() for roi in ("V1", "V2", "V3", "hV4")]
    assert size == sorted(size)
    v1 = voxels[voxels.roi == "V1"]
    eccentricity = np.hypot(v1.prf_x, v1.prf_y)
    assert np.corrcoef(eccentricity, v1.prf_size)[0, 1] > 0.5
    assert voxels.prf_x[~voxels.roi.isin(RETINOTOPIC)].isna().all()


def test_v1_responds_to_contrast_in_its_half_of_the_image(toy: Path, truth):
    voxels, betas, _ = truth
    energy = read_channels(toy / "channels.h5").gabor.mean(axis=1)  # (stimuli, 16, 16)
    right_left = energy[:, :, 8:].mean(axis=(1, 2)) - energy[:, :, :8].mean(axis=(1, 2))
    up_down = energy[:, :8].mean(axis=(1, 2)) - energy[:, 8:].mean(axis=(1, 2))
    driven = (voxels.roi == "V1") & voxels.function.str.match("contrast|orient")

    def mean_correlation(member: pd.Series, course: np.ndarray) -> float:
        return float(
            np.mean([np.corrcoef(betas[:, v], course)[0, 1] for v in np.flatnonzero(member)])
        )

    assert mean_correlation(driven & (voxels.prf_x > 0.3), right_left) > 0.2
    assert mean_correlation(driven & (voxels.prf_x < -0.3), right_left) < -0.2
    assert mean_correlation(driven & (voxels.prf_y > 0.3), up_down) > 0.2
    assert mean_correlation(driven & (voxels.prf_y < -0.3), up_down) < -0.2


def test_mt_follows_motion_along_its_preferred_direction(truth, table):
    voxels, betas, _ = truth
    member = np.flatnonzero(voxels.function.str.startswith("direction") & (voxels.roi == "MT"))
    along, across = [], []
    for v in member:
        angle = np.deg2rad(int(re.findall(r"\d+", voxels.function[v])[0]))
        speed = table.velocity_x * np.cos(angle) + table.velocity_y * np.sin(angle)
        aside = -table.velocity_x * np.sin(angle) + table.velocity_y * np.cos(angle)
        along.append(np.corrcoef(betas[:, v], speed)[0, 1])
        across.append(abs(np.corrcoef(betas[:, v], aside)[0, 1]))
    assert np.mean(along) > 0.25 and np.mean(along) > 2 * np.mean(across)
    assert len(set(voxels.function[member])) >= 6


@pytest.mark.parametrize(
    ("area", "liked"), [("FFA", "face"), ("EBA", "body"), ("PPA", "house"), ("food", "apple"),
                        ("words", "letter")]
)  # fmt: skip
def test_category_areas_prefer_their_category_and_their_voxels_differ(truth, table, area, liked):
    voxels, betas, _ = truth
    member = ((voxels.roi == area) & voxels.function.str.startswith(area)).to_numpy()
    standard = betas[:, member] / betas[:, member].std(axis=0)
    means = {c: standard[(table.category == c).to_numpy()].mean() for c in CATEGORIES}
    same = [c for c, parent in CATEGORIES.items() if parent == CATEGORIES[liked] and area != "FFA"]
    assert max(means, key=means.__getitem__) in {liked, *same}
    assert means[liked] > means["hammer"] + 0.5
    assert np.median(np.corrcoef(standard.T)[np.triu_indices(member.sum(), 1)]) < 0.95


def test_tuning_of_every_area_has_many_dimensions(truth):
    voxels, betas, _ = truth
    for roi in ROIS:
        profile = betas[:, (voxels.roi == roi).to_numpy()]
        variance = (
            np.linalg.svd((profile - profile.mean(0)) / profile.std(0), compute_uv=False) ** 2
        )
        participation = variance.sum() ** 2 / np.square(variance).sum()
        assert participation > 2.5, (roi, participation)


def estimated_ceilings(root: Path, voxels: pd.DataFrame) -> np.ndarray:
    """Noise ceiling (Allen et al. 2022) of ridge betas with the canonical HRF and one penalty."""
    index = tuple(voxels[["i", "j", "k"]].to_numpy().T)
    course = hrf(np.array([5.0]), np.array([1.0]), 2.0)[0]
    betas, names = [], []
    for bold in bold_files(root):
        data = np.asarray(nib.load(bold).dataobj)[index].T.astype(float)
        data = 100 * (data / data.mean(axis=0) - 1)
        events = pd.read_csv(beside(bold, "events.tsv"), sep="\t", keep_default_na=False)
        events = events[events.trial_type == "stimulus"]
        confounds = pd.read_csv(beside(bold, "desc-confounds_timeseries.tsv"), sep="\t")
        confounds = confounds.drop(columns="framewise_displacement").to_numpy()
        nuisance = np.hstack([np.ones((len(data), 1)), drift_basis(len(data), 1.6), confounds])
        data -= nuisance @ (np.linalg.pinv(nuisance) @ data)
        design = regressors(course, events.onset.to_numpy(), len(data), 1.6)
        betas.append(ridge_estimator(design, nuisance, 0.4) @ data)
        names += events.stimulus_id.tolist()
    trials = np.vstack(betas)
    trials = trials[np.argsort(names, kind="stable")].reshape(-1, 3, len(voxels))
    noise = trials.var(axis=1, ddof=1).mean(axis=0)
    signal = np.maximum(trials.reshape(-1, len(voxels)).var(axis=0, ddof=1) - noise, 0)
    return signal / (signal + noise / 3)


def test_noise_ceilings_resemble_nsd(toy: Path, truth):
    voxels = truth[0]
    found, inside = estimated_ceilings(toy, voxels), (voxels.roi != "").to_numpy()
    true = voxels.noise_ceiling.to_numpy()
    assert np.percentile(true[inside], [10, 50, 90]) == pytest.approx([0.08, 0.35, 0.70], abs=0.02)
    low, middle, high = np.percentile(found[inside], [10, 50, 90])
    assert low < 0.15 and 0.25 < middle < 0.42 and 0.55 < high < 0.80
    assert np.corrcoef(found[inside], true[inside])[0, 1] > 0.85
    assert np.median(found[~inside]) < 0.08 and (true[~inside] == 0).mean() > 0.3


def test_the_wanted_ceiling_is_obeyed(toy: Path):
    simulate(toy, "05", tree="clear", ceiling_median=0.6)
    with hdf5.opened(toy / "truth" / "clear-05.h5", schema="truth") as file:
        voxels = hdf5.get_table(file, "voxels")
    assert np.median(voxels.noise_ceiling[voxels.roi != ""]) == pytest.approx(0.6, abs=0.02)


def test_same_seed_same_bytes_other_subject_other_brain(toy: Path):
    again = simulate(toy, "01", tree="again")
    assert sha256(again) == sha256(toy / "bids" / "sub-01")
    assert sha256(toy / "truth" / "again-01.h5") == sha256(toy / "truth" / "bids-01.h5")
    simulate(toy, "02", tree="again")
    voxels = {}
    for subject in ("01", "02"):
        with hdf5.opened(toy / "truth" / f"again-{subject}.h5") as file:
            voxels[subject] = hdf5.get_table(file, "voxels")
    assert (voxels["01"].roi != voxels["02"].roi).mean() > 0.02
    assert abs(voxels["01"].hrf_peak - voxels["02"].hrf_peak).mean() > 0.05
    shared = set(voxels["01"].function) & set(voxels["02"].function)
    assert len(shared) > 0.8 * voxels["01"].function.nunique()


def test_dataset_files_say_simulated_and_stimuli_are_written(toy: Path, tmp_path: Path):
    write_dataset_files(tmp_path, subjects=["01", "02"], tr=2.0)
    description = json.loads((tmp_path / "dataset_description.json").read_text())
    assert (
        "simulated" in description["Name"] and description["GeneratedBy"][0]["Name"] == "brainvis"
    )
    assert "simulated" in (tmp_path / "README").read_text()
    assert json.loads((tmp_path / "task-world_bold.json").read_text())["RepetitionTime"] == 2.0
    people = pd.read_csv(tmp_path / "participants.tsv", sep="\t").participant_id
    assert people.tolist() == ["sub-01", "sub-02"]
    write_stimulus_images(toy / "stimuli.h5", tmp_path / "stimuli")
    import imageio.v3 as imageio

    source = Stimuli.open(toy / "stimuli.h5")
    written = imageio.imread(tmp_path / "stimuli" / f"{source.ids[7]}.png")
    np.testing.assert_array_equal(written, source.read("images", slice(7, 8))[0])
    assert len(list((tmp_path / "stimuli").iterdir())) == 96


def test_nothing_in_the_tree_names_the_truth(toy: Path):
    for path in (toy / "bids").rglob("*"):
        assert "truth" not in path.name and path.suffix != ".h5"
        if path.suffix in (".tsv", ".json"):
            assert not re.search(r"prf|ceiling|function|category", path.read_text())


def test_truth_inside_the_tree_is_refused(toy: Path, tmp_path: Path):
    with pytest.raises(BrainvisError, match="truth lies inside the BIDS tree"):
        simulate_subject(
            toy / "stimuli.h5", toy / "channels.h5", tmp_path / "sub-01", tmp_path / "truth.h5"
        )


def test_channels_of_other_stimuli_are_refused(toy: Path, tmp_path: Path):
    write_toy_stimuli(tmp_path / "s.h5", 8)
    write_channels(tmp_path / "s.h5", tmp_path / "c.h5")
    with pytest.raises(BrainvisError, match=r"c\.h5: ids: belongs to other stimuli"):
        simulate_subject(
            toy / "stimuli.h5", tmp_path / "c.h5", tmp_path / "b" / "sub-01", tmp_path / "t.h5"
        )


@pytest.mark.parametrize("settings", [{"stimulus_seconds": 5.0}, {"tr": 0.0}, {"repeats": 0}])
def test_impossible_settings_are_refused(toy: Path, tmp_path: Path, settings):
    with pytest.raises(BrainvisError, match="impossible"):
        simulate_subject(
            toy / "stimuli.h5",
            toy / "channels.h5",
            tmp_path / "b" / "sub-01",
            tmp_path / "t.h5",
            **settings,
        )
    assert not (tmp_path / "b").exists()
