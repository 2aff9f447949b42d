"""Other processors than this one get the same bits: the kernels as numba compiles them for those.

A child process has numba compile for a processor by name, with no more instructions than that
processor has, and runs on this one. This proves the code that replaces AVX-512 and the matrix
registers, on x86-64: the conformance vectors of docs/vectors and the shipped models give the stored
values. It does not prove that LLVM's code for ARM64 is right, since no ARM machine is at hand; the
last test shows only that the same instructions can be translated to it.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import pytest

import ipvae
from ipvae.emulator.recording import run
from ipvae.network.io.network_file import write_network
from ipvae.network.traces.trace import write_trace

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "docs" / "vectors" / "runs"
NETWORK, TRACE = ".net.h5", ".trace.h5"
STEPS, IMAGES, SEED = 64, 3, 5

QUICK = ("edges", "errors")
"""Vectors of few kinds of layers: every kind compiles the kernels once more."""

CHECK = """
import json, sys
from pathlib import Path
from ipvae.emulator.recording import run
from ipvae.emulator.simd import amx, kernels
from ipvae.network.io.network_file import read_network
from ipvae.network.traces.trace import compare, read_trace
found = {}
for path in map(Path, sys.argv[1:]):
    name = path.name.split(".")[0]
    network, expected = read_network(path), read_trace(path.with_name(f"{name}.trace.h5"))
    images = network.test_images[: len(expected.samples)]
    same = compare(expected, run(network, images, expected.steps, expected.seed))
    found[name] = str(same.first_divergence) if same.first_divergence else ""
code = "".join(
    text for k in (kernels.run_poisson, kernels.run_graded) for text in k.inspect_asm().values()
)
print(json.dumps({
    "first_divergences": found,
    "registers": [r for r in ("%xmm", "%ymm", "%zmm", "%tmm") if r in code],
    "matrix": amx.available(),
}))
"""

PROCESSORS = {
    "none of AVX": ("generic", "", ["%xmm"]),
    "AVX2": ("haswell", "+avx,+avx2,+fma,+bmi,+bmi2,+popcnt", ["%xmm", "%ymm"]),
}

TRANSLATE = """
import sys
import llvmlite.binding as llvm
from ipvae.emulator.recording import run
from ipvae.emulator.simd import kernels
from ipvae.network.io.network_file import read_network
network = read_network(sys.argv[1])
run(network, network.test_images, 1, 0)
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
for triple, name in (("aarch64-unknown-linux-gnu", "generic"), ("arm64-apple-darwin", "apple-m1")):
    target = llvm.Target.from_triple(triple).create_target_machine(cpu=name, opt=2)
    for kernel in (kernels.run_poisson, kernels.run_graded):
        text = next(iter(kernel.inspect_llvm().values()))
        module = llvm.parse_assembly(text)
        module.triple, module.data_layout = triple, str(target.target_data)
        module.verify()
        code = target.emit_assembly(module)
        print(kernel.py_func.__name__, code.count(".4s"))
"""

needs_x86 = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="names of x86-64 processors"
)


def as_on(folder, name, features, program, paths):
    """Run a program where numba compiles for a named processor, with an empty cache; its output."""
    given = {
        "NUMBA_CPU_NAME": name,
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(folder / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, paths)],
        env={**os.environ, **given},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def require_same(folder, processor, paths):
    """The processor's instructions are used, no others, and every trace is the stored one."""
    name, features, registers = PROCESSORS[processor]
    found = json.loads(as_on(folder, name, features, CHECK, paths))
    assert (found["registers"], found["matrix"]) == (registers, False)
    assert found["first_divergences"] == {path.name.split(".")[0]: "" for path in paths}


def stored(folder, networks):
    """Files of networks, beside their traces as this processor computes them."""
    for name, network in networks.items():
        write_network(folder / f"{name}{NETWORK}", network)
        trace = run(network, network.test_images[:IMAGES], STEPS, SEED)
        write_trace(folder / f"{name}{TRACE}", trace)
    return [folder / f"{name}{NETWORK}" for name in networks]


@needs_x86
def test_conformance_vectors_without_any_avx(tmp_path):
    require_same(tmp_path, "none of AVX", [VECTORS / f"{name}{NETWORK}" for name in QUICK])


@needs_x86
@pytest.mark.long
@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_vector_a_shipped_model_and_every_kind(tmp_path, layered, processor):
    vectors = sorted(VECTORS.glob(f"*{NETWORK}"))
    assert len(vectors) == 20
    networks = {f"kind {i}": network for i, network in enumerate(layered(2).values())}
    networks["patches"] = ipvae.quantize("patches").network
    require_same(tmp_path, processor, [*vectors, *stored(tmp_path, networks)])


@needs_x86
def test_the_same_kernels_translate_to_arm64(tmp_path):
    """LLVM makes code for Linux and macOS on ARM64, with its vectors of four int32 (`v0.4s`)."""
    llvm.initialize_all_targets()
    try:
        llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("this llvmlite was built for its own processor alone")
    lines = as_on(tmp_path, "generic", "", TRANSLATE, [VECTORS / f"errors{NETWORK}"]).splitlines()
    assert len(lines) == 4 and all(int(line.split()[1]) > 100 for line in lines), lines
