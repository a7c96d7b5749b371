"""A fleet on a real Ray cluster of this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import pytest
from bundles import manifest_of

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ros2_captioner[ray]'")
pytest.importorskip("rosbags")
import pyarrow.parquet
import ray
from bags import jpeg, write_bag
from dying_model import DyingOnce, Failing
from ray.cluster_utils import Cluster

from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError, OptionsError
from ros2_captioner.images.files import read_image
from ros2_captioner.output_files import LOCK, only_writer
from ros2_captioner.recordings.fleet import pipeline
from ros2_captioner.recordings.fleet.claim import claim
from ros2_captioner.recordings.fleet.output import Outcome
from ros2_captioner.recordings.fleet.pipeline import Fleet, caption_fleet
from ros2_captioner.recordings.sampling import Sampling
from ros2_captioner.ros.demo import PHOTOGRAPHS
from ros2_captioner.tools.caption_fleet import main

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts/caption_fleet"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "test/support/simulated")]),
    "RAY_worker_niceness": "0",  # Ray's own 15 starves on a busy machine
}
LOAD = partial(Captioner.load, device="cpu")
PICTURES = 70  # two jobs


@pytest.fixture(scope="module")
def cluster():
    """Its workers find the tests' modules, as those of a user find the package."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTHONPATH", "RAY_worker_niceness"):
            patch.setenv(name, ENVIRONMENT[name])
        found = Cluster(initialize_head=True, head_node_args={"num_cpus": 3})
    yield found
    ray.shutdown()
    found.shutdown()


