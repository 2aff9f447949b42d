"""Outputs of every command: checked before its work, and nothing of a user's is lost by them."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from ipvae.float_models.checkpoint import Checkpoint, save_checkpoint
from ipvae.float_models.data import DataInfo
from ipvae.network.io.network_file import write_network

FOREIGN = b"notes of mine\n"
M, K = 64, 16


def model():
    random = np.random.default_rng(0)
    shapes = {"phi": (M, K), "u0": (K,), "log_bias": (K,), "log_lr": (), "log_sigma_raw": (M,)}
    params = {name: random.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    return Checkpoint(params, None, DataInfo("digits", 16, (8, 8), 100))


@pytest.fixture
def here(tmp_path, make_network, monkeypatch):
    """Folder with net.h5 and run/, in which commands run."""
    write_network(tmp_path / "net.h5", make_network())
    save_checkpoint(tmp_path / "run", model())
    arrays = {"phi": np.ones((4, 2)), "sigma": np.ones(4), "step_size": 0.1}
    np.savez(tmp_path / "a.npz", **arrays, bias=np.ones(2), u0=np.zeros(2))
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = {
    "train": (("train", "--preset", "digits", "--out", "{}"), "model.json"),
    "import": (("import", "a.npz", "--out", "{}"), "model.safetensors"),
    "export": (("export", "run", "--out", "{}"), ""),
    "export to NIR": (("export", "run", "--out", "{}.nir"), ".nir"),
    "trace": (("run", "net.h5", "--trace", "{}"), ""),
    "draws": (("run", "net.h5", "--record-draws", "{}"), ""),
    "report": (("report", "net.h5", "--out", "{}"), "index.html"),
    "compare": (("compare", "net.h5", "run", "--out", "{}"), "compare.svg"),
    "pictures": (("evaluate", "run", "--pictures", "{}"), "dictionary.png"),
    "plan": (("check", "net.h5", "--plan", "{}"), ""),
    "demo": (("demo", "--out", "{}"), "run/model.json"),
    **{
        f"JSON of {words[0]}": ((*words, "--json", "{}"), "")
        for words in (
            ("train", "--preset", "digits", "--out", "new"),
            ("import", "a.npz", "--out", "new"),
            ("export", "run", "--out", "new.h5"),
            ("check", "net.h5"),
            ("run", "net.h5"),
            ("verify", "net.h5"),
            ("diff", "net.h5", "net.h5"),
            ("evaluate", "run"),
            ("compare", "run", "--out", "new"),
            ("report", "net.h5", "--out", "new"),
            ("info", "net.h5"),
            ("doctor",),
            ("demo", "--out", "new"),
        )
    },
}
"""Words with a place for the output, and a file of the output: what follows its path."""
FOLDERS = ("train", "import", "report", "compare", "pictures", "demo")


def words_of(name, place):
    return [word.format(place) for word in COMMANDS[name][0]]


def files_of(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


def refused(command, words, *parts):
    """A command ends in one line, and all files are as they were."""
    before = files_of(Path.cwd())
    status, out, err = command(*words)
    assert (status, out, err.count("\n")) == (2, "", 1), err
    for part in parts:
        assert part in err
    assert files_of(Path.cwd()) == before


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_something_else_is_never_replaced(command, here, name, overwrite):
    words, after = words_of(name, "there"), COMMANDS[name][1]
    if overwrite and words[0] not in ("train", "import", "export", "run"):
        pytest.skip("has no --overwrite")
    file = here / (f"there/{after}" if name in FOLDERS else f"there{after}")
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_bytes(FOREIGN)
    words += ["--overwrite"] if overwrite else []
    refused(command, words, "already exists and is not ", "it is never replaced")


@pytest.mark.parametrize("how", ["path", "link", "hard link"])
@pytest.mark.parametrize("name", [n for n in COMMANDS if n not in FOLDERS and "doctor" not in n])
def test_an_input_is_never_replaced(command, here, name, how):
    words = words_of(name, "{}")
    given = next((w for w in words if w in ("net.h5", "a.npz")), "run/model.json")
    if "demo" in name or words[0] == "train":
        pytest.skip("has no input that is a file")
    place = here / given
    if how == "link":
        place = here / "link"
        place.symlink_to(here / given)
    if how == "hard link":
        place = here / "link"
        os.link(here / given, place)
    if name == "export to NIR":
        words, place = ["export", "run", "--out", "{}"], place.rename(f"{place}.nir")
        if how == "path":
            return
    refused(command, [w.format(place) for w in words], "which is ", "give another path")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_place_that_cannot_be_written_is_noticed_before_the_work(command, here, name):
    (here / "file").write_bytes(FOREIGN)
    refused(command, words_of(name, "file/x"), "Not a directory")
    long = "x" * 300
    refused(command, words_of(name, long), "File name too long")
    if name not in FOLDERS:
        (here / "folder").mkdir()
        (here / "folder.nir").mkdir()
        refused(command, words_of(name, "folder"), "it is a folder")
    if name.startswith("JSON") or name == "plan":
        refused(command, words_of(name, "none/x"), "No such file or directory")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("import", "holds a model already. Pass --overwrite"),
        ("export", "--out: there already exists. Pass --overwrite"),
        ("export to NIR", "--out: there.nir already exists. Pass --overwrite"),
        ("trace", "--trace: there already exists. Pass --overwrite"),
        ("draws", "--record-draws: there already exists. Pass --overwrite"),
    ],
)
def test_results_are_replaced_where_that_is_asked_for(command, here, name, part):
    words = words_of(name, "there")
    words += ["--samples", 1, "--steps", 2] if words[0] == "run" else []
    if name == "export":  # that it is replaced: test_export_kinds.py
        (here / "net.h5").rename(here / "there")
        refused(command, words, part)
        return
    assert command(*words)[0] == 0
    refused(command, words, part)
    assert command(*words, "--overwrite")[0] == 0


def test_two_outputs_of_one_command_are_two_files(command, here):
    run = ("run", "net.h5", "--samples", 1, "--steps", 1)
    refused(command, (*run, "--trace", "o", "--record-draws", "./o"), "--record-draws: found o, wh")
    refused(command, (*run, "--trace", "o", "--json", here / "o"), "which is --trace too")
    train = ("train", "--preset", "digits", "--out", "new")
    refused(command, (*train, "--json", "new/metrics.jsonl"), "which is --out too")
    refused(command, ("report", "net.h5", "--out", "d", "--json", "d/report.json"), "is --out too")


def test_weights_to_begin_with_are_not_overwritten(command, here):
    words = ("train", "--preset", "digits", "--out", "run", "--init-from", "run", "--overwrite")
    refused(command, words, "run/model.json, which is --init-from's model.json too")


def test_an_earlier_training_leaves_nothing_behind(command, here):
    (here / "run" / "metrics.jsonl").write_text('{"epoch": 1, "loss": 1.0}\n')
    assert command("import", "a.npz", "--out", "run", "--overwrite", "--image-shape", "2x2")[0] == 0
    assert sorted(p.name for p in (here / "run").iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system needs UTF-8")
def test_names_that_do_not_print_are_escaped(command, here, make_network):
    name = "a\nb\x1b[31m\udcff.h5"
    write_network(here / name, make_network())
    status, out, _ = command("check", name, "--json", f"{name}.json")
    assert status == 0 and json.loads((here / f"{name}.json").read_text())["ok"]
    refused(command, ("check", name, "--json", name), "a\\nb\\x1b[31m\\udcff.h5, which is")
    status, out, _ = command("diff", name, "net.h5")
    assert (
        status == 0 and out == "equal: a\\nb\\x1b[31m\\udcff.h5 and net.h5 hold the same network\n"
    )
