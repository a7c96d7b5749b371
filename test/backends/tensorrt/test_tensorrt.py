"""The TensorRT backend: real parser and builder, simulated device, and a GPU where there is one."""

import copy
import dataclasses
import gc
import importlib.util
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import simulated_gpu
from bundles import manifest_of

from ros2_captioner.backends import nvidia_driver
from ros2_captioner.backends.tensorrt import backend as tensorrt_backend
from ros2_captioner.backends.tensorrt import cuda, cuda_graphs, engines
from ros2_captioner.bundle import load_bundle
from ros2_captioner.captioner import Captioner
from ros2_captioner.errors import BackendError
from ros2_captioner.preprocess import preprocess_batch
from ros2_captioner.tools import build_engine as build_tool

ROOT = Path(__file__).parents[3]
BACKENDS = ROOT / "ros2_captioner/backends/tensorrt"
SOURCES = [BACKENDS / name for name in ("engines.py", "backend.py", "executor.py")]
CUDA_SOURCES = [BACKENDS / name for name in ("cuda.py", "cuda_graphs.py", "backend.py")]
API = json.loads((ROOT / "test/support/recorded/tensorrt_api.json").read_text())
HAS_RTX = importlib.util.find_spec("tensorrt_rtx") is not None
HAS_ONNX = importlib.util.find_spec("onnx") is not None
needs_onnx = pytest.mark.skipif(not HAS_ONNX, reason="onnx is not installed")
needs_rtx = pytest.mark.skipif(not HAS_RTX, reason="tensorrt-rtx-cu13 is not installed")


def no_gpu():
    try:
        nvidia_driver.check_driver()
    except BackendError as error:
        return str(error)
    return ""


needs_gpu = pytest.mark.skipif(bool(no_gpu()), reason=no_gpu() or "there is a GPU")


@pytest.fixture
def runtime():
    return simulated_gpu.Runtime()


@pytest.fixture
def gpu(monkeypatch, tmp_path, runtime):
    """Let the backend run on host memory; returns the list of engines that were built."""
    built = []

    def build(trt, bundle, precision, part, progress=None):
        built.append(part)
        return engines.onnx_model(bundle, precision, part)

    for module in (tensorrt_backend, nvidia_driver, cuda, engines):
        for name, value in {
            "check_driver": lambda: None,
            "import_cuda": lambda: runtime,
            "import_tensorrt": lambda: simulated_gpu.tensorrt(runtime),
            "build_engine": build,
        }.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    yield built
    gc.collect()
    assert not runtime.memory, "device memory was not freed"
    assert not runtime.graphs, "graphs were not freed"
    assert not runtime.streams, "streams were not destroyed"


@pytest.fixture(scope="module")
def reference():
    return Captioner.load(precision="float16", device="cpu", backend="onnxruntime")


@pytest.mark.parametrize("beam_width", [1, 3, 5])
def test_captions_equal_onnxruntime_word_for_word(gpu, runtime, reference, photograph, beam_width):
    frames = [photograph, photograph[::-1], photograph[:, ::-1]]
    options = options_with(reference, beam_width)
    expected = reference.caption(frames, options).captions
    captioner = Captioner.load(backend="tensorrt")
    found = captioner.caption(frames, options).captions
    assert [c.text for c in found] == [c.text for c in expected]
    assert [c.score for c in found] == pytest.approx([c.score for c in expected], abs=1e-3)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.attention, other.attention, atol=1e-3)
    assert runtime.launches > 5  # steps were replayed
    # The same buffers again, for fewer pictures.
    assert captioner.caption([frames[2]], options).captions[0].text == expected[2].text
    assert captioner.backend.name == "tensorrt" and captioner.backend.precision == "float16"


def options_with(captioner, beam_width):
    return dataclasses.replace(captioner.default_options(), beam_width=beam_width)


def test_engines_are_built_once(gpu):
    Captioner.load(backend="tensorrt")
    assert gpu == ["encoder", "decoder"]
    Captioner.load(backend="tensorrt")
    assert gpu == ["encoder", "decoder"]