@pytest.fixture(scope="module")
def archive(tmp_path_factory, photograph, second_photograph):
    """Pictures that differ, one that is none, and a bag of two seconds."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(PICTURES):
        shown = (photograph, second_photograph)[number % 2][number : 200 + number, : 200 + number]
        cv2.imwrite(str(folder / f"{number}.png"), shown[:, :, ::-1])
    (folder / "broken.jpg").write_bytes(b"junk")
    seen = [("/camera/image_raw/compressed", second, jpeg(photograph, second)) for second in (1, 2)]
    write_bag(folder / "drive", seen)
    return folder


def rows(output):
    found = [row for file in output.glob("*.parquet") for row in read(file)]
    return {(row["source"], row["camera"], row["time_ns"]): row for row in found}, len(found)


def read(file):
    return pyarrow.parquet.read_table(file).to_pylist()


def expected(archive, captioner):
    paths = [archive / f"{number}.png" for number in range(PICTURES)]
    captions = captioner.caption([read_image(path) for path in paths]).captions
    return {str(path): caption.text for path, caption in zip(paths, captions, strict=True)}


def test_a_killed_worker_loses_and_repeats_nothing(cluster, archive, tmp_path, captioner):
    mark = tmp_path / "mark"
    fleet = Fleet([archive], tmp_path / "out", Sampling(1.0), workers=2, address=cluster.address)
    outcome = caption_fleet(fleet, load_bundle(), partial(DyingOnce, mark, 3))
    assert mark.exists()
    assert outcome.captions == PICTURES + 2 and len(outcome.errors) == 1
    found, count = rows(tmp_path / "out")
    assert count == len(found) == PICTURES + 3
    pictures = {source: row["caption"] for (source, *_), row in found.items() if row["score"]}
    del pictures[str(archive / "drive")]
    assert pictures == expected(archive, captioner)


def test_what_a_worker_fails_of_is_told(cluster, archive, tmp_path):
    fleet = Fleet([archive], tmp_path / "out", Sampling(1.0), workers=1, address=cluster.address)
    told = r"^a worker failed: .*no memory is left; expected some\. What has its caption stays"
    with pytest.raises(BackendError, match=told):
        caption_fleet(fleet, load_bundle(), Failing)


def test_a_killed_run_goes_on(cluster, archive, tmp_path):
    """It has two tasks of 73 frames by four: the 18th batch is one of the second."""
    code = (
        "import os, sys\nfrom functools import partial\nfrom pathlib import Path\n"
        "from ros2_captioner.bundle import load_bundle\n"
        "from ros2_captioner.recordings.fleet.pipeline import Fleet, caption_fleet\n"
        "from ros2_captioner.recordings.sampling import Sampling\n"
        "from dying_model import DyingOnce, Failing\n"
        "archive, output, mark, address = sys.argv[1:]\n"
        "fleet = Fleet([Path(archive)], Path(output), Sampling(1.0), workers=1, address=address)\n"
        "load = partial(DyingOnce, Path(mark), 18, os.getpid(), Path(output))\n"
        "caption_fleet(fleet, load_bundle(), load)\n"
    )
    output, mark = tmp_path / "out", tmp_path / "mark"
    given = [str(archive), str(output), str(mark), cluster.address]
    killed = subprocess.run([sys.executable, "-c", code, *given], env=ENVIRONMENT)
    assert killed.returncode == -signal.SIGKILL and mark.exists()
    kept, _ = rows(output)
    (output / "torn.parquet").write_bytes(b"PAR1 and no end")
    fleet = Fleet([archive], output, Sampling(1.0), workers=1, address=cluster.address)
    assert caption_fleet(fleet, load_bundle(), LOAD).captions == PICTURES + 2
    found, count = rows(output)
    assert 0 < len(kept) < len(found) == count
    assert {key: found[key] for key in kept} == kept


def test_the_command_says_what_it_did_and_does_it_once(cluster, archive, tmp_path):
    """Without an address it has a cluster of its own."""
    (tmp_path / "some").mkdir()
    for name in ("0.png", "1.png", "broken.jpg"):
        os.link(archive / name, tmp_path / "some" / name)
    given = ["some", str(archive / "drive"), "--output", "out", "--workers", "1"]
    for where in ([], ["--address", cluster.address]):
        done = subprocess.run(
            [sys.executable, SCRIPT, *given, *where], cwd=tmp_path, env=ENVIRONMENT, text=True,
            capture_output=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "out: 4 captions\n")
        assert "passed over: some/broken.jpg: the file of 4 bytes" in done.stderr
    assert json.loads((tmp_path / "out/_run.json").read_text())["every_s"] == 1.0
    with pytest.raises(OptionsError, match="another --output"):
        caption_fleet(Fleet([archive], tmp_path / "out", Sampling(2.0)), load_bundle(), LOAD)


def test_what_had_an_error_is_tried_again(cluster, archive, tmp_path):
    """Once it can be read its error is gone; that of a source that this run lacks stays."""
    folder = tmp_path / "some"
    folder.mkdir()
    os.link(archive / "0.png", folder / "0.png")
    for name in ("1.png", "2.png"):
        (folder / name).write_bytes(b"junk")
    fleet = Fleet([folder], tmp_path / "out", Sampling(1.0), workers=1, address=cluster.address)
    assert len(caption_fleet(fleet, load_bundle(), LOAD).errors) == 2
    before, _ = rows(fleet.output)
    (folder / "1.png").write_bytes((archive / "1.png").read_bytes())
    (folder / "2.png").unlink()
    captions, errors = caption_fleet(fleet, load_bundle(), LOAD)
    assert captions == 2 and len(errors) == 1 and "2.png" in errors[0]
    after, count = rows(fleet.output)
    assert count == len(after) == 3
    kept = (str(folder / "0.png"), None, None)
    assert after[kept] == before[kept]


@pytest.mark.parametrize(
    "other", [{"backend": "onnxruntime"}, {"precision": "float16"}, {"device": "cpu"}], ids=str
)
def test_a_run_of_another_variant_is_refused(tmp_path, other):
    fleet = Fleet([tmp_path / "none.png"], tmp_path, Sampling(1.0), precision="int8")
    with pytest.raises(OptionsError, match="none.png"):  # once the note is there
        caption_fleet(fleet, load_bundle(), LOAD)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(OptionsError, match="another --output"):
        caption_fleet(fleet._replace(**other), load_bundle(), LOAD)


def test_two_runs_never_write_one_folder(archive, tmp_path):
    with only_writer(tmp_path, tmp_path):
        with pytest.raises(OptionsError, match="another run is writing"):
            caption_fleet(Fleet([archive], tmp_path, Sampling(1.0)), load_bundle(), LOAD)
        assert os.listdir(tmp_path) == [LOCK]


def test_the_command_asks_for_what_was_typed(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(
        pipeline, "caption_fleet", lambda *given: asked.append(given) or Outcome(0, [])
    )
    options = {"backend": "onnxruntime", "precision": "float16", "device": "cuda"}
    typed = [word for name, value in options.items() for word in (f"--{name}", value)]
    assert main(["a.png", "--output", str(tmp_path), *typed]) == 0
    ((fleet, _, load),) = asked
    assert fleet.on_gpu and load.keywords == options
    assert {name: getattr(fleet, name) for name in options} == options


@pytest.mark.parametrize(("granted", "cores"), [({5}, 2), ({1, 2, 3}, 3)])
def test_a_cluster_of_this_machine_has_the_cores_that_are_granted(granted, cores, monkeypatch):
    """As by a batch system, on a larger machine."""
    asked = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: granted)
    monkeypatch.setattr(ray, "init", lambda **given: asked.update(given))
    pipeline._connect(Fleet([], Path(), Sampling(1.0)))
    assert asked["num_cpus"] == cores


def test_what_the_cluster_lacks_is_said(cluster, archive, tmp_path):
    wanted = Fleet([archive], tmp_path / "out", Sampling(1.0), workers=9, address=cluster.address)
    with pytest.raises(OptionsError, match="0 GPUs and 3 cores.*room for 2"):
        caption_fleet(wanted, load_bundle(), LOAD)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("[::1]:1", "Connection refused|Cannot assign|not supported"),  # where there is no IPv6
        ("nonsense", "Invalid address"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_at_once(address, reason, archive, tmp_path):
    fleet = Fleet([archive], tmp_path / "out", Sampling(1.0), address=address)
    with pytest.raises(OptionsError, match=f"({reason}).*that of a running Ray cluster"):
        caption_fleet(fleet, load_bundle(), LOAD)


def test_relative_paths_are_from_where_the_run_is_started(
    cluster, tmp_path, bundle_copy, monkeypatch
):
    """The cluster was started elsewhere."""
    monkeypatch.chdir(tmp_path)
    Path("some").mkdir()
    shutil.copy(PHOTOGRAPHS / "kitchen.jpg", "some")
    fleet = Fleet([Path("some")], Path("out"), Sampling(1.0), workers=1, address=cluster.address)
    load = partial(Captioner.load, os.path.relpath(bundle_copy), device="cpu")
    assert caption_fleet(fleet, load_bundle(bundle_copy), load) == Outcome(1, [])


def test_a_worker_without_the_model_is_told_in_a_line(cluster, archive, tmp_path, bundle_copy):
    code = (
        "import shutil, sys\n"
        "from ros2_captioner.recordings.fleet import pipeline\n"
        "connect = pipeline._connect\n"
        "def and_lose_the_model(fleet):\n"
        "    shutil.rmtree(sys.argv[1])\n"
        "    connect(fleet)\n"
        "pipeline._connect = and_lose_the_model\n"
        "from ros2_captioner.tools.caption_fleet import main\n"
        "sys.exit(main(sys.argv[2:]))\n"
    )
    model, output = str(bundle_copy), str(tmp_path / "out")
    given = [model, str(archive), "--output", output, "--workers", "1", "--model", model,
             "--address", cluster.address]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, *given], env=ENVIRONMENT, text=True, capture_output=True
    )
    said = done.stderr.splitlines()[-1]  # Ray may have lines of its own
    assert done.returncode == 2 and said.startswith("error: a worker failed: ")
    assert f"no model bundle at {model}; expected" in said


def test_an_output_that_is_no_run_of_this_command_is_left_alone(archive, tmp_path):
    mine = tmp_path / "out" / "mine.parquet"
    mine.parent.mkdir()
    mine.write_bytes(b"PAR1 and no end")
    with pytest.raises(OptionsError, match="no run of this command"):
        caption_fleet(Fleet([archive], mine.parent, Sampling(1.0)), load_bundle(), LOAD)
    with pytest.raises(OptionsError, match="cannot make the folder .*mine.parquet"):
        caption_fleet(Fleet([archive], mine, Sampling(1.0)), load_bundle(), LOAD)
    assert mine.exists()


def test_a_file_of_the_users_own_is_left_alone(archive, tmp_path):
    """Beside captions, as a summary of them."""
    fleet = Fleet([archive], tmp_path, Sampling(1.0))
    claim(tmp_path, pipeline._run_of(fleet, load_bundle()))
    summary = tmp_path / "summary.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"word": ["dog"], "count": [3]}), summary)
    with pytest.raises(OptionsError, match=r"summary\.parquet has no source; .* Move it"):
        caption_fleet(fleet, load_bundle(), LOAD)
    assert read(summary) == [{"word": "dog", "count": 3}]


def test_the_search_is_that_of_the_bundle(cluster, tmp_path, bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        del manifest["decoding"]["no_repeat_objects"]  # as of a bundle that is older
    (tmp_path / "some").mkdir()
    shutil.copy(PHOTOGRAPHS / "kitchen.jpg", tmp_path / "some")
    fleet = Fleet(
        [tmp_path / "some"], tmp_path / "out", Sampling(1.0), workers=1, address=cluster.address
    )
    caption_fleet(fleet, load_bundle(bundle_copy), LOAD)  # what workers have may say another
    (row,) = rows(fleet.output)[0].values()
    kitchen = [read_image(PHOTOGRAPHS / "kitchen.jpg")]
    here, shipped = (
        Captioner.load(model, device="cpu").caption(kitchen).captions[0].text
        for model in (bundle_copy, "")
    )
    assert row["caption"] == here != shipped
    with pytest.raises(OptionsError, match="another --output"):
        caption_fleet(fleet, load_bundle(), LOAD)
