# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""Event recordings from files: every format gives the same spikes, and others are refused."""

import sys

import numpy as np
import pytest

import ipvae
from ipvae.network.connections import Connection, Dense
from ipvae.network.kinds import CubaNeuron
from ipvae.network.network import Input, Layer, Network
from ipvae.workflows.image_input.event_files import READER, read_events

SHAPE, STEPS, STEP_TIME = (2, 6, 8), 10, 1000
TEXTS = {
    "plain.csv": ("", ","),
    "header.csv": ("t,x@8,y@6,on\n", ","),
    "words.txt": ("# recorded by us\n\ntimestamp x y polarity\n", " "),
    "plain.txt": ("", " "),
}


@pytest.fixture(scope="module")
def events():
    rng, n = np.random.default_rng(3), 400
    found = np.zeros(n, [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("p", "?")])
    found["t"] = np.sort(rng.integers(0, STEPS * STEP_TIME + 500, n))
    found["x"], found["y"] = rng.integers(0, 8, n), rng.integers(0, 6, n)
    found["p"] = rng.random(n) < 0.5
    return found


@pytest.fixture(scope="module")
def folder(events, tmp_path_factory):
    home = tmp_path_factory.mktemp("events")
    table = np.stack([events[name].astype(np.int64) for name in "txyp"], axis=1)
    for name, (header, separator) in TEXTS.items():
        rows = "\n".join(separator.join(map(str, row)) for row in table.tolist())
        (home / name).write_text(header + rows + "\n")
    swapped = "\n".join(f"{y},{x},{p},{t}" for t, x, y, p in table.tolist())
    (home / "swapped.csv").write_text(f"y,x,p,t\n{swapped}\n")
    np.save(home / "fields.npy", events)
    np.save(home / "table.npy", np.where(table[:, 3:] == 0, table - [0, 0, 0, 1], table))
    np.savez(home / "arrays.npz", **{name: events[name] for name in "txyp"})
    return home


def encoded(given):
    return ipvae.encode_events(given, shape=SHAPE, steps=STEPS, step_time=STEP_TIME)


@pytest.mark.parametrize("name", [*TEXTS, "swapped.csv", "fields.npy", "table.npy", "arrays.npz"])
def test_every_format_gives_the_spikes_of_the_array(events, folder, name):
    expected = encoded([events])
    assert 100 < expected.sum() < 400
    np.testing.assert_array_equal(encoded([folder / name]), expected)
    np.testing.assert_array_equal(encoded(folder / name), expected)


@pytest.mark.parametrize("suffix", ["aedat4", "raw", "dat", "es"])
def test_files_of_cameras_give_the_spikes_of_the_array(events, tmp_path, suffix):
    faery = pytest.importorskip(READER, reason=f"needs {READER}: pip install {READER}")
    path = tmp_path / f"camera.{suffix}"
    array = events.astype(faery.EVENTS_DTYPE)
    faery.events_stream_from_array(array, dimensions=(8, 6)).to_file(path)
    np.testing.assert_array_equal(encoded(path), encoded([events]))
    path.write_bytes(b"nothing that a camera writes" * 9)
    with pytest.raises(ipvae.IpvaeError, match=f"{READER} cannot read it|has no header") as err:
        read_events(path)
    assert "\n" not in str(err.value)


def test_without_the_reader_its_installation_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, READER, None)
    path = tmp_path / "a.aedat4"
    path.write_bytes(b"#!AER-DAT4.0\r\n")
    with pytest.raises(ipvae.IpvaeError, match=f"need the package {READER} .* pip install"):
        read_events(path)


def test_a_folder_is_a_set_of_recordings_in_the_order_of_their_names(events, tmp_path):
    np.save(tmp_path / "b.npy", events)
    np.save(tmp_path / "a.npy", events[:50])
    (tmp_path / "notes.md").write_text("not a recording")
    np.testing.assert_array_equal(encoded(tmp_path), encoded([events[:50], events]))


