# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
"""Imported networks in lava-dl's layout: our reader and lava-dl's netx give the same spikes."""

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest

import ipvae
from ipvae.errors import InputError

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "float_models" / "nir_graph" / "data"
STEPS = 20


def imported(name, folder, origin=None):
    path = folder / f"{name}.nir"
    path.write_bytes(gzip.decompress((DATA / f"{name}.nir.gz").read_bytes()))
    found = np.load(DATA / f"{name}.npz")
    shape = tuple(found["shape"])
    inputs = np.unpackbits(found["inputs"])[: np.prod(shape)].reshape(shape)
    return ipvae.import_model(path, origin=origin or str(found["origin"])), inputs


def conv(folder):
    """A network of snnTorch with the reset that the chip's own neurons have."""
    return imported("snntorch_conv", folder, "snntorch,reset=zero")


@pytest.mark.parametrize("name", ["snntorch_zero", "norse_loop", "conv"])
def test_reader_gives_the_network_back(name, tmp_path):
    model, inputs = conv(tmp_path) if name == "conv" else imported(name, tmp_path)
    saved = ipvae.quantize(model, inputs).save(tmp_path / "net.net")
    again = ipvae.load_network(tmp_path / "net.net")
    flat = inputs.reshape(*inputs.shape[:2], -1)
    for one, other in zip(again.layers, saved.quantized.network.layers, strict=True):
        assert one.neuron == other.neuron
        found, wanted = (
            ipvae.run(network, flat, steps=STEPS, record="all").trace
            for network in (again, saved.quantized.network)
        )
        for variable in one.neuron.variables:  # in the file a flatten is numbered too
            np.testing.assert_array_equal(
                found.stacked(one.id, variable), wanted.stacked(other.id, variable)
            )
    assert saved.quantized.comparison.layers[-1].equal > 0.9
    with pytest.raises(InputError, match="already exists"):
        ipvae.quantize(model, inputs).save(tmp_path / "net.net")
    ipvae.quantize(model, inputs).save(tmp_path / "net.net", overwrite=True)


@pytest.mark.lava
@pytest.mark.parametrize("name", ["snntorch_zero", "norse_loop", "conv"])
def test_netx_sends_the_same_spikes(name, tmp_path):
    from ipvae.lava_procs.importing import import_lava_dl

    import_lava_dl()
    from lava.lib.dl.netx.hdf5 import Network
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.sink import RingBuffer as Sink
    from lava.proc.io.source import RingBuffer as Source

    model, inputs = conv(tmp_path) if name == "conv" else imported(name, tmp_path)
    made = ipvae.quantize(model, inputs).save(tmp_path / "net.net").quantized
    sample = inputs[0, :STEPS]
    ours = ipvae.run(made.network, sample.reshape(1, STEPS, -1), steps=STEPS, record=("z",)).trace
    depth = len(made.network.layers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = Network(net_config=str(tmp_path / "net.net"), reset_interval=2**20, reset_offset=1)
        net.net_config.f.close()
        data = np.moveaxis(sample, 0, -1)
        data = data.transpose(2, 1, 0, 3) if data.ndim == 4 else data  # Lava's (W, H, C)
        source = Source(data=np.concatenate([data, 0 * data[..., :depth]], -1))
        sink = Sink(shape=net.out.shape, buffer=STEPS + depth)
        source.s_out.connect(net.inp)
        net.out.connect(sink.a_in)
        net.run(condition=RunSteps(STEPS + depth), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        found = sink.data.get()
        net.stop()
    wanted = ours.stacked(made.network.readout.id, "z")[0]
    assert wanted.any()
    np.testing.assert_array_equal(found[:, depth : depth + STEPS].T, wanted)


def test_what_the_layout_cannot_hold_is_named(tmp_path):
    model, inputs = imported("sinabs_pool", tmp_path)
    with pytest.raises(InputError, match="layer 1: LIF neurons, allowed are CUBA neurons"):
        ipvae.quantize(model, inputs).save(tmp_path / "net.net")
    assert not (tmp_path / "net.net").exists()
