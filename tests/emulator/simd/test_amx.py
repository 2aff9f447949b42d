"""Whole products in matrix registers (AMX): through a stand-in on every processor.

What this leaves untested where a processor has no such registers: that its own instructions do
what the manual says, and that Linux lets a process use them. There
`test_paths.test_lists_and_whole_products_agree` runs both ways.
"""

import re
from collections import Counter
from types import SimpleNamespace

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from ipvae.emulator import Emulator, layout, tile
from ipvae.emulator.simd import amx, kernels, messages
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.layers import GradedLayer, PoissonLayer
from ipvae.network.traces.trace import VARIABLES

STEPS, SEED = 5, 5
NEVER = 2**31


@pytest.fixture(scope="module")
def products(matrix_stand_in):
    """Replaced registers, and the sums that are compiled with them; once for the module."""
    with pytest.MonkeyPatch.context() as patch:
        with matrix_stand_in.replacing(patch) as registers:
            receive = matrix_stand_in.compiled_again(patch)
            # Both kinds of message are compiled while the registers are replaced.
            for presynaptic in (
                messages_of(layout, poisson=True),
                messages_of(layout, poisson=False),
            ):
                weights, a_in = np.zeros((1, 16, 256), np.int8), np.zeros((32, 64), np.int32)
                at = layout.addresses(presynaptic)
                receive(weights.ctypes.data, at, at.z, a_in.ctypes.data, (1, 32, 64))
        yield registers, receive


def messages_of(module, poisson):
    """Messages of 64 neurons of one image, none of them sent."""
    kind = module.PoissonRules if poisson else module.GradedRules
    rules = kind(*[None] * len(kind._fields))
    part = SimpleNamespace(
        rules=rules, width=64, layer=SimpleNamespace(sent=(0, 255), n_neurons=64)
    )
    return module.new_messages(part, 1)._replace(matrix=True)


@pytest.fixture
def whole_products(monkeypatch, products):
    """Let runs take whole products wherever something is listed; what the registers did."""
    registers, receive = products
    registers.counts.clear()

    def by_rows(kernel):
        def act(fixed, given, weights, presynaptic, state, sent, *more):
            *rest, (first, last, first_received), shape = more
            for t in range(first, last):
                if t >= first_received:
                    receive(weights, presynaptic, presynaptic.z, state.a_in, shape)
                rows = (t, t + 1, NEVER)
                kernel(fixed, given, weights, presynaptic, state, sent, *rest, rows, shape)

        return act

    names = ("run_poisson", "run_graded")
    stand_in = {name: by_rows(getattr(kernels, name)) for name in names}
    monkeypatch.setattr(tile, "kernels", SimpleNamespace(counts_of=kernels.counts_of, **stand_in))
    monkeypatch.setattr(layout.amx, "available", lambda: True)
    yield registers.counts
    assert registers.faults == []
    assert not registers.configured


def rows_of(emulator, images):
    return [
        {(name, v): getattr(step, v) for name, step in row.items() for v in VARIABLES}
        for row in emulator.rows(images, STEPS, SEED)
    ]


def assert_as_stepwise(stepwise, network, images):
    trace = stepwise.run(network, images, STEPS, SEED)
    for t, row in enumerate(rows_of(Emulator(network, threads=1), images)):
        for (name, variable), found in row.items():
            expected = trace.stacked(name, variable)[:, t]
            np.testing.assert_array_equal(found, expected, f"row {t}, layer {name}, {variable}")
    return trace


def busy_recurrent(make_network):
    """Two blocks of neurons that all send something; some counts do not fit a byte."""
    rng = np.random.default_rng(4)
    return make_network(
        k=100,
        m=5,
        weight_rec=rng.integers(-128, 128, (100, 100)).astype(np.int8),
        u_init=rng.choice([9000, 32768], 100).astype(np.int32),
        u_min=0,
        payload_bits=10,
    )


