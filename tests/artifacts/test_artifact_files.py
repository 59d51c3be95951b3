"""Writes are whole or nothing; paths stay inside their root."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainvis.artifacts import files
from brainvis.errors import BrainvisError


def test_a_failed_write_leaves_the_old_file_and_no_leftovers(tmp_path):
    target = tmp_path / "a.txt"
    files.write_bytes(target, b"old")
    with pytest.raises(RuntimeError), files.whole_or_nothing(target) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError("stop")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_clear_error_and_the_old_file_stays(tmp_path):
    target = tmp_path / "a.txt"
    files.write_bytes(target, b"old")
    with (
        pytest.raises(BrainvisError, match=r"a\.txt: could not be written: No space left"),
        files.whole_or_nothing(target) as temporary,
    ):
        temporary.symlink_to("/dev/full")  # the kernel answers every write with ENOSPC
        temporary.write_bytes(b"new" * 10000)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("code", [errno.EDQUOT, errno.EIO, errno.EROFS])
def test_other_refusals_of_the_disk(tmp_path, code):
    with (
        pytest.raises(BrainvisError, match="could not be written"),
        files.whole_or_nothing(tmp_path / "a"),
    ):
        raise OSError(code, os.strerror(code))
    assert not list(tmp_path.iterdir())


def test_an_error_that_is_not_the_disks_fault_passes_through(tmp_path):
    with pytest.raises(FileNotFoundError), files.whole_or_nothing(tmp_path / "a"):
        (tmp_path / "absent").read_bytes()


def test_sigkill_in_the_middle_of_a_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.bin"
    files.write_bytes(target, b"old")
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from brainvis.artifacts import files
        with files.whole_or_nothing(Path({str(target)!r})) as temporary:
            temporary.write_bytes(b"half")
            print("writing", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline().strip() == b"writing"
        child.send_signal(signal.SIGKILL)
    assert target.read_bytes() == b"old"
    leftovers = [path for path in tmp_path.iterdir() if path != target]
    assert leftovers
    assert all(files.is_temporary(path) for path in leftovers)
    time.sleep(0)
    files.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "folder"
    for text in ("one", "two"):
        with files.whole_or_nothing(target) as temporary:
            temporary.mkdir()
            (temporary / f"{text}.txt").write_text(text)
    assert [path.name for path in target.iterdir()] == ["two.txt"]


def test_hash_of_a_folder_sees_names_and_contents(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a").write_text("1")
    first = files.sha256(folder)
    (folder / ".snakemake_timestamp").touch()
    assert files.sha256(folder) == first
    (folder / "a").rename(folder / "b")
    assert files.sha256(folder) != first


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/passwd", "~/x", "a\0b", "C:/x", "link/x", ".."]
)
def test_paths_that_leave_their_root_are_refused(tmp_path, path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path)
    with pytest.raises(BrainvisError, match="leaves its root"):
        files.resolve_inside(tmp_path / "root", path)


@given(st.text(min_size=1, max_size=30))
def test_whatever_is_resolved_lies_inside(text):
    root = files.Path("/nowhere/root")
    try:
        found = files.resolve_inside(root, text)
    except (BrainvisError, OSError):
        return
    assert found.is_relative_to(root)
