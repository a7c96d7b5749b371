"""What a killed run leaves, and who may go on with it."""

import pytest

from ros2_captioner.errors import OptionsError
from ros2_captioner.recordings.journal import Journal, Moment

BATCH = [Moment(5, {"camera": "front", "caption": "Straße"}), Moment(6, {"camera": "rear"})]


def test_batches_come_back_as_they_were(tmp_path):
    Journal(tmp_path / "journal", {"bag": "one"}).append(BATCH)
    again = Journal(tmp_path / "journal", {"bag": "one"})
    again.append(BATCH[:1])
    assert list(again.batches()) == [BATCH, BATCH[:1]]
    assert [moment.camera for moment in again.moments()] == ["front", "rear", "front"]


@pytest.mark.parametrize("cut", range(1, 60, 13))
def test_a_torn_batch_is_dropped_whole(cut, tmp_path):
    file = tmp_path / "journal"
    journal = Journal(file, {"bag": "one"})
    journal.append(BATCH[:1])
    journal.append(BATCH)
    file.write_bytes(file.read_bytes()[:-cut])
    assert list(Journal(file, {"bag": "one"}).batches()) == [BATCH[:1]]


def test_a_torn_head_is_written_again(tmp_path):
    file = tmp_path / "journal"
    file.write_text('{"ba')
    assert list(Journal(file, {"bag": "one"}).batches()) == []
    assert file.read_text() == '{"bag": "one"}\n'


def test_another_run_is_refused(tmp_path):
    Journal(tmp_path / "journal", {"bag": "one", "start_ns": 5})
    with pytest.raises(OptionsError, match="with {'bag': 'one'}; this one has {'bag': 'two'}. Re"):
        Journal(tmp_path / "journal", {"bag": "two", "start_ns": 5})


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"no json\n", b"\0\0\0\n", b"5\n", b"[[1]]\n"])
def test_a_damaged_journal_is_named(line, tmp_path):
    file = tmp_path / "journal"
    Journal(file, {"bag": "one"}).append(BATCH)
    whole = file.read_bytes()
    file.write_bytes(whole + line)
    damaged = f"journal, line 3: found no captions .*Delete {tmp_path} to"
    with pytest.raises(OptionsError, match=damaged):
        list(Journal(file, {"bag": "one"}).moments())
    file.write_bytes(line + whole)
    with pytest.raises(OptionsError, match=f"or delete {tmp_path}$"):
        Journal(file, {"bag": "one"})


def test_a_full_disk_is_named(tmp_path):
    journal = Journal(tmp_path / "journal", {"bag": "one"})
    journal.path.unlink()
    journal.path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="cannot write .*journal: No space left.*expected"):
        journal.append(BATCH)