def test_an_engine_is_of_one_gpu_driver_tensorrt_precision_graph_and_size(monkeypatch):
    """Another one would not load, or would caption as another model."""
    runtime, bundle = simulated_gpu.Runtime(), load_bundle()

    def found(precision="float16", part="encoder"):
        trt = simulated_gpu.tensorrt(runtime)
        identity = tensorrt_backend.engine_identity(trt, runtime, bundle, precision, part)
        return tuple(identity.items())

    identities = [found(), found(part="decoder"), found("int8")]
    monkeypatch.setattr(tensorrt_backend, "REVISION", "2")
    identities.append(found("int8"))
    properties = {"name": b"Simulated", "major": 8, "minor": 7}
    for change in ({"name": b"Orin"}, {"major": 9}, {"minor": 9}):
        gpu = SimpleNamespace(**properties | change)
        monkeypatch.setattr(runtime, "cudaGetDeviceProperties", lambda device, gpu=gpu: (0, gpu))
        identities.append(found())
    monkeypatch.setattr(runtime, "cudaDriverGetVersion", lambda: (0, 13000))
    identities.append(found())
    monkeypatch.setitem(engines.LARGEST, "B", 9)
    identities.append(found())
    monkeypatch.setattr(simulated_gpu, "VERSION", "11.0.0")
    identities.append(found())
    assert len({*identities}) == len(identities)


def test_auto_captions_on_the_cpu_while_engines_are_built(gpu, photograph):
    captioner = Captioner.load()
    assert captioner.backend.name == "onnxruntime" and not gpu
    assert "no engine of this model for Simulated yet; it is built once" in captioner.trouble
    captioner.caption([photograph])
    captioner._failover._search.join()
    captioner.caption([photograph])
    assert captioner.backend.name == "tensorrt" and not captioner.trouble


def test_where_nothing_captions_meanwhile_engines_are_built_at_once(gpu):
    """As on a GPU machine without another runtime, or where the CPU is not to be used."""
    captioner = Captioner.load(device="cuda")
    assert captioner.backend.name == "tensorrt" and gpu == ["encoder", "decoder"]


def test_a_build_that_fails_is_told_and_tried_again_later(gpu, photograph, monkeypatch):
    attempts = []

    def failing(*given):
        attempts.append(given)
        raise RuntimeError("builder: out of memory")

    monkeypatch.setattr(tensorrt_backend, "build_engine", failing)
    captioner = Captioner.load()
    for _ in range(3):
        assert captioner.caption([photograph]).captions[0].text
        captioner._failover._search.join()
    assert captioner.backend.name == "onnxruntime" and len(attempts) == 1
    assert (
        captioner.trouble == "RuntimeError: builder: out of memory; onnxruntime on cpu takes over"
    )


@pytest.mark.parametrize(
    ("failing", "match"),
    [
        ("create_execution_context", "makes no context .*memory full"),
        ("deserialize_cuda_engine", "does not load .*memory full"),
        ("cudaMalloc", "cudaMalloc failed: cudaErrorMemoryAllocation"),
        ("cudaHostAlloc", "cudaHostAlloc failed"),
        ("cudaStreamCreateWithFlags", "cudaStreamCreateWithFlags failed"),
        ("cudaGetDeviceProperties", "cudaGetDeviceProperties failed"),
    ],
)
def test_a_full_gpu_is_named_and_another_backend_takes_over(gpu, runtime, failing, match):
    Captioner.load(backend="tensorrt")
    runtime.failing.add(failing)
    with pytest.raises(BackendError, match=match):
        Captioner.load(backend="tensorrt")
    captioner = Captioner.load()
    assert captioner.backend.name == "onnxruntime" and re.search(match, captioner.trouble)


@pytest.mark.parametrize(
    "failing", ["execute_async_v3", "cudaMemcpyAsync", "cudaStreamSynchronize", "cudaGraphLaunch"]
)
def test_a_device_that_fails_in_the_middle_is_replaced(gpu, runtime, photograph, failing):
    Captioner.load(backend="tensorrt")
    captioner = Captioner.load()
    assert captioner.backend.name == "tensorrt"
    runtime.failing.add(failing)
    assert captioner.caption([photograph]).captions[0].text
    assert (
        captioner.backend.name == "onnxruntime" and "tensorrt on cuda failed" in captioner.trouble
    )


