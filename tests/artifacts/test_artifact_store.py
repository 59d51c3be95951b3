"""Manifests, checks, lineage, comparison, cache."""

import json

import h5py
import numpy as np
import pytest

from brainvis.artifacts import files, hdf5, inspect, manifest
from brainvis.artifacts.stage import Job, execute
from brainvis.errors import BrainvisError


def job(outputs, inputs=None, config=None, code="abc", seed=0):
    return Job("make", inputs or {}, outputs, config or {"n": 1}, code, "simulated", seed)


def write_array(path, values=(1.0, 2.0)):
    with hdf5.create(path, {"schema": "test"}) as file:
        hdf5.put(file, "x", np.array(values))


@pytest.fixture
def chain(tmp_path):
    """A raw file, an artifact made from it, and one made from that."""
    raw, first, second = tmp_path / "raw.txt", tmp_path / "run/a/one.h5", tmp_path / "run/b/two.h5"
    raw.write_text("raw")
    execute(job({"x": first}, {"raw": raw}), lambda made: write_array(made["x"]))
    execute(job({"x": second}, {"one": [first]}), lambda made: write_array(made["x"], (3, 4)))
    return raw, first, second


def test_the_manifest_says_what_made_the_artifact(chain):
    raw, first, second = chain
    known = manifest.read(first)
    assert known.sha256 == files.sha256(first)
    assert (known.stage, known.kind, known.seed, known.code) == ("make", "simulated", 0, "abc")
    assert known.config == {"n": 1}
    assert known.versions["numpy"] == np.__version__
    assert known.peak_memory_mib > 10
    assert [(p.raw, p.sha256) for p in known.parents] == [(True, files.sha256(raw))]
    assert manifest.read(second).parents[0].sha256 == known.sha256


@pytest.mark.parametrize("position", [0.1, 0.5, 0.95])
def test_verify_finds_a_flipped_byte(chain, tmp_path, position):
    _, first, _ = chain
    content = bytearray(first.read_bytes())
    content[int(position * len(content))] ^= 1
    first.write_bytes(content)
    count, findings = inspect.verify(tmp_path / "run")
    assert count == 2
    assert [finding.artifact for finding in findings] == [first]
    assert "damaged" in findings[0].problem


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_found_and_refused(chain, tmp_path, share):
    _, first, second = chain
    content = first.read_bytes()
    first.write_bytes(content[: int(share * len(content))])
    assert len(inspect.verify(tmp_path / "run")[1]) == 1
    with pytest.raises(BrainvisError, match=r"one\.h5"), hdf5.opened(first):
        pass
    before = second.read_bytes()
    with pytest.raises(BrainvisError, match=r"one\.h5: sha256: differs from what its stage wrote"):
        execute(job({"x": second}, {"one": first}), lambda made: write_array(made["x"]))
    assert second.read_bytes() == before


def test_an_unfinished_hdf5_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(BrainvisError, match="not finished"), hdf5.opened(tmp_path / "a.h5"):
        pass


def test_lineage_goes_back_to_the_raw_inputs(chain):
    raw, first, second = chain
    tree = inspect.lineage(second)
    assert tree.parents[0].path == first
    assert tree.parents[0].parents[0].path == raw
    assert tree.parents[0].parents[0].state == "raw input"
    raw.write_text("edited")
    assert inspect.lineage(second).parents[0].parents[0].state == "raw input, changed since"


def test_verify_tells_what_was_made_from_an_earlier_version(chain, tmp_path):
    raw, first, second = chain
    execute(job({"x": first}, {"raw": raw}), lambda made: write_array(made["x"], (9, 9)))
    problems = [(f.artifact, f.problem) for f in inspect.verify(tmp_path / "run")[1]]
    assert problems == [(second, "was made from an earlier ../a/one.h5")]


def test_difference_between_two_runs_names_the_setting(tmp_path):
    for name, n in (("a", 1), ("b", 2)):
        out = tmp_path / name / "x.h5"
        execute(job({"x": out}, config={"n": n}), lambda made: write_array(made["x"]))
    rows = list(inspect.difference(tmp_path / "a", tmp_path / "b"))
    assert rows == [("x.h5", "config n", 1, 2)]
    assert not list(inspect.difference(tmp_path / "a", tmp_path / "a"))


def test_equal_inputs_are_taken_from_the_shared_cache(tmp_path):
    cache, calls = tmp_path / "cache", []

    def work(made):
        calls.append(1)
        write_array(made["x"])

    outs = [tmp_path / name / "x.h5" for name in ("a", "b", "c", "d")]
    assert not execute(job({"x": outs[0]}), work, cache)
    assert execute(job({"x": outs[1]}), work, cache)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert not execute(job({"x": outs[2]}, seed=1), work, cache)  # another seed, another result
    stored = next(cache.glob("*/x"))
    stored.write_bytes(b"damaged")
    for entry in cache.glob("*/x"):
        entry.write_bytes(b"damaged")
    assert not execute(job({"x": outs[3]}), work, cache)  # damaged entries are not used
    assert len(calls) == 3


def test_garbage_is_leftovers_and_unused_cache_entries(tmp_path):
    run, cache = tmp_path / "run", tmp_path / "cache"
    execute(job({"x": run / "x.h5"}), lambda made: write_array(made["x"]), cache)
    (run / ".tmp-1-y.h5").write_text("half")
    (cache / "unused").mkdir()
    assert inspect.garbage(run, cache) == [run / ".tmp-1-y.h5", cache / "unused"]


def test_a_damaged_manifest_is_one_error(chain):
    _, first, _ = chain
    manifest.manifest_path(first).write_text(json.dumps({"sha256": "x"}))
    with pytest.raises(BrainvisError, match="not a readable manifest"):
        manifest.check(first)
