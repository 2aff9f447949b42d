"""The event-driven model of Lava's Dense against Lava's own, and what Lava's synapses get wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvae.errors import DescriptionError, InputError
from ipvae.lava_procs.configuration import EVENT_DRIVEN, STOCK, configuration
from ipvae.lava_procs.importing import import_lava_dl

pytestmark = pytest.mark.lava()


@pytest.fixture(scope="module", autouse=True)
def _lava():
    import_lava_dl()


class Port:
    """Replacement for a port: gives messages, keeps what is sent."""

    def __init__(self, messages=()):
        self.messages, self.sent = list(messages), []

    def recv(self):
        return self.messages.pop(0)

    def send(self, value):
        self.sent.append(np.array(value))


def outputs(dense, model_class, messages):
    """What a model of this Dense sends for these messages, one step each, and one more."""
    parameters = dict(dense.proc_params._parameters)
    made = model_class(parameters)
    made.weights = np.array(dense.weights.init, dtype=np.int32)
    made.num_message_bits = np.array([dense.num_message_bits.init])
    made.a_buff = np.zeros(len(made.weights), dtype=np.int32)
    made.s_in, made.a_out = Port([*messages, 0 * messages[0]]), Port()
    for _ in range(len(messages) + 1):
        made.run_spk()
    return made.a_out.sent


def both(dense, messages):
    from lava.proc.dense.models import PyDenseModelBitAcc

    from ipvae.lava_procs.models.event_driven import PyDenseEventDriven

    stock = outputs(dense, PyDenseModelBitAcc, messages)
    ours = outputs(dense, PyDenseEventDriven, messages)
    return stock, ours


def made(weight, bits=8, **options):
    from lava.proc.dense.process import Dense

    return Dense(weights=np.asarray(weight), num_message_bits=bits, **options)


FILLS = {
    "mixed": (-128, 127),
    "all odd": None,
    "all negative": (-128, -1),
    "all positive": (1, 127),
    "largest": (127, 127),
    "smallest": (-128, -128),
    "zero": (0, 0),
}


@pytest.mark.parametrize("bits", [0, 8, 23])
@pytest.mark.parametrize("fill", FILLS)
def test_event_driven_is_bit_exact_to_stock(rng, fill, bits):
    limits = FILLS[fill]
    for n_out, n_in in ((1, 1), (7, 5), (40, 64)):
        if limits is None:
            weight = 2 * rng.integers(-64, 64, (n_out, n_in)) + 1
        else:
            weight = rng.integers(limits[0], limits[1] + 1, (n_out, n_in))
        most = (1 << max(bits, 1)) - 1
        messages = [
            np.zeros(n_in, np.int32),
            np.full(n_in, most, np.int32),
            *rng.integers(0, most + 1, (5, n_in)).astype(np.int32),
            *(rng.integers(0, most + 1, (5, n_in)) * (rng.random((5, n_in)) < 0.1)).astype(
                np.int32
            ),
        ]
        for exponent in (-3, -1, 0, 2):
            stock, ours = both(made(weight, bits, weight_exp=exponent), messages)
            for one, other in zip(stock, ours, strict=True):
                np.testing.assert_array_equal(one, other)


@given(data=st.data())
def test_event_driven_is_bit_exact_for_any_weights_and_messages(data):
    """Signed messages too, and sums beyond what float32 holds."""
    n_out, n_in = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    values = st.integers(-300, 300)
    weight = np.array(data.draw(st.lists(values, min_size=n_out * n_in, max_size=n_out * n_in)))
    most = data.draw(st.sampled_from([1, 255, 2**16, 2**23]))
    message = data.draw(
        st.lists(st.integers(-most, most), min_size=n_in, max_size=n_in).map(np.array)
    )
    dense = made(weight.reshape(n_out, n_in), 24, weight_exp=data.draw(st.integers(-4, 0)))
    stock, ours = both(dense, [message.astype(np.int32)])
    np.testing.assert_array_equal(stock[1], ours[1])


def test_sums_that_float32_cannot_hold_are_reached():
    """2**24 + 1 is the smallest such sum; rounded, the event-driven model would lose it."""
    weight = np.array([[1, 254]])
    message = np.array([1, 66052], dtype=np.int32)  # 254 * 66052 = 2**24 - 8
    from ipvae.lava_procs.models.event_driven import EXACT_IN_FLOAT32, PyDenseEventDriven

    message[1] += 1
    dense = made(weight, 24, weight_exp=0)
    assert int(weight[0] @ message) > EXACT_IN_FLOAT32
    (_, found) = outputs(dense, PyDenseEventDriven, [message])
    assert found[0] == weight[0] @ message
    assert int(np.float32(weight[0] @ message)) != weight[0] @ message


def test_the_configuration_chooses_the_model():
    from lava.proc.dense.models import PyDenseModelBitAcc

    from ipvae.lava_procs.models.event_driven import PyDenseEventDriven

    dense = made(np.eye(2, dtype=int))
    found = {
        name: configuration(name).select(dense, [PyDenseModelBitAcc])
        for name in (EVENT_DRIVEN, STOCK)
    }
    assert found == {EVENT_DRIVEN: PyDenseEventDriven, STOCK: PyDenseModelBitAcc}
    with pytest.raises(InputError, match="model of Dense: found 'fast', allowed event-driven, st"):
        configuration("fast")


def product(dense, message):
    from lava.proc.dense.models import PyDenseModelBitAcc

    return outputs(dense, PyDenseModelBitAcc, [np.asarray(message, dtype=np.int32)])[1]


@pytest.mark.parametrize(
    "weight",
    [
        [[0, 0], [0, 0]],
        [[-128, -128], [-1, -127]],
        [[127, 127], [1, 3]],
        [[-128, 127], [-1, 1]],
        [[-128, 0], [0, -2]],
    ],
)
def test_our_synapse_is_exact(weight):
    from ipvae.lava_procs.procs.layer_block.process import exact_dense

    for message in ([1, 0], [0, 1], [3, 5], [255, 254]):
        found = product(exact_dense(np.array(weight), 8), message)
        np.testing.assert_array_equal(found, np.array(weight) @ message)


def netx_synapse(weight):
    """The synapse as netx makes it of a file's weights."""
    from lava.lib.dl.netx.utils import optimize_weight_bits

    optimized, bits, exponent, _ = optimize_weight_bits(np.array(weight))
    return made(optimized, num_weight_bits=int(bits), weight_exp=int(exponent))


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_netx_cannot_load_zeros():
    with pytest.raises(OverflowError):
        netx_synapse(np.zeros((2, 2), dtype=int))


