"""Files that appear whole or not at all: permissions, what is kept and what is removed."""

import os
import stat

import pytest

from ipvae.errors import InputError
from ipvae.files import atomic_path, atomic_write_all, require_writable_file
from ipvae.network.io.hdf5_child import shown


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_permissions_of_any_new_file(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        with atomic_path(tmp_path / "x") as temporary:
            temporary.write_text("new")
        atomic_write_all(tmp_path, {"y": b"1"})
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    for name in ("x", "y"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode


def test_an_error_keeps_what_was_there_and_leaves_nothing_else(tmp_path):
    (tmp_path / "x").write_text("old")

    def fail():
        with atomic_path(tmp_path / "x") as temporary:
            assert temporary.parent == tmp_path and temporary.name.startswith(".x.")
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_files_are_written_together_or_not_at_all(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "a").write_text("old")
    (tmp_path / "in" / "b").mkdir()
    with pytest.raises(InputError, match="it is a folder"):
        atomic_write_all(tmp_path, {"a": b"new", "in/b": b"new"})
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "in"]
    atomic_write_all(tmp_path, {"a": b"new", "c/d": b"deep"})
    assert ((tmp_path / "a").read_text(), (tmp_path / "c" / "d").read_text()) == ("new", "deep")


def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="it is a device, a pipe or a socket"):
        require_writable_file(tmp_path / "pipe")
    require_writable_file(tmp_path / "deep" / "x")
    assert (tmp_path / "deep").is_dir() and not list((tmp_path / "deep").iterdir())


def test_text_from_files_is_shown_without_what_does_not_print():
    assert shown("plain \u00e9") == "plain \u00e9"
    assert shown("a\x1b[31m\nb\u200f") == "a\\x1b[31m\\nb\\u200f"
    assert shown("x" * 199 + "yz") == "x" * 199 + "y"
    assert shown(12) == "12"
