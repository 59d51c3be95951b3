"""Events and confounds tables: what is accepted, and one clear error for each fault."""

import numpy as np
import pytest

from brainvis.datasets.bids_tables import DEFAULT_CONFOUNDS, read_confounds, read_events
from brainvis.errors import BrainvisError

GOOD = "onset\tduration\ttrial_type\tstimulus_id\n4\t2\tstimulus\tb\n0\t2\tstimulus\ta\n"


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "sub-01_events.tsv"
    path.write_bytes(text.encode(encoding))
    return path


def test_events_in_order_of_onset(tmp_path):
    events = read_events(written(tmp_path, GOOD), 20.0)
    assert events["stimulus_id"].tolist() == ["a", "b"]
    assert events["onset"].tolist() == [0.0, 4.0]


def test_byte_order_mark_and_crlf_change_nothing(tmp_path):
    plain = read_events(written(tmp_path, GOOD), 20.0)
    windows = written(tmp_path, GOOD.replace("\n", "\r\n"), "utf-8-sig")
    assert read_events(windows, 20.0).equals(plain)


def test_rows_without_stimulus_are_no_trials(tmp_path):
    text = GOOD + "8\t2\tblank\tn/a\n"
    assert len(read_events(written(tmp_path, text), 20.0)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onset\ttrial_type\n0\ta\n", "duration: required column"),
        ("onset\tduration\n0\t1\n", "no column says what was shown"),
        ("onset\tduration\ttrial_type\nn/a\t1\ta\n", "onset, row 2: is not a number"),
        ("onset\tduration\ttrial_type\n0\tNaN\ta\n", "duration, row 2: is not a number"),
        ("onset\tduration\ttrial_type\n0\tinf\ta\n", "duration, row 2: is not a number"),
        ("onset\tduration\ttrial_type\n0\t0\ta\n", "duration must be above 0"),
        ("onset\tduration\ttrial_type\n-1\t1\ta\n", "before the run"),
        ("onset\tduration\ttrial_type\n25\t1\ta\n", "beyond the run of 20 s"),
        ("onset\tduration\ttrial_type\n19.5\t1\ta\n", "beyond the run of 20 s"),
        ("onset\tduration\ttrial_type\n0\t3\ta\n2\t1\tb\n", "events overlap"),
        ("onset\tduration\ttrial_type\n0\t3\ta\n0\t3\tb\n", "events overlap"),
        ("onset\tduration\ttrial_type\n0\t1\ta\n4\t1\tb\n0\t1\ta\n", "row 4: duplicate row"),
        ("onset\tduration\ttrial_type\n0\t1\trest\n", "holds no trial"),
        ("", "cannot be read as a table"),
    ],
)
def test_faults(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(BrainvisError, match=message) as caught:
        read_events(path, 20.0)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_stimulus_files(tmp_path):
    path = written(tmp_path, "onset\tduration\tstim_file\n0\t1\timages/cat.png\n")
    with pytest.raises(BrainvisError, match=r"stimulus file is missing.*images/cat.png"):
        read_events(path, 20.0, stimuli=tmp_path / "stimuli")
    (tmp_path / "stimuli/images").mkdir(parents=True)
    (tmp_path / "stimuli/images/cat.png").touch()
    events = read_events(path, 20.0, stimuli=tmp_path / "stimuli")
    assert events["stimulus_id"].tolist() == ["cat"]


def test_stimulus_file_outside_its_folder(tmp_path):
    (tmp_path / "stimuli").mkdir()
    path = written(tmp_path, "onset\tduration\tstim_file\n0\t1\t../sub-01_events.tsv\n")
    with pytest.raises(BrainvisError, match="leaves its root"):
        read_events(path, 20.0, stimuli=tmp_path / "stimuli")


def test_blocks_of_single_images(tmp_path):
    rows = [f"{2 * n}\t0.5\tface" for n in range(5)] + [f"{20 + 2 * n}\t0.5\tcat" for n in range(3)]
    rows += ["40\t0.5\tcat"]  # same type, but after a pause
    path = written(tmp_path, "onset\tduration\ttrial_type\n" + "\n".join(rows) + "\n")
    blocks = read_events(path, 60.0, trial="block")
    assert blocks["stimulus_id"].tolist() == ["face", "cat", "cat"]
    assert blocks["onset"].tolist() == [0.0, 20.0, 40.0]
    assert blocks["duration"].tolist() == [8.5, 4.5, 0.5]


def confounds_file(tmp_path, columns, rows):
    path = tmp_path / "sub-01_desc-confounds_timeseries.tsv"
    lines = ["\t".join(columns), *("\t".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_first_row_of_confounds_is_filled(tmp_path):
    path = confounds_file(
        tmp_path, ["trans_x", "framewise_displacement"], [["1", "n/a"], ["2", "0.5"]]
    )
    values, names = read_confounds(path, DEFAULT_CONFOUNDS, 2)
    assert names == ("trans_x", "framewise_displacement")
    np.testing.assert_array_equal(values, [[1, 0], [2, 0.5]])


def test_confound_faults(tmp_path):
    path = confounds_file(tmp_path, ["trans_x"], [["1"], ["2"], ["3"], ["n/a"]])
    with pytest.raises(BrainvisError, match="one row per volume"):
        read_confounds(path, DEFAULT_CONFOUNDS, 5)
    with pytest.raises(BrainvisError, match="csf: confound column is missing"):
        read_confounds(path, ("csf",), 4)
    with pytest.raises(BrainvisError, match="trans_x, row 5: is not a number"):
        read_confounds(path, ("trans_x",), 4)
