# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Looking into a finished run
#
# `make demo` makes `results/demo`; name another folder in the environment variable `BRAINVIS_RUN`.
# Open this file in Jupyter with `jupytext --to ipynb notebooks/explore_reconstructions.py`, or run
# it as it is with `python`. Every figure carries a label that says whether the brain was simulated.

# %%
# ruff: noqa: B018 (the last line of a cell is what it shows)
import os

import matplotlib.pyplot as plt
import numpy as np

import brainvis
from brainvis.report.choose import best_median_worst
from brainvis.report.figures.atlas import Block, cluster_colours, volume_of, voxel_rows
from brainvis.report.figures.scores import score_panels, subject_dots

run = brainvis.open_run(os.environ.get("BRAINVIS_RUN", "results/demo"))
split = "main" if "main" in run.splits else next(iter(run.splits))
print(f"{run.kind} fMRI; subjects {run.subjects}; methods {run.methods}")
run.config["dataset"]

# %% [markdown]
# ## Seen and reconstructed
#
# First stimuli of the test set, as they come. Nothing that a decoder learned from is among them.

# %%
images = run.summary.query("split == @split and modality == 'image'")
ranked = images.query("subject == 'all' and metric == 'pixel_correlation' and not baseline")
method = ranked.sort_values("mean", ascending=False)["method"].iloc[0]
first_stimuli = run.show(method, run.subjects[0], split=split)
first_stimuli

# %% [markdown]
# The best and the worst, by the correlation of pixels: a rule, not an eye, picks them. Which method
# is looked at was picked on these same test scores, so its mean is a little too good; the
# confirmation is a run with `report.method` named beforehand.


# %%
def pixel_correlation(subject):
    """Score of every test stimulus."""
    chosen = run.scores.query(
        "split == @split and method == @method and metric == 'pixel_correlation'"
    )
    return chosen[chosen["subject"] == subject].set_index("stimulus")["value"]


best_and_worst = {}
for subject in run.subjects:
    values = pixel_correlation(subject)
    groups = best_median_worst(values.to_numpy(), values.index.to_numpy(dtype=str), count=4)
    for rank in ("best", "worst"):
        best_and_worst[subject, rank] = run.show(method, subject, split=split, ids=groups[rank])
        print(subject, rank, values[groups[rank]].round(2).to_list())
best_and_worst[run.subjects[0], "best"]

# %%
best_and_worst[run.subjects[0], "worst"]

# %% [markdown]
# ## Scores beside baselines and chance
#
# Mean with its 95 % bootstrap interval over stimuli. A decoder that gives the mean image, or that
# has learned from shuffled pairs, knows nothing of the brain: it shows what a score is worth.

# %%
metrics = [m for m in ("pixel_correlation", "ssim", "pixel_two_way") if m in set(images["metric"])]
scores_with_intervals = score_panels(images.query("subject == 'all'"), metrics, kind=run.kind)
scores_with_intervals

# %%
columns = ["metric", "method", "baseline", "n", "mean", "ci_low", "ci_high", "chance", "p"]
columns += ["best_baseline", "difference", "difference_low", "difference_high"]
images.query("subject == 'all' and metric in @metrics")[columns].round(3)

# %% [markdown]
# ## Subjects
#
# Does decoding differ between subjects, and is the difference that of their signal? Each dot is the
# mean of one subject; below, the same stimuli are compared in pairs, beside the noise ceilings.

# %%
by_subject = subject_dots(images.query("subject != 'all'"), metrics, kind=run.kind)
by_subject

# %%
first = pixel_correlation(run.subjects[0])
for subject in run.subjects:
    difference = (pixel_correlation(subject) - first).dropna().to_numpy()
    draws = np.random.default_rng(0).choice(difference, (2000, len(difference)))
    low, high = np.percentile(draws.mean(axis=1), [2.5, 97.5])
    ceiling = run.responses(subject).voxels["noise_ceiling"]
    print(
        f"subject {subject}: pixel correlation {difference.mean():+.3f} [{low:+.3f}, {high:+.3f}] "
        f"beside subject {run.subjects[0]}; median noise ceiling {ceiling.median():.2f}, "
        f"{(ceiling > 0.2).sum():,} of {len(ceiling):,} voxels above 0.2"
    )

# %% [markdown]
# ## Clusters on cortex
#
# Voxels of all subjects sorted by what they respond to; the same colour is the same cluster. The
# slice with the most voxels across each axis, colours by the first axis of the clusters' centres.

# %%
clusters_on_cortex = None
if run.cluster_methods:
    way = "mixture" if "mixture" in run.cluster_methods else run.cluster_methods[0]
    rows = []
    for subject in run.subjects:
        found = run.clusters(way, subject)
        arrays = found.model().arrays()
        colours = cluster_colours(found.count, arrays.get("means", arrays.get("centres")))
        own = found.voxels[found.voxels["subject"] == subject]
        rows.append((f"subject {subject}", [volume_of(own, colours[found.hard(subject)])]))
    block = Block(f"{found.count} clusters", "order by function", "turbo", ends=("first", "last"))
    clusters_on_cortex = voxel_rows(rows, [block], kind=run.kind)
clusters_on_cortex

# %% [markdown]
# What the largest clusters of the first subject consist of: regions by their share of the voxels.
# A simulated brain's regions are known; a measured one's are those of its data set, where it has
# any.

# %%
if run.cluster_methods:
    subject = run.subjects[0]
    found = run.clusters(way, subject)
    region = found.voxels.loc[found.voxels["subject"] == subject, "roi"].to_numpy(dtype=str)
    hard = found.hard(subject)
    for cluster in np.bincount(hard, minlength=found.count).argsort()[::-1][:6]:
        names, held = np.unique(region[hard == cluster], return_counts=True)
        parts = sorted(zip(held / held.sum(), names, strict=True), reverse=True)[:3]
        shown = ", ".join(f"{name or 'no region'} {share:.0%}" for share, name in parts)
        print(f"cluster {cluster}: {held.sum()} voxels; {shown}")

# %%
plt.show()