def busy_errors(z_most):
    """Three blocks of error units that send numbers of both signs, and a code as receiver."""
    rng = np.random.default_rng(5)
    pixels, k = 150, 70
    most = min(128, 2**16 // z_most)  # its sums stay within 24 bits
    errors = GradedLayer(
        weight=rng.integers(1, 2000, pixels).astype(np.int16),
        weight_rec=rng.integers(-128, 128, (pixels, k)).astype(np.int8),
        bias=rng.integers(-9, 10, pixels).astype(np.int32),
        source=2,
        z_min=-z_most,
        z_max=z_most - 1,
        shift=1,
    )
    code = PoissonLayer(
        weight_rec=rng.integers(-most, most, (k, pixels)).astype(np.int8),
        weight_exp=-6,
        sign=1,
        source=1,
        bias=np.zeros(k, np.int32),
        self_weight=rng.integers(0, 999, k).astype(np.int32),
        u_init=np.full(k, 9000, np.int32),
        u_min=-2000,
        u_max=20000,
        du_min=-5000,
        du_max=5000,
        payload_bits=8,
    )
    return IntNetwork(
        input=InputFormat(-128, 127, 1 / 128, (1, pixels)),
        layer=code,
        decoder=np.zeros((pixels, k), np.float32),
        test_images=rng.integers(-128, 128, (3, pixels)).astype(np.int16),
        test_labels=np.zeros(3, np.int16),
        hidden=(errors,),
    )


def images_of(network, n):
    return np.resize(network.test_images, (n, network.n_pixels))


@pytest.mark.parametrize("n_images", [5, 35])
def test_counts_are_multiplied_as_unsigned_bytes(whole_products, make_network, stepwise, n_images):
    """35 images take two products each, the second of which is filled up with nothing."""
    network = busy_recurrent(make_network)
    trace = assert_as_stepwise(stepwise, network, images_of(network, n_images))
    assert trace.stacked("1", "z").max() > messages.LARGEST
    per_row = {1: 1, 2: 2}[-(-n_images // 32)] * 2 * 2  # products of 32 x 32, of 2 blocks
    assert whole_products["tdpbusd"] == STEPS * per_row * 2 * 4  # 128 senders, 64 at once
    assert whole_products["tdpbssd"] == 0
    assert whole_products["ldtilecfg"] == whole_products["tilerelease"] == STEPS


@pytest.mark.parametrize("z_most", [2**7, 2**8, 2**13])
def test_signed_numbers_are_multiplied_by_their_bytes(whole_products, stepwise, z_most):
    """The upper byte has a sign, the lower one has none; the code's counts are counts."""
    network = busy_errors(z_most)
    trace = assert_as_stepwise(stepwise, network, images_of(network, 35))
    z = trace.stacked("1", "z")
    assert z.min() < -100 and z.max() > 100
    assert whole_products["tdpbssd"] > 0 and whole_products["tdpbusd"] > 0


def test_quiet_rows_are_taken_from_lists(whole_products, kinds, stepwise):
    network = kinds.networks(7)["recurrent"]
    assert_as_stepwise(stepwise, network, network.test_images)
    assert not whole_products


def test_registers_notice_what_is_not_configured(matrix_stand_in):
    registers = matrix_stand_in.Registers()
    registers._guarded("tilezero")(0, 0, 0)
    assert registers.faults == ["tilezero(0, 0, 0): registers are not configured"]


INSTRUCTIONS = {
    "configure": {"ldtilecfg": 1},
    "release": {"tilerelease": 1},
    "multiply": {"tilezero": 4, "tileloadd": 4, "tdpbusd": 4, "tilestored": 4},
    "multiply_signed": {"tilezero": 4, "tileloadd": 4, "tdpbssd": 4, "tilestored": 4},
    "multiply_more": {"tileloadd": 8, "tdpbusd": 4, "tilestored": 4},
}
"""What is written of each function, in and before its loop."""


def assembly(name, features):
    """A function of `ipvae.emulator.simd.amx` as text for an x86 processor, also from others."""
    _, codegen = getattr(amx, name)._defn.__globals__["given"]
    module = ir.Module()
    n_arguments = {"configure": 1, "release": 0}.get(name, 6)
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * n_arguments)
    function = ir.Function(module, kind, name)
    builder = ir.IRBuilder(function.append_basic_block())
    context = SimpleNamespace(
        codegen=lambda: SimpleNamespace(magic_tuple=lambda: ("", "", features)),
        get_dummy_value=lambda: None,
    )
    codegen(context, builder, None, function.args)
    builder.ret_void()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple("x86_64-unknown-linux-gnu")
    machine = target.create_target_machine(cpu="x86-64", features=features)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    return machine.emit_assembly(parsed)


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_the_processors_own_instructions_are_written(name):
    """LLVM makes them for a processor that has them; what they do is the manual's."""
    text = assembly(name, "+amx-tile,+amx-int8")
    found = re.findall(r"^\t(ldtilecfg|tile[a-z]+|tdp[a-z]+)", text, re.MULTILINE)
    assert Counter(found) == INSTRUCTIONS[name]


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_nothing_is_written_for_a_processor_without_them(name):
    assert not re.search("tile|tdp", assembly(name, "+avx512f"))


@pytest.mark.parametrize(
    ("system", "features", "granted", "expected"),
    [
        ("Linux", ["+amx-int8", "+avx"], 0, True),
        ("Linux", ["+amx-int8"], -1, False),
        ("Linux", ["-amx-int8"], 0, False),
        ("Darwin", ["+amx-int8"], 0, False),
    ],
)
def test_registers_are_used_where_linux_grants_them(
    monkeypatch, system, features, granted, expected
):
    asked = []

    def syscall(*words):
        asked.append(words)
        return granted

    monkeypatch.setattr(amx.platform, "system", lambda: system)
    monkeypatch.setattr(amx, "features_of", lambda _: features)
    monkeypatch.setattr(amx.ctypes, "CDLL", lambda _: SimpleNamespace(syscall=syscall))
    assert amx.available.__wrapped__() is expected
    arch_prctl, request_permission, tile_data = 158, 0x1023, 18
    allowed = [(arch_prctl, request_permission, tile_data)]
    assert asked == (allowed if system == "Linux" and "+amx-int8" in features else [])
