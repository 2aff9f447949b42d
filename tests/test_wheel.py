"""The wheel holds every package and nothing else, and works where it alone is installed."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = sorted(link.name for link in (ROOT / "ipvae").iterdir() if link.is_symlink())
UV = Path(sys.executable).with_name("uv")
BUILD = "import setuptools.build_meta as b, sys; getattr(b, sys.argv[1])(sys.argv[2])"
needs_uv = pytest.mark.skipif(not UV.exists(), reason="uv, which installs it, is not beside Python")


def built(tree, kind, folder):
    """Build with this environment's setuptools, without the network; the file."""
    pytest.importorskip("setuptools")
    words = [sys.executable, "-W", "ignore", "-c", BUILD, f"build_{kind}", str(folder)]
    subprocess.run(words, cwd=tree, check=True, capture_output=True, timeout=100)
    (file,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return file


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what is built, since a build leaves files behind."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("ipvae", *PACKAGES):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=skipped)
    return copy


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory):
    return built(tree, "wheel", tmp_path_factory.mktemp("dist"))


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    in_tree = {f"ipvae/{file.name}" for file in (ROOT / "ipvae").iterdir() if file.is_file()} | {
        f"ipvae/{file.relative_to(ROOT)}"
        for name in PACKAGES
        for file in (ROOT / name).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    held = names(wheel)
    described = {name for name in held if re.match(r"ipvae_loihi-[\w.]+\.dist-info/", name)}
    assert held - described == in_tree
    assert {name.rsplit("/", 1)[1] for name in described} >= {"METADATA", "LICENSE", "RECORD"}


def test_the_wheel_says_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (place,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = archive.read(place).decode()
    extras = set(re.findall(r"^Provides-Extra: ([\w-]+)$", metadata, re.M))
    assert extras >= {"train", "lava", "lava-dl", "report", "scale", "nir", "sanafe", "all"}
    needs = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: lava-")]
    assert len(needs) == 2
    assert all('python_version < "3.11"' in line and 'extra == "lava' in line for line in needs)
    core = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", metadata, re.M)
    assert core == ["numpy", "h5py", "numba", "safetensors", "typer", "rich"]
    assert "Requires-Python: <3.14,>=3.10" in metadata


def test_a_wheel_from_the_source_archive_is_the_same(tree, wheel, tmp_path):
    archive = built(tree, "sdist", tmp_path)
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path / "out", filter="data")
    (unpacked,) = (tmp_path / "out").iterdir()
    again = built(unpacked, "wheel", tmp_path)
    assert names(again) == names(wheel)
    with zipfile.ZipFile(again) as a, zipfile.ZipFile(wheel) as b:
        assert all(a.read(name) == b.read(name) for name in a.namelist() if name.endswith(".py"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run a command of the wheel alone, in a folder elsewhere.

    Its environment sees the packages of this one, but not the toolchain that is installed here:
    Python follows no link of a folder that a link names.
    """
    place = tmp_path_factory.mktemp("clean")
    python = place / "env" / "bin" / "python"
    made = [sys.executable, "-m", "venv", "--without-pip", str(place / "env")]
    subprocess.run(made, check=True, timeout=60)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = place / "env" / "lib" / version / "site-packages"
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [UV, "pip", "install", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    (place / "elsewhere").mkdir()

    def run(*words):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(place), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [str(python.parent / words[0]), *map(str, words[1:])],
            cwd=place / "elsewhere",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    return run


@needs_uv
def test_the_installed_wheel_is_what_runs(installed):
    import ipvae

    assert installed("ipvae", "--version") == f"ipvae {ipvae.__version__}\n"
    code = (
        "import importlib, sys\n"
        f"for name in {[n for n in PACKAGES if n != 'lava_procs']}:\n"
        "    module = importlib.import_module('ipvae.' + name)\n"
        "    assert module.__file__.startswith(sys.prefix), module.__file__\n"
        "import ipvae.cli.main, ipvae.workflows.doctor.child\n"
    )
    installed("python", "-c", code)


@needs_uv
@pytest.mark.long
def test_the_chain_works_from_the_installed_wheel(installed):
    assert "the core chain works here" in installed("ipvae", "doctor")
    tiny = ("--preset", "digits", "--latents", "16", "--epochs", "1")
    installed("ipvae", "train", *tiny, "--out", "run")
    installed("ipvae", "export", "run", "--out", "net.h5", "--most-loss", "9")
    installed("ipvae", "export", "run", "--out", "net.nir")
    installed("ipvae", "import", "net.nir", "--out", "back")
    installed("ipvae", "check", "net.h5")
    installed("ipvae", "run", "net.h5", "--backend", "emulator", "--samples", "4", "--steps", "8")
    installed("ipvae", "report", "net.h5", "--out", "report", "--samples", "4", "--steps", "8")
