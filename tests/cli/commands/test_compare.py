"""`ipvae compare`: the figures of `evaluate` and `report` in one table."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ipvae.cli.main import run_command
from ipvae.evaluation.early_stopping import stopping_step
from ipvae.network.io.network_file import write_network
from ipvae.workflows.cluster import INSTALL
from ipvae.workflows.compare import ENERGY, FILES

SHIPPED = Path(__file__).resolve().parents[3] / "models"
STEPS, SEED, SAMPLES = (1, 3, 20), 5, 40
SAME = ("--seed", SEED, "--samples", SAMPLES)
PROBED = ("--probe", "--probe-images", 300)
ASKED = ("--steps", ",".join(map(str, STEPS)), *SAME)
TINY = ("--preset", "digits", "--latents", 16, "--epochs", 4)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Models of three kinds and networks of four, of little training."""
    home = tmp_path_factory.mktemp("compared")

    def run(*words):
        assert run_command(["--quiet", *map(str, words)]) == 0

    for model, beta in (("ipvae", 0.5), ("igrelu", 1), ("pvae-linear", 0.2), ("gvae-linear", 1)):
        run("train", *TINY, "--model", model, "--beta", beta, "--out", home / model)
    loose = ("--most-loss", 9)
    run("export", home / "ipvae", *loose, "--out", home / "eight.h5")
    error_units = ("--layout", "error-units", "--weight-bits", 6)
    run("export", home / "ipvae", *loose, *error_units, "--out", home / "errors.h5")
    lca = ("--inference", "lca", "--readout", "decoder,classes")
    run("export", home / "ipvae", *loose, *lca, "--out", home / "lca.h5")
    run("export", home / "pvae-linear", *loose, "--out", home / "once.h5")
    return home


@pytest.fixture(scope="module")
def mixed(here):
    """A comparison of them all, with --probe, as DIR/compare.json has it."""
    networks = [here / f"{name}.h5" for name in ("eight", "errors", "lca", "once")]
    models = [here / name for name in ("ipvae", "igrelu", "pvae-linear", "gvae-linear")]
    more = ("--lca", here / "ipvae", "--threshold", 0.2, "--dense", here / "eight.h5", *PROBED)
    words = ["--quiet", "compare", *networks, *models, *more, *ASKED, "--out", here / "out"]
    assert run_command([str(word) for word in words]) == 0
    return json.loads((here / "out" / "compare.json").read_text())


@pytest.fixture
def subjects(mixed, capsys):
    capsys.readouterr()
    return {subject["name"]: subject for subject in mixed["subjects"]}


def at(subject, step):
    (point,) = [point for point in subject["curve"] if point["step"] == step]
    return point


EVALUATED = {
    "eight.h5": ("eight.h5",),
    "errors.h5": ("errors.h5",),
    "lca.h5": ("lca.h5",),
    "once.h5": ("once.h5",),
    "ipvae": ("ipvae",),
    "igrelu": ("igrelu",),
    "pvae-linear": ("pvae-linear",),
    "gvae-linear": ("gvae-linear",),
    "ipvae, LCA 0.2": ("ipvae", "--inference", "lca", "--threshold", 0.2),
}
ONE_SHOT = {"once.h5", "pvae-linear", "gvae-linear", "eight.h5, least squares"}


def test_models_and_networks_are_there(here):
    """Before all others, so that none of them takes the time of training as well."""
    assert {path.stem for path in here.glob("*.h5")} == {"eight", "errors", "lca", "once"}


def test_all_were_compared(subjects, mixed):
    assert set(subjects) == {*EVALUATED, "eight.h5, least squares"}
    assert {name for name, subject in subjects.items() if subject["one_shot"]} == ONE_SHOT
    assert (mixed["samples"], mixed["seed"], mixed["steps"]) == (SAMPLES, SEED, list(STEPS))
    for name, subject in subjects.items():
        wanted = [1] if name in ONE_SHOT else list(STEPS)
        assert [point["step"] for point in subject["curve"]] == wanted
        assert subject["stop"] == stopping_step(subject["curve"])
        assert subject["kind"] == ("integers" if name.endswith(".h5") else "float")