def test_netx_divides_by_zero_where_the_largest_weight_is_zero():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        netx_synapse([[-128, 0], [0, -2]])


def test_netx_clips_minus_128_without_a_word():
    """All negative with -128: it becomes 2**8, which an inhibitory synapse does not have."""
    weight = np.array([[-128, -128], [-1, -127]])
    found = product(netx_synapse(weight), [3, 5])
    assert (found != weight @ [3, 5]).any()


def test_without_the_sign_mode_minus_128_is_clipped():
    """Lava guesses 'inhibitory' from the values, whose largest weight is -255, not -256."""
    weight = np.full((1, 2), -128)
    guessed = made(2 * weight, weight_exp=-1, num_weight_bits=8)
    assert product(guessed, [3, 5])[0] == -1020
    assert (weight @ [3, 5])[0] == -1024


def test_a_ninth_bit_is_refused_where_netx_takes_it():
    """netx makes a 9-bit synapse, exact on the CPU and impossible on the chip."""
    from lava.lib.dl.netx.utils import optimize_weight_bits

    from ipvae.lava_procs.procs.layer_block.process import exact_dense

    weight = np.array([[-199, 1], [2, 151]])
    assert optimize_weight_bits(weight)[1] == 9
    with pytest.raises(DescriptionError, match="weights -199..151, allowed -128..127"):
        exact_dense(weight, 8)


def test_a_bare_dense_floors_odd_weights():
    from lava.utils.weightutils import SignMode

    weight = np.array([[1, -1, 127, -127]])
    bare = made(weight, sign_mode=SignMode.MIXED, num_weight_bits=8)
    np.testing.assert_array_equal(bare.weights.init, weight)
    assert [int(product(bare, row)[0]) for row in np.eye(4)] == [0, -2, 126, -128]