@pytest.mark.parametrize("function", ["cudaMemcpyAsync", "cudaMemcpy2DAsync"])
def test_a_cuda_python_that_takes_other_arguments_is_replaced(
    gpu, runtime, photograph, monkeypatch, function
):
    """It would have refused every frame."""
    Captioner.load(backend="tensorrt")
    captioner = Captioner.load()
    monkeypatch.setattr(runtime, function, lambda: None)
    assert captioner.caption([photograph]).captions[0].text
    assert captioner.backend.name == "onnxruntime"
    assert f"tensorrt on cuda failed ({function} failed: TypeError" in captioner.trouble


def test_an_engine_that_cannot_be_kept_is_used_all_the_same(gpu, photograph, monkeypatch):
    def full(self, identity, engine):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensorrt_backend.EngineCache, "store", full)
    captioner = Captioner.load(backend="tensorrt")
    assert captioner.caption([photograph]).captions[0].text
    assert "could not be kept ([Errno 28] No space left on device)" in captioner.trouble


def test_more_pictures_than_the_engines_take_are_captioned_in_turn(gpu, reference, photograph):
    captioner = Captioner.load(backend="tensorrt")
    with pytest.raises(BackendError, match="at most 8"):
        captioner.backend.encode(np.zeros((9, 224, 224, 3), np.uint8))
    frames = [np.roll(photograph, 40 * place, axis=1) for place in range(9)]
    options = options_with(reference, 1)
    found = captioner.caption(frames, options).captions
    expected = [reference.caption([frame], options).captions[0].text for frame in frames]
    assert [caption.text for caption in found] == expected
    assert captioner.backend.name == "tensorrt" and not captioner.trouble


def test_batches_of_changing_size_keep_their_graphs(gpu, runtime, photograph, reference):
    captioner, options = Captioner.load(backend="tensorrt"), options_with(reference, 1)
    for _ in range(2):
        for batch in (1, 2, 1, 2):
            captioner.caption([photograph] * batch, options)
    launched, steps = runtime.launches, []
    decoder = captioner.backend._decoder
    plain = decoder._queue
    decoder._queue = lambda *given: steps.append(given) or plain(*given)
    for batch in (1, 2, 1, 2):
        texts = {c.text for c in captioner.caption([photograph] * batch, options).captions}
    assert texts == {reference.caption([photograph], options).captions[0].text}
    assert not steps and runtime.launches > launched + 16


def test_a_bundle_with_int8_alone_captions_on_the_cpu_of_a_gpu_machine(gpu, bundle_copy):
    with manifest_of(bundle_copy) as manifest:
        del manifest["variants"]["float16"]
    captioner = Captioner.load(bundle_copy)
    assert captioner.backend.name == "onnxruntime" and captioner.backend.precision == "int8"
    assert "carries no precision 'float16'" in captioner.reason and not captioner.trouble
    with pytest.raises(BackendError, match="carries no precision 'float16'"):
        Captioner.load(bundle_copy, backend="tensorrt")


def first_word(captioner, picture):
    """How likely the likeliest first words are; a whole caption may tip over at a rounding."""
    backend, start = captioner.backend, captioner.bundle.vocabulary.start
    encoding = backend.encode(preprocess_batch([picture], captioner.bundle.image_size))
    stepper = backend.start(encoding, 1)
    output = stepper.step(np.full((1, 1), start, np.int32), np.zeros((1, 1), np.int64))
    likely = zip(output.ids[0, 0, :5].tolist(), np.exp(output.log_probs[0, 0, :5]), strict=True)
    return {word: float(chance) for word, chance in likely}


@needs_onnx
@simulated_gpu.needs_exact_int8
def test_int8_captions_with_a_signed_encoder_and_the_float16_decoder(gpu, reference, photograph):
    captioner = Captioner.load(backend="tensorrt", precision="int8")
    assert captioner.caption([photograph]).captions[0].words
    assert captioner.backend.precision == "int8" and gpu == ["encoder", "decoder"]
    found, expected = (first_word(c, photograph) for c in (captioner, reference))
    assert found == pytest.approx(expected, abs=0.05) and found != expected
    # The decoder's engine is the one of float16.
    Captioner.load(backend="tensorrt")
    assert gpu == ["encoder", "decoder", "encoder"]