@pytest.mark.parametrize("name", EVALUATED)
def test_figures_are_those_of_evaluate(command, here, subjects, name):
    path, *options = EVALUATED[name]
    steps = ("--steps", 1) if name in ONE_SHOT else ASKED[:2]
    words = (here / path, *options, *SAME, *steps, *PROBED, "--json", "-")
    status, found, _ = command("evaluate", *words)
    assert status == 0
    curve = subjects[name]["curve"]
    keys = ("step", "mse", "r2", "zeros")
    assert [{key: point[key] for key in keys} for point in curve] == found["curve"]
    last = curve[-1]
    if name == "lca.h5":
        assert last["accuracy"] == found["readouts"][1]["accuracy"]
        assert last["accuracy_by"] == "read-out"
    else:
        assert (last["accuracy"], last["accuracy_by"]) == (found["accuracy"], "probe")


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize(
    ("name", "step"),
    [
        *((name, step) for name in ("eight.h5", "errors.h5", "lca.h5") for step in STEPS),
        ("once.h5", 1),
    ],
)
def test_counts_and_energies_are_those_of_report(command, here, subjects, mixed, name, step):
    words = (here / name, *SAME, "--steps", step, "--out", here / "report", "--json", "-")
    status, found, _ = command("report", *words)
    assert status == 0
    point = at(subjects[name], step)
    assert point["counts"] == found["counts"]
    for key in ("synaptic_ops", "drive_macs", "readout_ops"):
        assert point[key] == found["counts"][key]
    sources = mixed["energy_sources"]
    rows = [
        {**row, "source": sources[f"{row['model']}, {row['part']}, {row['chip']}"]}
        for row in point["energy"]
    ]
    assert rows == [row for row in found["energy"] if row["kind"] == "modelled"]
    assert [row["model"] for row in rows].count(ENERGY) == 2
    assert subjects[name]["checksum"] == found["checksum"]
    assert at(subjects[name], step)["r2"] == found["quality"]["r2"]


@pytest.mark.parametrize("name", ["ipvae", "igrelu"])
def test_operations_of_float_models_are_those_of_their_codes(here, subjects, name):
    from ipvae.float_models.checkpoint import load_checkpoint
    from ipvae.train.datasets.images import load_images
    from ipvae.train.infer import infer

    checkpoint = load_checkpoint(here / name)
    images = load_images("digits").test_pixels[:SAMPLES].astype(np.float32) / 16
    rows = range(STEPS[-1] + 1)
    codes = {
        t: state.counts
        for t, state in infer(checkpoint.params, images, rows, seed=SEED, model=name).items()
    }
    for step in STEPS:
        sent = sum(np.count_nonzero(codes[t]) for t in range(step))
        point = at(subjects[name], step)
        assert point["synaptic_ops"] == 16 * sent / SAMPLES
        assert point["drive_macs"] == 64 * 16
        assert point["readout_ops"] == 64 * np.count_nonzero(codes[step]) / SAMPLES
        assert "energy" not in point


def test_operations_of_lca_are_those_of_its_codes(here, subjects):
    from ipvae.float_models.checkpoint import load_checkpoint
    from ipvae.float_models.lca import lca, lca_codes
    from ipvae.train.datasets.images import load_images

    solver = lca(load_checkpoint(here / "ipvae").params["phi"], 0.2, nonnegative=True)
    images = load_images("digits").test_pixels[:SAMPLES] / 16
    codes = lca_codes(solver, images, range(STEPS[-1]))
    sent = sum(np.count_nonzero(code) for code in codes.values())
    point = at(subjects["ipvae, LCA 0.2"], STEPS[-1])
    assert point["synaptic_ops"] == 16 * sent / SAMPLES > 0


def test_one_shot_models_have_products_and_no_synaptic_operations(subjects):
    points = {name: subjects[name]["curve"][0] for name in ONE_SHOT - {"once.h5"}}
    assert all(point["synaptic_ops"] == 0 for point in points.values())
    drives = {name: point["drive_macs"] for name, point in points.items()}
    size = 64 * 16
    assert drives == {
        "pvae-linear": size,
        "gvae-linear": 2 * size,
        "eight.h5, least squares": size,
    }
    assert points["gvae-linear"]["readout_ops"] == size


def test_least_squares_lose_least(subjects):
    """No code on the same dictionary has a smaller error."""
    best = subjects["eight.h5, least squares"]["curve"][0]
    assert best["mse"] < min(subjects[name]["curve"][-1]["mse"] for name in ("eight.h5", "ipvae"))
    assert best["zeros"] == 0.0


