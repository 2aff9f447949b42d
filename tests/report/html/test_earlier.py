"""What an earlier report left in the folder."""

import pytest

from ipvae import files
from ipvae.files import atomic_write_all
from ipvae.report.html.earlier import leftovers, remove


def test_what_an_earlier_report_left_is_removed_if_it_is_ours(whole, tmp_path):
    new = {name: text for name, text in whole.items() if "weights" not in name}
    atomic_write_all(tmp_path, whole)
    (tmp_path / "figures" / "mine.svg").write_text("mine")
    old = leftovers(tmp_path, new)
    assert {p.name for p in old} == {"weights-1.svg", "weights-1.png"}
    remove(old)
    kept = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert kept == {*new, "figures/mine.svg"}
    remove(leftovers(tmp_path, ["report.json"]))
    assert [p.name for p in tmp_path.rglob("*")] == ["figures", "mine.svg"]
    (tmp_path / "index.html").write_text("a user's page")
    (tmp_path / "figures" / "raster.svg").write_text("a user's figure")
    assert leftovers(tmp_path, ["report.json"]) == []


def test_an_interrupt_before_the_last_file_is_on_the_disk_leaves_all_as_they_were(
    tmp_path, monkeypatch
):
    atomic_write_all(tmp_path, {"a": b"old", "b": b"old"})
    settle, done = files._flush_to_disk, []

    def interrupted(temporary):
        done.append(temporary)
        if len(done) == 2:
            raise KeyboardInterrupt
        settle(temporary)

    monkeypatch.setattr(files, "_flush_to_disk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write_all(tmp_path, {"a": b"new", "b": b"new"})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"old", "b": b"old"}
