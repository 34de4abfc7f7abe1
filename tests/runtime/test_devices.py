"""What there is to run on, and how a GPU is used: shown without one, on stand-ins and on the CPU."""

import threading
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from attribase.runtime import OnnxEncoder, Preprocessing, devices
from attribase.runtime import encoder as encoder_module
from attribase.runtime.io_binding import BoundSession, pin_memory
from attribase.store.errors import InvalidInputError
from onnx import TensorProto, helper, numpy_helper

SIZE, DIM = 4, 3


def model(captions: bool = False) -> bytes:
    """Feature = mean colour, plus, with captions, their mean token."""
    nodes = [helper.make_node("ReduceMean", ["images", "axes"], ["colour"], keepdims=0)]
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])]
    constants = [numpy_helper.from_array(np.array([2, 3]), "axes")]
    if captions:
        inputs.append(helper.make_tensor_value_info("tokens", TensorProto.INT64, ["n", 77]))
        constants.append(numpy_helper.from_array(np.array([1]), "last"))
        nodes += [
            helper.make_node("Cast", ["tokens"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["floats", "last"], ["caption"], keepdims=1),
            helper.make_node("Add", ["colour", "caption"], ["features"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["colour"], ["features"]))
    output = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", DIM])]
    graph = helper.make_graph(nodes, "mean", inputs, output, constants)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    ).SerializeToString()


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3, SIZE, SIZE)).astype(np.float32)


@pytest.fixture
def encoder() -> OnnxEncoder:
    return OnnxEncoder(model(), Preprocessing(SIZE, SIZE), gpu=-1)


# -- GPUs ---------------------------------------------------------------------------------------------------


def with_driver(monkeypatch, driver):
    """Let `driver` be what the CUDA driver's library answers; None: there is none."""

    def load(name, *_):
        if driver is None:
            raise OSError(name)
        return driver

    monkeypatch.setattr(devices.ctypes, "CDLL", load)
    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("could not load"))
    devices.gpu_count.cache_clear()
    monkeypatch.setattr(devices, "gpu_count", devices.gpu_count.__wrapped__)


def driver_of(count: int, status: int = 0) -> SimpleNamespace:
    def get_count(pointer):
        pointer._obj.value = count
        return status

    return SimpleNamespace(cuInit=lambda _: status, cuDeviceGetCount=get_count)


def test_gpus_are_counted_by_the_driver_and_nothing_is_printed(monkeypatch, capsys):
    with_driver(monkeypatch, driver_of(3))
    assert devices.gpu_count() == 3
    assert capsys.readouterr().out == ""
    (name, options), last = devices.providers()
    assert (name, options.get("device_id", 0), last) == ("CUDAExecutionProvider", 0, "CPUExecutionProvider")
    assert devices.providers(2)[0][1]["device_id"] == 2
    assert options["use_tf32"] == 0  # fp32 features are the same everywhere
    assert devices.providers(-1) == ["CPUExecutionProvider"]


@pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(), reason="needs onnxruntime-gpu"
)
@pytest.mark.parametrize("gpu", [None, 0, 1])
def test_no_warning_of_a_missing_plugin_is_printed(monkeypatch, capfd, gpu):
    """ONNX Runtime warns before it looks for CUDA's libraries, so this shows without a GPU, too."""
    monkeypatch.setattr(devices, "gpu_count", lambda: 2)
    encoder_module.open_session(model(), encoder_module.session_options(1), gpu)
    assert "No registered plugin" not in capfd.readouterr().err


DRIVERS = {"none": None, "no GPU": driver_of(0), "error": driver_of(2, status=100)}


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_without_a_gpu_cuda_is_not_asked_for(monkeypatch, driver):
    with_driver(monkeypatch, driver)
    assert devices.gpu_count() == 0
    assert devices.providers() == ["CPUExecutionProvider"]


def test_a_build_without_cuda_has_no_gpu(monkeypatch):
    with_driver(monkeypatch, driver_of(3))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert devices.gpu_count() == 0


def test_a_gpu_that_is_not_there_is_an_error():
    with pytest.raises(InvalidInputError, match="no GPU 99"):
        OnnxEncoder(model(), Preprocessing(SIZE, SIZE), gpu=99)


def test_the_cpu_can_be_asked_for(encoder):
    assert encoder.device == "cpu"
    assert encoder.run(images(3)) == pytest.approx(images(3).mean(axis=(2, 3)), abs=1e-6)


# -- bound buffers: the same calls on the CPU ---------------------------------------------------------------


def session(captions: bool = False) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model(captions), providers=["CPUExecutionProvider"])


def test_bound_buffers_give_what_a_plain_run_gives():
    plain, bound = session(), BoundSession(session(), "cpu", 0)
    for seed, count in enumerate((5, 5, 2, 7, 1)):  # the same size again, smaller, larger
        given = images(count, seed)
        found = bound.run({"images": given})
        assert np.array_equal(found, plain.run(None, {"images": given})[0])