def test_table_has_a_line_for_each_and_names_the_model_of_energy(command, here):
    words = (here / "eight.h5", here / "gvae-linear", *ASKED, "--out", here / "table")
    status, out, _ = command("compare", *words)
    assert status == 0
    assert out.startswith("No Loihi 2 was measured")
    assert ENERGY in out
    eight, spent = (line for line in out.splitlines() if line.startswith("eight.h5 "))
    assert spent.count(" to ") == 3
    (gauss,) = [line for line in out.splitlines() if line.startswith("gvae-linear ")]
    assert "of 20" in eight and "integers" in eight
    assert "one shot" in gauss and "none" in gauss
    assert sorted(path.name for path in (here / "table").iterdir()) == sorted(FILES)
    assert (here / "table" / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert (here / "table" / "compare.svg").read_text().rstrip().endswith("</svg>")


def one_line(result, *parts):
    status, out, err = result
    assert (status, out, err.count("\n")) == (2, "", 1)
    for part in parts:
        assert part in err


def test_other_formats_and_other_images_are_refused_by_name(command, here, tmp_path, make_network):
    out = ("--out", tmp_path / "out")
    words = (here / "eight.h5", SHIPPED / "mnist", *out)
    one_line(
        command("compare", *words), "eight.h5 and mnist", "8 x 8, 0 to 16", "28 x 28, 0 to 255"
    )
    one_line(command("compare", *words[:1], "--dense", *words[1:]), "mnist, least squares")
    for seed in (1, 2):
        write_network(tmp_path / f"n{seed}.h5", make_network(seed=seed))
    nets = (tmp_path / "n1.h5", tmp_path / "n2.h5", "--samples", 3)
    one_line(command("compare", *nets, *out), "n1.h5 and n2.h5", "first 3 images differ", "one set")
    assert not (tmp_path / "out").exists()


def test_options_that_cannot_be_are_refused(command, here, tmp_path, make_network):
    net, model, out = here / "eight.h5", here / "ipvae", ("--out", tmp_path / "out")
    one_line(command("compare", net, net, *out), "eight.h5: given twice")
    one_line(command("compare", net, "--threshold", 1, *out), "--threshold: needs --lca")
    one_line(command("compare", net, "--lca", model, "--threshold", -1, *out), "above 0")
    one_line(command("compare", model, "--scheduler", "local", *out), "--scheduler: ", ".h5")
    one_line(command("compare", net, "--probe-images", 9, *out), "--probe-images: nothing is")
    words = (net, "--probe", "--probe-images", 2000)
    one_line(command("compare", *words, "--out", here / "few"), "found 2000, allowed up to 1437")
    one_line(command("compare", net, "--steps", "1,x", *out), "--steps: found '1,x'")
    one_line(command("compare", net, model, "--samples", 65, *out), "allowed up to 64")
    one_line(command("compare", here / "none.h5", *out), "none.h5")
    one_line(command("compare", net, "--json", net, *out), "--json: found", "eight.h5")
    write_network(tmp_path / "x.h5", make_network(n_images=3))
    words = (tmp_path / "x.h5", "--samples", 3, "--probe", *out)
    one_line(command("compare", *words), "--probe: ", "no labels")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").write_text("")
    one_line(command("compare", net, *out), "cannot write there")


def test_what_was_there_survives_a_failure(command, here, tmp_path, monkeypatch):
    words = ("compare", here / "eight.h5", "--steps", "1,2", "--samples", 3, "--out", tmp_path)
    assert command(*words)[0] == 0
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    with monkeypatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.savefig", disk_full)
        one_line(command(*words, "--seed", 1), "cannot write there", "No space left")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "compare.svg").unlink()
    (tmp_path / "compare.svg").mkdir()
    one_line(command(*words, "--seed", 1), "compare.svg", "is a folder")
    assert (tmp_path / "compare.json").read_bytes() == before["compare.json"]


def disk_full(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.skipif(find_spec("distributed") is None, reason=f"needs Dask: {INSTALL}")
def test_networks_may_run_on_a_cluster(command, here, tmp_path, monkeypatch):
    monkeypatch.setattr("ipvae.workflows.cluster.processors", lambda: 1)
    words = ("compare", here / "eight.h5", here / "ipvae", "--steps", "1,2", "--samples", 3)
    plain = command(*words, "--out", tmp_path, "--json", "-")
    assert plain[0] == 0
    spread = command(*words, "--out", tmp_path, "--json", "-", "--scheduler", "local")
    assert spread[:2] == plain[:2]


def test_files_of_one_name_are_distinguished_by_their_paths(command, here, tmp_path):
    (tmp_path / "eight.h5").write_bytes((here / "eight.h5").read_bytes())
    paths = (here / "eight.h5", tmp_path / "eight.h5")
    status, found, _ = command("compare", *paths, *ASKED, "--out", tmp_path, "--json", "-")
    assert status == 0
    assert [subject["name"] for subject in found["subjects"]] == [str(path) for path in paths]
    first, second = (subject["curve"] for subject in found["subjects"])
    assert first == second
