"""Ranges of docs/spec/versions.md: its ends are written, read and equal; one past is refused."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvae.errors import DescriptionError, FormatError
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.fields import to_fields
from ipvae.network.io.network_file import read_network, write_network
from ipvae.network.layers import PoissonLayer

ROOT = Path(__file__).resolve().parents[3]
L, S = 2**21 - 1, 2**22 - 1

# dataset -> (argument of PoissonLayer, low, high, dtype)
SCALARS = {
    "layer/1/neuron/messageBits": ("payload_bits", 1, 23),
    "layer/1/neuron/weight_exp": ("weight_exp", -8, 14),
    "layer/1/neuron/uMin": ("u_min", -49152, 0),
    "layer/1/neuron/uMax": ("u_max", 0, 32768),
    "layer/1/neuron/duMin": ("du_min", -S, 0),
    "layer/1/neuron/duMax": ("du_max", 0, S),
    "ipvae/drive_exp": ("drive_exp", -24, 14),
}
ARRAYS = {
    "layer/1/bias": ("bias", -L, L),
    "layer/1/neuron/selfWeight": ("self_weight", 0, S),
    "layer/1/neuron/uInit": ("u_init", -1000, 1000),
}
ENDS = [(p, a, v) for p, (a, low, high) in SCALARS.items() for v in (low, high)]
ARRAY_ENDS = [(p, a, v) for p, (a, low, high) in ARRAYS.items() for v in (low, high)]


@pytest.fixture
def base(make_network):
    """Two neurons at log-rate 0, so that any limit of it is valid."""

    def build(**parts):
        zeros = np.zeros(2, np.int32)
        return make_network(k=2, m=2, **{"u_init": zeros, **parts})

    return build


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.h5"


def assert_round_trip(path, network):
    write_network(path, network)
    fields = to_fields(network)
    for name, array in to_fields(read_network(path)).items():
        np.testing.assert_array_equal(array, fields[name], err_msg=name)


def one_past(value, low):
    return value - 1 if value == low else value + 1


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(("dataset", "argument", "value"), ENDS)
def test_end_of_a_scalar_range(path, base, tamper, replace_dataset, dataset, argument, value):
    assert_round_trip(path, base(**{argument: value}))
    past = one_past(value, SCALARS[dataset][1])
    tamper(path, replace_dataset(dataset, np.int64(past)))
    with pytest.raises(FormatError, match=rf"{argument} = {past} is outside"):
        read_network(path)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(("dataset", "argument", "value"), ARRAY_ENDS)
def test_end_of_an_array_range(path, base, tamper, replace_dataset, dataset, argument, value):
    limits = {"u_min": -1000, "u_max": 1000} if argument == "u_init" else {}
    assert_round_trip(path, base(**limits, **{argument: np.array([0, value], np.int32)}))
    past = one_past(value, ARRAYS[dataset][1])
    tamper(path, replace_dataset(dataset, np.array([0, past], "<i4")))
    with pytest.raises(FormatError, match=rf"{argument} = {past} is outside"):
        read_network(path)


def test_ends_of_the_integer_types(path, base):
    assert_round_trip(
        path,
        base(
            weight=np.array([[-32768, 32767], [0, 1]], np.int16),
            weight_rec=np.array([[-128, 127], [0, 1]], np.int8),
        ),
    )


@pytest.mark.parametrize("narrow", ["weight", "weight_rec", "bias"])
def test_wider_arrays_are_not_narrowed_silently(base, narrow):
    layer = base().layer
    with pytest.raises(DescriptionError, match=f"{narrow} has dtype int64"):
        replace(layer, **{narrow: getattr(layer, narrow).astype(np.int64)})


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    ("minimum", "maximum", "valid"),
    [
        (-32768, 32767, True),
        (32766, 32767, True),
        (-32768, -32767, True),
        (-32769, 0, False),
        (0, 32768, False),
        (5, 5, False),
    ],
)
def test_pixel_range(path, base, tamper, minimum, maximum, valid):
    write_network(path, base())

    def change(f):
        f["ipvae/input/minimum"][()] = minimum
        f["ipvae/input/maximum"][()] = maximum
        f["ipvae/test/images"][...] = np.clip(0, minimum, min(maximum, 32767))

    tamper(path, change)
    if valid:
        found = read_network(path)
        assert (found.input.minimum, found.input.maximum) == (minimum, maximum)
        assert_round_trip(path, found)
    else:
        with pytest.raises(FormatError, match="is not increasing within -32768..32767"):
            read_network(path)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("beyond", [-1, 256])
def test_pixels_of_test_images_end_with_the_declared_range(path, base, tamper, beyond):
    write_network(path, base())
    tamper(path, lambda f: f["ipvae/test/images"].__setitem__((0, slice(None)), [0, 255]))
    assert read_network(path).test_images[0].tolist() == [0, 255]
    tamper(path, lambda f: f["ipvae/test/images"].__setitem__((0, 0), beyond))
    with pytest.raises(FormatError, match="the network declares 0..255"):
        read_network(path)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, np.nan])
def test_scale_is_a_positive_number(path, base, tamper, replace_dataset, scale):
    network = base()
    for smallest in (5e-324, 1.7e308):
        assert_round_trip(path, replace(network, input=replace(network.input, scale=smallest)))
    tamper(path, replace_dataset("ipvae/input/scale", np.float64(scale)))
    with pytest.raises(FormatError, match="is not a positive number"):
        read_network(path)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_decoder_is_finite(path, base, tamper, value):
    network = base()
    largest = np.finfo(np.float32).max
    assert_round_trip(path, replace(network, decoder=np.full((2, 2), largest, np.float32)))
    tamper(path, lambda f: f["ipvae/decoder"].__setitem__((1, 1), value))
    with pytest.raises(FormatError, match="not finite"):
        read_network(path)


def large(m):
    """A network of one neuron and m pixels."""
    return IntNetwork(
        InputFormat(0, 255, 1.0, (1, m)),
        PoissonLayer(
            weight=np.ones((1, m), np.int16),
            weight_rec=np.ones((1, 1), np.int8),
            bias=np.zeros(1, np.int32),
            self_weight=np.zeros(1, np.int32),
            u_init=np.zeros(1, np.int32),
            drive_exp=0,
            weight_exp=0,
            u_min=-1,
            u_max=1,
            du_min=-1,
            du_max=1,
            payload_bits=4,
        ),
        np.zeros((m, 1)),
        np.zeros((0, m), np.int16),
        np.zeros(0, np.int16),
    )


def test_most_pixels(path):
    assert_round_trip(path, large(524287))
    with pytest.raises(DescriptionError, match="524288 pixels, allowed at most 524287"):
        large(524288)


def test_most_neurons(base):
    """65536 neurons take 4 GB of recurrent weights: only the refusal of one more is run."""
    layer = base().layer
    with pytest.raises(DescriptionError, match=r"shape \(65537,\), allowed .* 1 to 65536"):
        replace(layer, bias=np.broadcast_to(np.int32(0), (65537,)))


@pytest.mark.parametrize(("beyond", "valid"), [(0, True), (1, False)])
def test_longest_provenance(path, base, tamper, replace_dataset, beyond, valid):
    write_network(path, base())
    text = json.dumps({"x": "y" * (2**20 + beyond - 9)})
    tamper(path, replace_dataset("ipvae/provenance", np.frombuffer(text.encode(), "u1")))
    assert len(text) == 2**20 + beyond
    if valid:
        assert_round_trip(path, read_network(path))
    else:
        with pytest.raises(FormatError, match="1048577 bytes, allowed are up to 1048576"):
            read_network(path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"a":' * 66 + "1" + "}" * 66,
        '{"a": NaN}',
        '{"a": 1e999}',
        "{",
        "[]",
        '{"a": 1} x',
        "\xff",
    ],
)
def test_provenance_is_a_json_object(path, base, tamper, replace_dataset, text):
    write_network(path, base())
    value = np.frombuffer(text.encode("latin-1"), "u1")
    tamper(path, replace_dataset("ipvae/provenance", value))
    with pytest.raises(FormatError, match="provenance|net.h5"):
        read_network(path)


def test_what_cannot_be_written_is_refused_before_the_file_is_touched(path, base):
    write_network(path, base())
    before = path.read_bytes()
    deep: dict = {}
    for _ in range(65):
        deep = {"x": deep}
    for provenance in (deep, {"x": float("nan")}, {"x": "y" * 2**20}, {"x": object()}):
        with pytest.raises(DescriptionError, match="provenance"):
            write_network(path, replace(base(), provenance=provenance))
    assert path.read_bytes() == before


def test_ranges_of_this_test_are_the_ones_of_the_document():
    text = (ROOT / "docs" / "spec" / "versions.md").read_text()
    spelled = {S: "2^22 - 1", -S: "-(2^22 - 1)"}
    for dataset, (_, low, high) in SCALARS.items():
        range_of = re.search(rf"\| `{dataset}` \|[^|]*\| ([^|]*) \|", text)
        assert range_of is not None, dataset
        assert range_of[1] == f"{spelled.get(low, low)} .. {spelled.get(high, high)}", dataset


int32s = st.integers(-(2**31), 2**31 - 1)


@st.composite
def valid_networks(draw):
    """Any valid network: every number drawn from the whole of its range, ends preferred."""
    k, m, n = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(0, 3))
    u_min, u_max = draw(st.integers(-49152, 0)), draw(st.integers(0, 32768))
    minimum = draw(st.integers(-32768, 32766))
    maximum = draw(st.integers(minimum + 1, 32767))

    def array(low, high, shape, dtype):
        size = int(np.prod(shape))
        values = draw(st.lists(st.integers(low, high), min_size=size, max_size=size))
        return np.array(values, dtype=dtype).reshape(shape)

    floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
    json_data = st.dictionaries(
        st.text(max_size=5),
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=9),
        max_size=3,
    )
    return IntNetwork(
        InputFormat(
            minimum,
            maximum,
            draw(st.floats(1e-300, 1e300, allow_nan=False)),
            draw(st.sampled_from([(1, m), (m, 1)])),
        ),
        PoissonLayer(
            weight=array(-32768, 32767, (k, m), np.int16),
            weight_rec=array(-128, 127, (k, k), np.int8),
            bias=array(-L, L, (k,), np.int32),
            self_weight=array(0, S, (k,), np.int32),
            u_init=array(u_min, u_max, (k,), np.int32),
            drive_exp=draw(st.integers(-24, 14)),
            weight_exp=draw(st.integers(-8, 14)),
            u_min=u_min,
            u_max=u_max,
            du_min=draw(st.integers(-S, 0)),
            du_max=draw(st.integers(0, S)),
            payload_bits=draw(st.integers(1, 23)),
        ),
        np.array(draw(st.lists(floats, min_size=m * k, max_size=m * k))).reshape(m, k),
        array(minimum, maximum, (n, m), np.int16),
        array(-32768, 32767, (n,), np.int16),
        draw(json_data),
    )


@given(network=valid_networks())
def test_any_valid_network_is_written_and_read_as_it_is(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("net") / "net.h5"
    assert_round_trip(path, network)
    assert read_network(path).provenance == network.provenance


def test_integer_networks_of_version_2_have_at_most_65536_neurons(make_network):
    """A layer without dense weights may be larger in a network of version 3 only."""
    made = make_network(k=4, m=4)
    n = 2**16 + 1
    options = {"u_init": np.zeros(n, np.int32), "self_weight": np.zeros(n, np.int32)}
    layer = replace(
        made.layer,
        weight=np.ones(n, np.int16),
        weight_rec=None,
        source=0,
        memory=False,
        bias=np.zeros(n, np.int32),
        **options,
    )
    assert layer.n_neurons == n
    with pytest.raises(
        DescriptionError, match="layer 1: has 65537 neurons, allowed are up to 65536"
    ):
        replace(made, layer=layer)