def test_int8_without_onnx_says_what_to_type(gpu, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BackendError, match="pip install onnx"):
        Captioner.load(backend="tensorrt", precision="int8")


def test_the_tool_builds_beforehand(gpu, capsys):
    assert build_tool.main([]) == 0
    assert "are ready" in capsys.readouterr().out and gpu == ["encoder", "decoder"]


def test_a_step_makes_no_matrix_and_what_it_gave_stays(gpu, photograph, monkeypatch):
    captioner = Captioner.load(backend="tensorrt")
    frames = preprocess_batch([photograph], captioner.bundle.image_size)
    stepper = captioner.backend.start(captioner.backend.encode(frames), 3)
    monkeypatch.setattr(np, "eye", lambda *given, **named: pytest.fail("made at each step"))
    tokens, parents = np.full((1, 3), captioner.bundle.vocabulary.start, np.int32), [[2, 0, 1]]
    output = stepper.step(tokens, np.array(parents))
    assert output.ids.shape[:2] == (1, 3)
    before = copy.deepcopy(vars(output))
    stepper.step(output.ids[:, :, 0].copy(), np.array(parents))  # into the same buffers
    for name, value in before.items():
        assert (getattr(output, name) == value).all(), name


def test_a_device_that_is_lost_is_let_go_without_a_word(monkeypatch):
    """An error in a finaliser would be printed with its traceback."""
    runtime, printed = simulated_gpu.Runtime(), []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    device = cuda.Cuda(runtime)
    held = [cuda.DeviceBuffer(device, 64), cuda.PinnedBuffer(device, 64)]
    held.append(cuda_graphs.Graph(device, lambda: None))
    runtime.failing |= {"cudaFree", "cudaFreeHost", "cudaStreamDestroy", "cudaGraphExecDestroy"}
    del held, device
    gc.collect()
    assert not printed


@pytest.mark.parametrize("error", [TypeError("factory function returned nullptr"), MemoryError()])
def test_what_tensorrt_itself_raises_is_one_line_of_the_tool(gpu, monkeypatch, capsys, error):
    def failing(*given):
        raise error

    monkeypatch.setattr(tensorrt_backend, "build_engine", failing)
    assert build_tool.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {type(error).__name__}") and said.count("\n") == 1


def test_engines_that_were_not_kept_are_not_said_to_be_ready(gpu, monkeypatch, capsys):
    def full(self, identity, engine):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tensorrt_backend.EngineCache, "store", full)
    assert build_tool.main([]) == 1
    printed = capsys.readouterr()
    assert "could not be kept ([Errno 28] No space left" in printed.err and not printed.out


@pytest.mark.skipif(not no_gpu(), reason="this machine has a GPU")
def test_without_a_driver_there_is_one_clear_error_and_auto_goes_on(capsys):
    with pytest.raises(BackendError, match="no NVIDIA driver|no usable GPU"):
        Captioner.load(backend="tensorrt")
    assert build_tool.main([]) == 1 and "error: " in capsys.readouterr().err
    assert Captioner.load().backend.name == "onnxruntime"


def test_old_tensorrt_is_refused(monkeypatch):
    old = SimpleNamespace(__version__="8.6.1", NetworkDefinitionCreationFlag=object())
    monkeypatch.setattr(engines.importlib, "import_module", lambda name: old)
    with pytest.raises(BackendError, match=r"found TensorRT 8.6.1; expected 10.3"):
        engines.import_tensorrt()


# Which class each object of the code is of.
OWNERS = {
    "builder": "Builder", "network": "INetworkDefinition", "parser": "OnnxParser",
    "config": "IBuilderConfig", "profile": "IOptimizationProfile", "context": "IExecutionContext",
    "engine": "ICudaEngine", "_trt_runtime": "Runtime",
}  # fmt: skip
RTX_ALONE = {"ComputeCapability", "num_compute_capabilities", "set_compute_capability"}


@pytest.mark.parametrize("version", [version for version in API if version != "8.6.1"])
def test_every_name_of_tensorrt_exists_in(version):
    """`tensorrt_api.json` was read off the vendor's own bindings."""
    api, names = API[version], "|".join(OWNERS)
    for source in SOURCES:
        text = source.read_text()
        for owner, member in re.findall(r"\btrt\.([A-Z]\w+)(?:\.(\w+))?", text):
            if owner not in RTX_ALONE:
                assert owner in api["_module"], owner
                assert not member or member in api[owner], (owner, member)
        for name, member in re.findall(rf"\b_?({names})\.([a-z]\w+)", text):
            assert member in RTX_ALONE or member in api[OWNERS[name]], (name, member)


