"""The rules of the house, read off the sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from brainvis import commands
from brainvis.artifacts import fingerprint
from brainvis.cli import STAGES

PACKAGE = Path(fingerprint.PACKAGE)
SOURCES = sorted(PACKAGE.rglob("*.py"))
OF_THE_WORLD = {
    "stimuli",
    "prior",
    "prior_objects",
    "channels",
    "bids_dataset",
    "simulate",
    "foundation_clips",
}
OF_THE_WORLD |= {"movie_dataset", "movie_simulate"}
_JUDGES = ("evaluate/recovery.py", "evaluate/movie_truth.py", "clusters/evaluation.py")
JUDGES = {PACKAGE / name for name in _JUDGES}  # by the truth
JUDGING = {"truth", "clusters_score", "movie_judge"}


def imports(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room(source: Path) -> str:
    return source.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_only_the_commands_of_the_world_import_stimuli_and_simulate():
    for source in SOURCES:
        used = [
            n for n in imports(source) if n.startswith(("brainvis.stimuli", "brainvis.simulate"))
        ]
        if used and room(source) not in ("stimuli", "simulate"):
            assert source.parent.name == "commands", (source, used)
            assert source.stem in OF_THE_WORLD, (source, used)


def test_evaluation_imports_no_decoder_and_decoding_no_evaluation():
    for source in SOURCES:
        forbidden = {"evaluate": ("brainvis.decoding", "brainvis.generate")}
        forbidden |= {"decoding": ("brainvis.evaluate",), "features": ("brainvis.decoding",)}
        for name in imports(source):
            assert not name.startswith(forbidden.get(room(source), ("~",))), (source, name)


def test_numerics_know_neither_snakemake_nor_typer():
    for source in SOURCES:
        if room(source) in ("commands", "cli"):
            continue
        for name in imports(source):
            assert name.split(".")[0] not in ("snakemake", "typer"), (source, name)


def test_nothing_but_its_judges_and_the_simulator_opens_the_ground_truth(repository):
    for source in SOURCES:
        if room(source) in ("simulate", "paths") or source.stem in OF_THE_WORLD:
            continue
        assert 'schema="truth"' not in source.read_text() or source in JUDGES, source
        judging = ("brainvis.evaluate.recovery", "brainvis.clusters.evaluation")
        judging += ("brainvis.evaluate.movie_truth",)
        if source.stem not in JUDGING:
            assert not any(name.startswith(judging) for name in imports(source)), source
    for smk in sorted((repository / "workflows").glob("*.smk")):
        for rule in smk.read_text().split("\nrule ")[1:]:
            name = rule.split(":")[0]
            body = rule.split("output:")[0]
            if name not in OF_THE_WORLD:
                assert "LAYOUT.channels" not in body, (smk, name)
            if name not in OF_THE_WORLD | JUDGING:
                assert "LAYOUT.truth" not in body and "TRUTHS" not in body, (smk, name)


def test_nothing_unsafe_is_called():
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "yaml.load", "torch.load", "pickle.load"), (
                    source
                )
                words = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert words.get("allow_pickle", "False") == "False", source
                assert words.get("shell", "False") == "False", source


def test_every_stage_is_a_command_with_help():
    for stage in STAGES:
        source = PACKAGE / "commands" / f"{stage}.py"
        function = next(
            node
            for node in ast.parse(source.read_text()).body
            if isinstance(node, ast.FunctionDef) and node.name == stage
        )
        assert ast.get_docstring(function), stage
    assert commands.__doc__


@pytest.mark.parametrize("stage", STAGES)
def test_the_fingerprint_covers_what_a_stage_really_imports(stage):
    module = f"brainvis.commands.{stage}"
    reached = set(fingerprint.closure(module))
    roots = " ".join(f"import {name};" for name in sorted(reached))
    listed = subprocess.run(
        [sys.executable, "-c", f"{roots} import sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    really = {name for name in listed if name.split(".")[0] == "brainvis"}
    plumbing = {n for n in really if n == "brainvis" or n.startswith(fingerprint.PLUMBING)}
    assert really - plumbing <= reached


def test_a_fingerprint_follows_edits_of_imported_modules_only(tmp_path, monkeypatch):
    package = tmp_path / "brainvis"
    (package / "commands").mkdir(parents=True)
    (package / "a").mkdir()
    for path in ("__init__.py", "commands/__init__.py", "a/__init__.py", "errors.py"):
        (package / path).write_text("")
    (package / "commands/x.py").write_text("def x():\n    from brainvis.a import deep\n")
    (package / "a/deep.py").write_text("import brainvis.errors\n")
    (package / "a/other.py").write_text("")
    monkeypatch.setattr(fingerprint, "PACKAGE", package)

    def now():
        for function in (fingerprint.closure, fingerprint.fingerprint, fingerprint._imports):
            function.cache_clear()
        return fingerprint.fingerprint("brainvis.commands.x")

    first = now()
    for path, follows in (("a/other.py", False), ("errors.py", False), ("a/deep.py", True)):
        (package / path).write_text((package / path).read_text() + "# edited\n")
        assert (now() != first) is follows, path
    for function in (fingerprint.closure, fingerprint.fingerprint, fingerprint._imports):
        function.cache_clear()
