# pyright: reportCallIssue=false
"""Arguments of public functions are checked where they enter the library."""

import numpy as np
import pytest

import ipvae
from ipvae.network.io.network_file import write_network
from ipvae.network.pixels import to_real
from ipvae.workflows.boundary import public


@pytest.fixture
def net(make_network):
    return make_network(k=5, m=6)


@pytest.mark.parametrize("wrong", [2.5, True, "8", np.float32(2), [2]])
def test_numbers_that_are_not_whole_are_refused_by_name(net, wrong):
    for function in (ipvae.run, ipvae.verify, ipvae.make_report):
        with pytest.raises(ipvae.IpvaeError, match="steps: found .*, allowed a whole number"):
            function(net, steps=wrong)
    with pytest.raises(ipvae.IpvaeError, match="seed: found .*, allowed a whole number"):
        ipvae.run(net, steps=2, seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(ipvae.IpvaeError, match="steps: found .*, allowed one or more numbers"):
        ipvae.compare(net, steps=2.5)  # type: ignore[arg-type]


def test_whole_numbers_of_numpy_are_taken(net):
    steps, seed = np.int64(3), np.uint8(1)
    found = ipvae.run(net, steps=steps, seed=seed, samples=np.int16(2))  # type: ignore[arg-type]
    assert found.totals is not None
    assert (found.steps, found.totals.images) == (3, 2)


def test_a_network_may_be_a_path_wherever_one_is_taken(net, tmp_path):
    path = tmp_path / "net.h5"
    write_network(path, net)
    run = ipvae.run(path, steps=2, samples=1)  # type: ignore[arg-type]
    assert ipvae.check(path).ok  # type: ignore[arg-type]
    assert ipvae.place(str(path)) is not None  # type: ignore[arg-type]
    assert ipvae.count_operations(path, run) is not None  # type: ignore[arg-type]
    for function in (ipvae.run, ipvae.verify, ipvae.check, ipvae.place):
        with pytest.raises(ipvae.IpvaeError, match="network: found .*allowed an integer network"):
            function(3)  # type: ignore[arg-type]


def test_the_signature_stays():
    def f(network, *, steps: int = 4, other: int | None = None):
        """Doc."""
        return steps, other

    found = public(f)
    assert found.__doc__ == "Doc." and found.__wrapped__ is f  # type: ignore[attr-defined]


def test_a_trace_names_what_it_holds(net):
    run = ipvae.run(net, steps=2, samples=1, record=("z",))
    assert run.trace is not None
    for layer, variable in (("2", "z"), ("1", "u")):
        with pytest.raises(ipvae.IpvaeError, match=rf"no variable '{variable}' of layer '{layer}'"):
            run.trace.stacked(layer, variable)


def test_an_argument_that_a_function_lacks_is_named_with_the_similar_one(net):
    with pytest.raises(TypeError, match=r"^ipvae.verify has no argument backend=; use backends=$"):
        ipvae.verify(net, backend="lava")
    with pytest.raises(TypeError, match=r"^ipvae.check has no argument x=; it has network, "):
        ipvae.check(net, x=1)


def test_tensors_of_any_kind_are_images(make_network):
    torch = pytest.importorskip("torch")
    network = make_network()
    pixels = network.test_images[:2]
    expected = ipvae.run(network, pixels, steps=3).outputs["1"]
    real = torch.tensor(to_real(pixels, network.input), dtype=torch.float32, requires_grad=True)
    for given in (torch.tensor(pixels), real, real.to(torch.bfloat16)):
        np.testing.assert_array_equal(ipvae.run(network, given, steps=3).outputs["1"], expected)


@pytest.mark.parametrize("given", [b"net.h5", 5, ["net.h5"]])
@pytest.mark.parametrize("name", ["load_network", "load_model", "load_trace", "import_model"])
def test_what_is_no_path_is_refused_with_its_type(name, given):
    with pytest.raises(ipvae.IpvaeError, match=f"^path: found {type(given).__name__}, allowed"):
        getattr(ipvae, name)(given)
