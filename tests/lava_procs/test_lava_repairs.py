"""What Lava lacks on newer Pythons and with NumPy 2: each repair, and what happens without."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.lava_repairs import VAR_MODEL

pytestmark = pytest.mark.lava()
ROOT = Path(__file__).resolve().parents[2]
NUMPY = tuple(int(part) for part in np.__version__.split(".")[:2])


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava()


def outcome(code, *, path=()):
    """The last line that a program prints, as JSON, in a separate interpreter."""
    places = os.pathsep.join(map(str, (*path, ROOT)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# The decorator and what lava-nc made of it.


def test_the_module_that_newer_pythons_refuse_is_imported():
    code = f"""
import dataclasses, json, importlib
original = dataclasses.dataclass
try:
    importlib.import_module("{VAR_MODEL}")
    alone = "imported"
except ValueError as error:
    alone = str(error)
from ipvae.lava_procs.lava_repairs import repair_lava
repair_lava()
repair_lava()
print(json.dumps([alone, dataclasses.dataclass is original]))
"""
    alone, put_back = outcome(code)
    assert put_back
    if sys.version_info >= (3, 11):
        assert "mutable default" in alone
        assert "ByteEncoder" in alone
    else:
        assert alone == "imported"


def test_only_the_one_class_has_a_hash_more():
    from lava.magma.compiler import var_model

    classes = [c for c in vars(var_model).values() if dataclasses.is_dataclass(c)]
    own = [c for c in classes if isinstance(c, type) and c.__module__ == VAR_MODEL]
    assert len(own) > 10
    hashed = {c.__name__ for c in own if c.__hash__ is not None}
    assert hashed <= {"ByteEncoder"}
    assert "ByteEncoder" in hashed or sys.version_info < (3, 11)


def test_the_decorator_is_put_back_after_a_failure(monkeypatch):
    from ipvae.lava_procs import lava_repairs

    original = dataclasses.dataclass
    monkeypatch.delitem(sys.modules, VAR_MODEL)
    monkeypatch.setattr(lava_repairs, "VAR_MODEL", "lava.nowhere")
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        lava_repairs.repair_lava()
    assert dataclasses.dataclass is original


# Reshaping.


def test_a_port_reshapes_what_it_passes_on():
    from lava.magma.core.process.ports.ports import ReshapePort

    port = ReshapePort(new_shape=(2, 3), old_shape=(3, 2))
    values = np.arange(6).reshape(3, 2)
    forward, backward = port.get_transform_func_fwd(), port.get_transform_func_bwd()
    assert forward(values).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert backward(forward(values)).tolist() == values.tolist()


def test_what_lava_calls_there_is_deprecated_or_gone():
    """As in lava/magma/core/process/ports/ports.py, lines 920 and 931."""
    reshape: Any = np.reshape
    if NUMPY < (2, 1):
        assert reshape(np.arange(6), newshape=(2, 3)).shape == (2, 3)
    else:
        with pytest.raises((TypeError, DeprecationWarning), match="newshape"):
            reshape(np.arange(6), newshape=(2, 3))


# Integers of NumPy as parameters.


def spikes_of(**parameters):
    """Steps out of 50 in which a LIF neuron with these parameters fires, and its threshold."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer
    from lava.proc.lif.process import LIF

    neuron = LIF(shape=(1,), bias_mant=4000, bias_exp=1, **parameters)
    sink = RingBuffer(shape=(1,), buffer=50)
    neuron.s_out.connect(sink.a_in)
    neuron.run(RunSteps(num_steps=50), Loihi2SimCfg(select_tag="fixed_pt"))
    found = np.flatnonzero(sink.data.get()).tolist(), neuron.vth.get()
    neuron.stop()
    return found


def test_a_narrow_integer_is_the_parameter_that_it_states():
    expected = spikes_of(vth=1000, du=255, dv=100)
    assert 0 < len(expected[0]) < 20
    assert spikes_of(vth=np.int16(1000), du=np.uint8(255), dv=np.uint8(100)) == expected


def test_numpy_2_would_compute_with_the_narrow_one():
    """Lava's `np.left_shift(self.vth, 6)`, in silence."""
    found = np.left_shift(np.int16(1000), 6)
    assert found == (64_000 if NUMPY < (2, 0) else -1536)


@pytest.mark.parametrize("value", [0.5, True, np.float32(0.1), "name", (1, 2)], ids=str)
def test_other_initial_values_stay_as_they_are(value):
    from lava.magma.core.process.variable import Var

    assert Var((2,), value).init is value
    assert Var(shape=(2,), init=value, name="it").init is value


# The sizes of a convolution.


def test_a_convolution_of_a_wide_image_is_lavas():
    """3 x 1 kernels over an image of 200 x 4, with the 8-bit sizes of Lava's model."""
    from lava.proc.conv import utils

    image = np.arange(800).reshape(200, 4, 1)
    weight = np.array([1, -2, 4]).reshape(1, 3, 1, 1)
    conv: Any = utils.conv
    sizes = [np.array(size, np.int8) for size in ((3, 1), (1, 1), (1, 0), (1, 1))]
    found = conv(image, weight, *sizes, np.int8(1))[:, :, 0]
    padded = np.pad(image[:, :, 0], ((1, 1), (0, 0)))
    np.testing.assert_array_equal(found, 4 * padded[:-2] - 2 * padded[1:-1] + padded[2:])
    again = conv(image, weight, *sizes, groups=np.int8(1))[:, :, 0]
    np.testing.assert_array_equal(again, found)


def test_numpy_2_would_add_sizes_in_8_bits():
    """Lava's `input_shape[0] + 2 * padding[0]`, for an image of 200 and of 120 pixels."""
    padding: Any = np.array([4], np.int8)
    if NUMPY < (2, 0):
        assert 200 + 2 * padding[0] == 208
        assert 120 + 2 * padding[0] == 128
        return
    with pytest.raises(OverflowError):
        _ = 200 + 2 * padding[0]
    with np.errstate(over="ignore"):
        assert 120 + 2 * padding[0] == -128


# An input layer as lava-dl writes it.


def test_netx_reads_the_weight_and_bias_of_an_input_layer(netx_reading):
    from lava.lib.dl.netx import hdf5

    network: Any = hdf5.Network

    neuron = {"type": "CUBA", "iDecay": 1, "vDecay": 0, "vThMant": 9}
    config = {"shape": np.array([4]), "neuron": neuron}
    given = {"weight": np.array([3]), "bias": np.array([-2], np.int32)}
    block, _ = network.create_input({**config, **given})
    assert (block.transform["weight"], block.transform["bias"]) == (3, -2)
    assert given["weight"].shape == (1,)
    block, _ = network.create_input(config)
    assert (block.transform["weight"], block.transform["bias"]) == (64, 0)


# SLAYER without torchvision.
SLAYER = """
import json, sys
from ipvae.lava_procs.importing import import_lava_dl
import_lava_dl()
from lava.lib.dl import slayer
from ipvae.lava_procs.slayer_block import PoissonRecurrent
try:
    shown = slayer.obd.YOLOBase.__name__
except AttributeError as error:
    shown = str(error)
print(json.dumps([shown, hasattr(slayer.obd, "__file__")]))
"""


@pytest.mark.long
def test_slayer_needs_no_torchvision_that_works(tmp_path):
    """One that was made for another PyTorch raises RuntimeError when it is imported."""
    broken = tmp_path / "torchvision"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms')\n")
    message, real = outcome(SLAYER, path=(tmp_path,))
    assert not real
    assert "object_detection.YOLOBase needs torchvision" in message