def test_every_name_of_cuda_exists():
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="cuda-python is not installed")
    text = "".join(source.read_text() for source in CUDA_SOURCES)
    names = re.findall(r'"(cuda[A-Z]\w+)"|runtime\.(cuda\w+)', text)
    for name in {call or constant for call, constant in names}:
        assert hasattr(runtime, name), name


def test_8_6_lacks_what_is_needed():
    assert "STRONGLY_TYPED" not in API["8.6.1"]["NetworkDefinitionCreationFlag"]


@needs_rtx
@needs_onnx
@pytest.mark.parametrize(
    ("precision", "part"), [("float16", "encoder"), ("float16", "decoder"), ("int8", "encoder")]
)
@pytest.mark.parametrize("capability", ["SM86", "SM120"])
def test_graphs_build_with_the_real_parser_and_builder(precision, part, capability):
    trt, seen = engines.import_tensorrt(), []
    plan = engines.build_engine(
        trt, load_bundle(), precision, part, lambda *step: seen.append(step), capability
    )
    assert len(plan) > 1_000_000 and seen


_BUILD = """
import os, signal, threading
from ros2_captioner.backends.background import Background
from ros2_captioner.backends.tensorrt import engines
from ros2_captioner.bundle import load_bundle

trt, bundle, begun = engines.import_tensorrt(), load_bundle(), threading.Event()

def build(step):
    engines.build_engine(trt, bundle, "float16", "encoder", step, "SM86")
"""
_IN_THE_BACKGROUND = """
Background(lambda: print(build(lambda *given: begun.set()), "is whole"), 30.0, 0.0).poll()
assert begun.wait(60)
"""
_INTERRUPTED = """
def interrupt(*given):
    if not begun.is_set():
        begun.set()
        os.kill(os.getpid(), signal.SIGINT)

try:
    build(interrupt)
except KeyboardInterrupt:
    print("interrupted")
"""


@needs_rtx
@pytest.mark.parametrize(
    ("program", "said"), [(_IN_THE_BACKGROUND, ""), (_INTERRUPTED, "interrupted\n")]
)
def test_a_process_that_ends_while_an_engine_is_built_ends_well(program, said):
    line = [sys.executable, "-c", _BUILD + program]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


def test_progress_is_that_of_the_outermost_phase_to_its_end():
    seen, stopped = [], threading.Event()
    trt = SimpleNamespace(IProgressMonitor=object)
    monitor = engines._monitor(trt, lambda *given: seen.append(given), stopped)
    monitor.phase_start("outer", None, 2)
    monitor.phase_start("inner", "outer", 5)
    assert [monitor.step_complete(*step) for step in (("inner", 0), ("outer", 0), ("outer", 1))]
    assert seen == [("outer", 1, 2), ("outer", 2, 2)]
    stopped.set()
    assert not monitor.step_complete("inner", 1)


@needs_rtx
@needs_onnx
def test_what_cannot_be_parsed_is_named(monkeypatch):
    onnx = importlib.import_module("onnx")
    node = onnx.helper.make_node("NoSuchOperator", [], ["y"])
    graph = onnx.helper.make_graph([node], "g", [], [])
    content = onnx.helper.make_model(graph).SerializeToString()
    monkeypatch.setattr(engines, "onnx_model", lambda bundle, precision, part: content)
    trt, bundle = engines.import_tensorrt(), load_bundle()
    with pytest.raises(BackendError, match="cannot parse"):
        engines.build_engine(trt, bundle, "float16", "decoder", None, "SM86")


@needs_gpu
def test_on_a_gpu_captions_equal_the_cpu(reference, photograph, tmp_path):
    captioner = Captioner.load(backend="tensorrt", engine_cache=str(tmp_path / "engines"))
    frames = [photograph, photograph[::-1]]
    found, expected = captioner.caption(frames), reference.caption(frames)
    assert [c.text for c in found.captions] == [c.text for c in expected.captions]
