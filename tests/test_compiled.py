# pyright: reportPrivateImportUsage=false, reportAttributeAccessIssue=false
"""Compiled functions work without a cache on the disk, and it is said why they are not kept."""

import logging
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba.core import caching
from numba.core.registry import cpu_target

from ipvae import compiled as compiling_of_all
from ipvae.compiled import compiled, inner, is_kept
from ipvae.emulator.engine import Emulator
from ipvae.emulator.simd import compiling
from ipvae.errors import BackendError


@pytest.fixture
def add(monkeypatch, tmp_path):
    """Function that compiles an addition; its cache lies in a folder of the test."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling_of_all, "_reported", [])

    def compile_it():
        def add(a, b):
            return a + b

        return compiled()(add)

    return compile_it


def files(folder):
    return sorted(path.suffix for path in folder.rglob("*") if path.is_file())


def test_a_compiled_function_is_kept_and_found_again(add, tmp_path):
    kernel = add()
    assert is_kept(kernel) and kernel(2, 3) == 5
    assert files(tmp_path) == [".nbc", ".nbi"]
    again = add()
    assert again(2, 3) == 5 and sum(again.stats.cache_hits.values()) == 1


def test_without_any_folder_it_is_compiled_all_the_same(add, monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    kernel = add()
    assert not is_kept(kernel) and kernel(2, 3) == 5


def test_a_cache_that_cannot_be_written_is_named_once(add, monkeypatch, tmp_path, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_data", full)
    with caplog.at_level(logging.WARNING, "ipvae"):
        kernel = add()
        assert (kernel(2, 3), kernel(2.0, 3.0)) == (5, 5.0)
    assert len(caplog.messages) == 1
    assert str(tmp_path) in caplog.text
    assert "No space left on device" in caplog.text and "NUMBA_CACHE_DIR" in caplog.text


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", [b"", b"\x80\x04no pickle", b"\x80\x04]q\x00."])
def test_a_damaged_cache_is_no_error(add, tmp_path, suffix, damage):
    assert add()(2, 3) == 5
    for path in tmp_path.rglob(f"*{suffix}"):
        path.write_bytes(damage)
    assert add()(2, 3) == 5


def test_what_will_be_compiled_at_every_start_is_reported(make_network, monkeypatch):
    network, seen = make_network(), []
    monkeypatch.setattr(compiling, "_ready", lambda _: False)
    monkeypatch.setattr(compiling, "is_kept", lambda _: False)
    Emulator(network, on_message=seen.append).totals(network.test_images, 2, 0)
    assert seen == [compiling.NOT_KEPT]
    assert "at every start" in seen[0] and "NUMBA_CACHE_DIR" in seen[0] and "once" not in seen[0]


def test_numba_that_is_switched_off_is_one_line(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    with pytest.raises(BackendError, match="NUMBA_DISABLE_JIT is set, .*; unset it$"):
        compiled()


@pytest.mark.parametrize("module", ["emulator.simd.kernels", "float_models.inference.kernels"])
def test_kernels_of_a_numba_that_is_switched_off_are_one_line(module):
    code = (
        "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'\n"
        "from ipvae.errors import BackendError\n"
        f"try:\n    import ipvae.{module}\nexcept BackendError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "NUMBA_DISABLE_JIT is set" in done.stdout and done.stderr == ""


def test_inner_functions_are_compiled_as_a_part_of_their_kernel(monkeypatch, tmp_path):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    finished = []
    library = cpu_target.target_context.codegen()._library_class
    finalize = library._finalize_final_module
    monkeypatch.setattr(
        library, "_finalize_final_module", lambda of: (finished.append(of.name), finalize(of))
    )

    @inner(nogil=True)
    def twice(a):
        return a + a

    @inner(nogil=True)
    def checked(a):
        if a < 0:
            raise ValueError("negative")
        return twice(a) + 1

    def sums_of_parts(a):
        return checked(a) + twice(a)

    kernel = compiled()(sums_of_parts)
    assert [kernel(n) for n in (0, 3)] == [1, 13]
    with pytest.raises(ValueError, match="negative"):
        kernel(-1)
    own = [name for name in finished if "test_inner_functions" in name]
    assert own and all("sums_of_parts" in name for name in own)
    assert cpu_target.target_context.codegen()._library_class is library
    again = compiled()(sums_of_parts)
    assert again(3) == 13 and sum(again.stats.cache_hits.values()) == 1


def test_other_functions_of_a_process_compile_as_before():
    assert numba.njit(lambda a: np.sqrt(a).sum())(np.ones(4)) == 4


@pytest.mark.parametrize("own", [True, False])
def test_a_command_compiles_without_looking_for_blas(own, tmp_path):
    pytest.importorskip("scipy")
    program = f"""
import sys
from ipvae import compiled
from ipvae.environment import process
process["own"] = {own}
assert compiled.compiled()(lambda a: a + 1)(2) == 3
print("scipy.linalg" in sys.modules)
import scipy.linalg.cython_blas
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(not own)]
