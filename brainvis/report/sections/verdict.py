"""The answer in one line, and the facts needed to judge it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from brainvis.artifacts.manifest import installed_versions
from brainvis.containers import MEASURED, SIMULATED
from brainvis.evaluate.catalogue import describe
from brainvis.report.context import Context, records, where
from brainvis.report.section import Facts, Part, Section, Text
from brainvis.report.words import counted, interval, number, probability

SUBJECT_OF_SENTENCE = {SIMULATED: "Simulated brain", MEASURED: "Measured fMRI"}


def build(context: Context) -> Section:
    """Best method with interval beside chance and baselines; then identity of the run."""
    parts = _of_scores(context) if context.scored else _of_classification(context)
    return Section("verdict", "Verdict", [*parts, _run(context)])


def _of_scores(context: Context) -> list[Part]:
    row = context.headline()
    metric = describe(row["metric"])
    chosen = "named in the configuration"
    if context.choices.method is None:
        chosen = "the decoder with the best mean, picked on these same test scores"
    notes = (
        f"Method: {chosen}. {metric.definition} Interval: bootstrap over stimuli, subjects fixed. "
        "p: share of random pairings of seen and reconstructed items that score as high; q: "
        "Benjamini-Hochberg over all decoders and metrics."
    )
    lead = Text(sentence(context.kind, row), role="lead")
    return [lead, Facts(_facts(context, row, metric.label)), Text(notes)]


def _of_classification(context: Context) -> list[Part]:
    """Without reconstructions: the mean accuracy over all results, beside chance."""
    results, who = context.classification, SUBJECT_OF_SENTENCE[context.kind]
    if results is None or not {"accuracy", "chance"} <= set(results) or results.empty:
        return [Text(f"{who}: prepared and checked; nothing was decoded in this run.", "lead")]
    accuracy, chance = (float(np.mean(results[name])) for name in ("accuracy", "chance"))
    text = f"{who}: categories are told apart with accuracy {number(accuracy, 2)}"
    return [Text(f"{text} where chance is {number(chance, 2)}.", role="lead")]


def sentence(kind: str, row: dict[str, Any]) -> str:
    """One line: what was found against chance and against the best baseline, no more."""
    better = 1 if row["higher_is_better"] else -1
    above = row["q"] < 0.05 and better * (row["mean"] - row["chance"]) > 0
    chance = "better than chance" if above else "not distinguishable from chance"
    text = f"{SUBJECT_OF_SENTENCE[kind]}: {row['method']} is {chance}"
    if row["best_baseline"] and np.isfinite(row["difference"]):
        ends = sorted(better * row[name] for name in ("difference_low", "difference_high"))
        against = "better than" if ends[0] > 0 else "worse than"
        against = "no different from" if ends[0] <= 0 <= ends[1] else against
        text += f" and {against} the best baseline ({row['best_baseline']})"
    return f"{text}."


def _facts(context: Context, row: dict[str, Any], label: str) -> list[tuple[str, str, str]]:
    extent = f"95 % interval {interval(row['ci_low'], row['ci_high'])}"
    tests = f"{row['chance_is']}; p = {probability(row['p'])}, q = {probability(row['q'])}"
    people = counted(row["subjects"], "subject", "subjects")
    facts = [
        (f"{row['method']}: {label}", number(row["mean"]), extent),
        ("chance", number(row["chance"]), tests),
    ]
    rivals = where(context.rows(modality=row["modality"]), metric=row["metric"])
    for rival in records(where(rivals, method=row["best_baseline"])):
        difference = f"{row['difference']:+.3f}"
        extent = interval(row["difference_low"], row["difference_high"])
        note = f"difference {difference} {extent}"
        facts.append((f"best baseline: {rival['method']}", number(rival["mean"]), note))
    where_from = f"held out, {people}, split “{context.split}”"
    facts.append(("evaluated", counted(row["n"], "stimulus", "stimuli"), where_from))
    return facts


def _run(context: Context) -> Facts:
    text = json.dumps(context.config, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    versions = installed_versions()
    shown = [f"{name} {versions[name]}" for name in ("numpy", "scipy", "torch") if name in versions]
    return Facts(
        [
            ("run", str(context.config.get("run", "unnamed")), f"config {digest}"),
            ("seed", str(context.config.get("seed", context.choices.seed)), "drives all draws"),
            ("brainvis", versions.get("brainvis", "not installed"), f"python {versions['python']}"),
            ("libraries", shown[0] if shown else "–", ", ".join(shown[1:])),
        ]
    )
