"""A run's folder that is there when it is whole."""

import pytest

from training.optimisation.new_folder import new_folder


def test_a_folder_takes_its_place_when_it_is_whole(tmp_path):
    output = tmp_path / "runs/new"
    with new_folder(output) as new:
        (new / "file").touch()
        assert not output.exists()
    assert [file.name for file in output.iterdir()] == ["file"]


def test_nothing_is_left_of_one_that_failed_or_was_killed(tmp_path):
    killed = new_folder(tmp_path / "new")
    (killed.__enter__() / "killed").touch()
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "new") as new:
        (new / "killed").unlink()
    assert not any(tmp_path.iterdir())
