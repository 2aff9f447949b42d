"""The page on the code's layout names files that exist; the page for users of lava-dl runs."""

import re
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = (ROOT / "docs" / "code_layout.md").read_text()


def test_every_file_of_the_page_exists():
    files = re.findall(r"`((?:\w+/)+\w+\.py)`", LAYOUT)
    assert len(files) > 20
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_room_is_on_the_page():
    rooms = [p.parent.name for p in ROOT.glob("*/__init__.py")]
    assert len(rooms) > 10
    assert [room for room in rooms if f"`{room}/`" not in LAYOUT] == []


@pytest.mark.lava
def test_the_program_for_users_of_lava_dl_runs(capsys):
    net = Path(sysconfig.get_path("purelib"), "tests", "lava", "lib", "dl", "netx", "mnist.net")
    text = (ROOT / "docs" / "from_lava_dl.md").read_text()
    found = re.search(r"^    import numpy.*?(?=\n\n)", text, re.M | re.S)
    assert found is not None
    program = "\n".join(line[4:] for line in found[0].splitlines())
    exec(program.replace("FILE.net", str(net)), {"__name__": "page"})
    assert "synaptic_ops" in capsys.readouterr().out
