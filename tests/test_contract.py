"""Commands give the JSON keys that docs/versioning.md promises."""

import json
import re
from pathlib import Path

import pytest

from ipvae.cli.main import run_command
from ipvae.network.io.network_file import write_network

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| `(\w+)` \| (`.*) \|$", re.M)
DOCUMENT = (ROOT / "docs" / "versioning.md").read_text().split("## JSON keys")[1].split("\n## ")[0]
PROMISED = dict(ROW.findall(DOCUMENT))
WORDS = {
    "evaluate": ["--steps", "1,2", "--samples", "3"],
    "check": [],
    "run": ["--samples", "2", "--steps", "3"],
    "report": ["--samples", "2", "--steps", "3"],
    "verify": [],
}


@pytest.fixture(scope="module")
def net(make_network, tmp_path_factory):
    write_network(tmp_path_factory.mktemp("contract") / "net.h5", make_network())
    return next(tmp_path_factory.getbasetemp().glob("contract*/net.h5"))


def test_the_document_promises_for_every_command_that_others_read():
    assert set(PROMISED) == {*WORDS, "doctor"}


@pytest.mark.parametrize("name", WORDS)
def test_promised_keys_are_there(name, net, tmp_path, capsys):
    if name == "verify":  # a recorded trace in Lava's place
        words = ["--samples", "2", "--steps", "3", "--trace", str(tmp_path / "t.h5")]
        assert run_command(["run", str(net), *words]) == 0
        capsys.readouterr()
    more = {
        "report": ["--out", str(tmp_path)],
        "verify": ["--trace", str(tmp_path / "t.h5")],
    }
    assert run_command([name, str(net), *WORDS[name], *more.get(name, []), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    whole, _, of_list = PROMISED[name].partition("(a list of ")
    of_list, _, rest = of_list.partition(")")
    keys = re.findall(r"`(\w+)`", whole + rest)
    assert len(keys) >= 3
    assert set(keys) <= set(found)
    for entry in found[keys[0]] if of_list else []:
        assert set(re.findall(r"`(\w+)`", of_list)) == set(entry)