def test_a_result_is_not_overwritten_by_the_next():
    bound = BoundSession(session(), "cpu", 0)
    first = bound.run({"images": images(4, 0)})
    kept = first.copy()
    bound.run({"images": images(4, 1)})
    assert np.array_equal(first, kept)


def test_captions_are_bound_beside_the_images():
    tokens = np.arange(2 * 77, dtype=np.int64).reshape(2, 77)
    found = BoundSession(session(captions=True), "cpu", 0).run({"images": images(2), "tokens": tokens})
    assert found == pytest.approx(images(2).mean(axis=(2, 3)) + tokens.mean(axis=1)[:, None], rel=1e-5)


def test_pixels_that_are_a_view_are_bound_right():
    """As a slice of a ring of batches, or one that is not contiguous."""
    whole = images(8)
    bound = BoundSession(session(), "cpu", 0)
    assert bound.run({"images": whole[3:5]}) == pytest.approx(whole[3:5].mean(axis=(2, 3)), abs=1e-6)
    assert bound.run({"images": whole[::-2]}) == pytest.approx(whole[::-2].mean(axis=(2, 3)), abs=1e-6)


def test_every_thread_has_buffers_of_its_own(encoder):
    encoder.device = "cpu:0"  # bound, as on a GPU
    wrong = []

    def work(seed: int) -> None:
        for turn in range(30):
            given = images(4, seed * 100 + turn)
            if not np.allclose(encoder.run(given), given.mean(axis=(2, 3)), atol=1e-6):
                wrong.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


# -- memory -------------------------------------------------------------------------------------------------


class SmallMemory:
    """Runs at most `most` images at once."""

    def __init__(self, runner, most: int, message: str) -> None:
        self.runner, self.most, self.message = runner, most, message
        self.batches: list[int] = []

    def __call__(self, feeds):
        count = len(feeds["images"])
        self.batches.append(count)
        if count > self.most:
            raise RuntimeError(self.message)
        return self.runner(feeds)


OUT_OF_MEMORY = (
    "BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 1073741824",
    "CUDA failure 2: out of memory ; GPU=0",
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
)


@pytest.mark.parametrize("message", OUT_OF_MEMORY)
def test_a_batch_that_does_not_fit_is_halved_until_it_does(encoder, monkeypatch, message):
    small = SmallMemory(encoder._run, 3, message)
    monkeypatch.setattr(encoder, "_run", small)
    given = images(10)
    assert encoder.run(given) == pytest.approx(given.mean(axis=(2, 3)), abs=1e-6)
    assert small.batches == [10, 5, 2, 2, 2, 2, 2]
    small.batches.clear()
    assert encoder.run(images(5)).shape == (5, DIM)
    assert small.batches == [2, 2, 1]  # known by now


def test_one_image_that_does_not_fit_is_an_error(encoder, monkeypatch):
    monkeypatch.setattr(encoder, "_run", SmallMemory(encoder._run, 0, OUT_OF_MEMORY[0]))
    with pytest.raises(RuntimeError, match="Failed to allocate"):
        encoder.run(images(4))


def test_another_failure_is_not_taken_for_lack_of_memory(encoder, monkeypatch):
    small = SmallMemory(encoder._run, 0, "Non-zero status code returned while running MatMul")
    monkeypatch.setattr(encoder, "_run", small)
    with pytest.raises(RuntimeError, match="MatMul"):
        encoder.run(images(4))
    assert small.batches == [4]


# -- pinned memory ------------------------------------------------------------------------------------------


class FakeRuntime:
    def __init__(self, status: int = 0) -> None:
        self.status, self.calls = status, []

    def cudaHostRegister(self, address, size, flags):  # noqa: N802
        self.calls.append(("register", address.value, size.value, flags.value))
        return self.status

    def cudaHostUnregister(self, address):  # noqa: N802
        self.calls.append(("unregister", address.value))
        return 0


def test_a_buffer_is_pinned_while_it_is_used_and_released_after_an_error():
    buffer, runtime = images(2), FakeRuntime()

    def use() -> None:
        with pin_memory(buffer, runtime) as done:
            assert done
            assert runtime.calls == [("register", buffer.ctypes.data, buffer.nbytes, 1)]
            raise KeyError

    with pytest.raises(KeyError):
        use()
    assert runtime.calls[1:] == [("unregister", buffer.ctypes.data)]


def test_a_refusal_to_pin_changes_nothing():
    runtime = FakeRuntime(status=2)
    with pin_memory(images(2), runtime) as done:
        assert not done
    assert [call[0] for call in runtime.calls] == ["register"]


def test_without_cuda_nothing_is_pinned(encoder):
    with encoder.pin_memory(images(2)) as done:
        assert not done