def test_a_recording_without_events_has_no_spikes(tmp_path):
    (tmp_path / "none.csv").write_text("t,x,y,p\n")
    assert not encoded(tmp_path / "none.csv").any()


def test_what_holds_no_events_is_refused_in_one_line(events, tmp_path):
    (tmp_path / "few.csv").write_text("1,2,3\n")
    (tmp_path / "other.csv").write_text("t,x,y,colour\n1,2,3,4\n")
    (tmp_path / "broken.txt").write_text("1 2 3 1\n4 5 six 0\n")
    (tmp_path / "parts.csv").write_text("1,2.5,3,0\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "video.mp4").write_bytes(b"0")
    np.save(tmp_path / "image.npy", np.zeros((3, 28, 28)))
    np.savez(tmp_path / "images.npz", images=np.zeros((3, 28, 28)))
    np.savez(tmp_path / "lengths.npz", t=np.zeros(3), x=np.zeros(3), y=np.zeros(3), p=np.zeros(2))
    (tmp_path / "damaged.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "nothing").mkdir()
    messages = {
        "few.csv": "its first line is '1,2,3', allowed are four columns",
        "other.csv": "its first line is 't,x,y,colour'",
        "broken.txt": "not a table of numbers",
        "parts.csv": "x must be whole numbers",
        "empty.txt": "is empty",
        "video.mp4": "no format of event recordings is known by this name",
        "image.npy": "has the fields none, allowed are t, x, y and p",
        "images.npz": "has the fields none",
        "lengths.npz": "t, x, y and p have different lengths",
        "damaged.npy": "not an .npy file of events",
        "nothing": "holds no event recordings",
        "missing.csv": "No such file",
    }
    for name, message in messages.items():
        with pytest.raises(ipvae.IpvaeError, match=message) as caught:
            encoded(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def network(shape=SHAPE):
    rng, n = np.random.default_rng(1), int(np.prod(shape))
    weights = Dense(rng.integers(-9, 20, (5, n)))
    return Network(
        Input(shape), (Layer("1", CubaNeuron(9, 4096, 300), (Connection("0", weights),)),)
    )


def test_run_takes_recordings_from_files(events, folder, tmp_path, capsys):
    from ipvae.cli.main import run_command

    net, path = network(), folder / "header.csv"
    expected = ipvae.run(net, encoded([events]), steps=STEPS)
    found = ipvae.run(net, path, steps=STEPS, step_time=STEP_TIME)
    assert found.counts == expected.counts and found.counts.spikes > 100
    net.save(tmp_path / "net.h5")
    words = ["run", tmp_path / "net.h5", "--images", path, "--samples", 1, "--json", "-"]
    words += ["--steps", STEPS, "--step-time", STEP_TIME]
    assert run_command([str(word) for word in words]) == 0
    out, err = capsys.readouterr()
    assert f'"synaptic_ops": {expected.counts.synaptic_ops}' in out
    assert f"header.csv: 1 recording of events in {STEPS} steps of 1000" in err


def test_run_says_what_recordings_need(folder, net):
    cases = [
        ((network(), folder / "plain.csv"), {}, "holds recordings of events; give step_time="),
        ((network(), folder), {}, "holds recordings of events; give step_time="),
        ((network((96,)), folder / "plain.csv"), {"step_time": 9}, "step_time: the input has the"),
        ((network(), np.zeros((1, 96))), {"step_time": 9}, "step_time: needs a file of an event"),
        ((network((2, 3, 4)), folder / "plain.csv"), {"step_time": 9}, "recording 0 has x in 0..7"),
        ((net, folder / "plain.csv"), {"step_time": 9}, "step_time: allowed with networks of any"),
    ]
    for given, more, message in cases:
        with pytest.raises(ipvae.IpvaeError, match=message) as caught:
            ipvae.run(*given, steps=STEPS, **more)
        assert "\n" not in str(caught.value)
    with pytest.raises(ipvae.IpvaeError, match="holds recordings of events"):
        ipvae.evaluate(network(), folder / "plain.csv", steps=STEPS)
