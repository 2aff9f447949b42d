import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvae.errors import FormatError, InputError
from ipvae.network.io import network_file
from ipvae.network.io.fields import to_fields
from ipvae.network.io.network_file import checksum, read_network, write_network


@pytest.fixture
def saved(tmp_path, make_network):
    path = tmp_path / "net.h5"
    write_network(path, make_network())
    return path


def assert_same(a, b):
    fields = to_fields(b)
    for name, array in to_fields(a).items():
        np.testing.assert_array_equal(array, fields[name], err_msg=name)


@given(
    k=st.integers(1, 9), m=st.integers(1, 7), seed=st.integers(0, 99), n_images=st.integers(0, 3)
)
def test_round_trip_of_random_networks(tmp_path_factory, make_network, k, m, seed, n_images):
    path = tmp_path_factory.mktemp("net") / "net.h5"
    network = make_network(k=k, m=m, seed=seed, n_images=n_images)
    write_network(path, network)
    assert_same(network, read_network(path))


def test_two_writes_give_the_same_bytes(tmp_path, make_network):
    for name in "ab":
        write_network(tmp_path / name, make_network())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_checksum_depends_on_contents(make_network):
    assert checksum(make_network(seed=1)) == checksum(make_network(seed=1))
    assert checksum(make_network(seed=1)) != checksum(make_network(seed=2))


def test_every_flipped_bit_is_noticed(saved, tmp_path):
    """200 places spread over the file, one bit each: the identical network or FormatError."""
    data, original = saved.read_bytes(), read_network(saved)
    damaged = tmp_path / "damaged.h5"
    refused = 0
    for i in range(200):
        place = i * (len(data) - 1) // 199
        flipped = bytearray(data)
        flipped[place] ^= 1 << (i % 8)
        damaged.write_bytes(flipped)
        try:
            assert_same(original, read_network(damaged))
        except FormatError:
            refused += 1
    assert refused == 200


@pytest.mark.parametrize("keep", [0, 1, 100, 512, 3000, -1])
def test_truncated_file_is_refused(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(FormatError, match="net.h5: "):
        read_network(saved)


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(FormatError, match="cannot be read"):
        read_network(tmp_path / "none.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as f:
        f["weights"] = [1, 2, 3]
    with pytest.raises(FormatError, match="not an ipvae network file"):
        read_network(tmp_path / "foreign.h5")
    with pytest.raises(FormatError, match="cannot be read"):
        read_network(tmp_path)


def delete(f):
    del f["layer/1/bias"]


def newer(f):
    f["ipvae"].attrs["format_version"] = 4


def soft_link(f):
    del f["layer/1/bias"]
    f["layer/1/bias"] = h5py.SoftLink("/layer/1/neuron/uInit")


def external_link(f):
    del f["layer/1/bias"]
    f["layer/1/bias"] = h5py.ExternalLink("/etc/hostname", "/x")


def huge(f):
    del f["ipvae/test/images"]
    f.create_dataset("ipvae/test/images", shape=(2**40, 12), dtype="<i2")


def compressed(f):
    data = f["ipvae/decoder"][()]
    del f["ipvae/decoder"]
    f.create_dataset("ipvae/decoder", data=data, compression="gzip")


def extra(f):
    f["layer/2/weight"] = [1]


def bomb(f):
    """24 TB of zeros in a kilobyte."""
    del f["ipvae/test/images"]
    f.create_dataset(
        "ipvae/test/images", (10**12, 12), "<i2", chunks=(2**16, 12), compression="gzip"
    )


def layer_twice(f):
    f["layer/2"] = f["layer/1"]


def bias_twice(f):
    f["layer/1/bias "] = f["layer/1/bias"]


def odd_name(f):
    group = f["layer"]
    group.id.links.create_soft(b"\xff\x1b", b"/layer/1")


def versionless(f):
    del f["ipvae"].attrs["format_version"]


def wrong_checksum(f):
    f["ipvae"].attrs["checksum"] = np.array("0" * 64, dtype="S64")


NOT_RENEWED = (delete, huge, external_link, bomb, wrong_checksum)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (bomb, "images is not a plain contiguous dataset"),
        (layer_twice, "layer/2/bias does not belong in format 1"),
        (bias_twice, "/layer/1/bias  does not belong"),
        (odd_name, "not named in UTF-8"),
        (versionless, "no /ipvae group with a format_version"),
        (wrong_checksum, "the checksum of its contents is wrong"),
        (delete, "bias is missing"),
        (newer, "format version 4, this program reads 1, 2, 3"),
        (soft_link, "soft or external link"),
        (external_link, "soft or external link"),
        (huge, "stores less or more"),
        (compressed, "not a plain contiguous dataset"),
        (extra, "does not belong in format 1"),
        (("layer/1/bias", np.zeros(16)), "is float64"),
        (("layer/1/bias", np.zeros(15, "<i4")), "weight has shape"),
        (("layer/1/bias", np.full(16, 2**21, "<i4")), "bias = 2097152 is outside"),
        (("layer/1/neuron/uMax", np.int64(40000)), "u_max = 40000 is outside"),
        (("layer/1/neuron/messageBits", np.int64(0)), "payload_bits = 0 is outside"),
        (("layer/1/neuron/duMin", np.int64(-(2**22))), "du_min = -4194304 is outside"),
        (("layer/1/neuron/fracBits", np.int64(2**62)), "frac_bits = 4611686018427387904 is"),
        (("layer/1/neuron/fracBits", np.int64(-1)), "frac_bits = -1 is outside"),
        (("layer/1/neuron/fracBits", np.int64(16)), "format version 1, allowed 2"),
        (("layer/1/inFeatures", np.int64(5)), "inFeatures"),
        (("ipvae/latency", np.int64(2)), "latency"),
        (("ipvae/random", np.bytes_(b"other").astype("S32")), "random"),
        (("ipvae/sampler/thresholds", np.zeros((481, 27), "<i4")), "thresholds"),
        (("ipvae/decoder", np.full((12, 16), np.nan, "<f4")), "not finite"),
        (("ipvae/test/images", np.full((5, 12), 256, "<i2")), "pixels reach"),
        (("ipvae/provenance", np.frombuffer(b"{no", "u1")), "net.h5"),
        (("ipvae/provenance", np.frombuffer(b"[1]", "u1")), "provenance"),
        (("ipvae/input/scale", np.float64(np.nan)), "scale"),
    ],
)
def test_tampered_file_with_a_valid_seal_is_refused(
    saved, tamper, replace_dataset, change, message
):
    if isinstance(change, tuple):
        change = replace_dataset(*change)
    tamper(saved, change, renew=change not in NOT_RENEWED)
    with pytest.raises(FormatError, match=message):
        read_network(saved)


def test_failed_write_keeps_the_old_file(saved, make_network, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr(network_file, "write_seal", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_network(saved, make_network(seed=5))
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["net.h5"]


def test_unwritable_place_is_an_input_error(tmp_path, make_network):
    with pytest.raises(InputError, match="cannot write there"):
        write_network(tmp_path / "no" / "net.h5", make_network())
