"""The wheel holds every package and model, nothing else, and works where it alone is installed."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import ipvae

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    link.name: link.resolve().relative_to(ROOT)
    for link in sorted((ROOT / "ipvae").iterdir())
    if link.is_symlink()
}
"""Folders of the package, and where they are in the repository."""
PACKAGES = [name for name in FOLDERS if name not in ("models", "vectors")]
FILES = (
    *("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md"),
    *("CHANGELOG.md", "CITATION.cff"),
)
UV = Path(sys.executable).with_name("uv")
BUILD = "import setuptools.build_meta as b, sys; getattr(b, sys.argv[1])(sys.argv[2])"
needs_uv = pytest.mark.skipif(not UV.exists(), reason="uv, which installs it, is not beside Python")


def built(tree, kind, folder):
    """Build with this environment's setuptools, without the network; the file."""
    pytest.importorskip("setuptools")
    words = [sys.executable, "-W", "error", "-c", BUILD, f"build_{kind}", str(folder)]
    subprocess.run(words, cwd=tree, check=True, capture_output=True, timeout=100)
    (file,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return file


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what is built, since a build leaves files behind."""
    copy = tmp_path_factory.mktemp("tree")
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    skipped = shutil.ignore_patterns("__pycache__")
    for name in (Path("ipvae"), *FOLDERS.values()):
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
        f"ipvae/{name}/{file.relative_to(ROOT / place)}"
        for name, place in FOLDERS.items()
        for file in (ROOT / place).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    held = names(wheel)
    described = {name for name in held if re.match(r"ipvae_loihi-[\w.]+\.dist-info/", name)}
    assert held - described == in_tree
    assert {name.rsplit("/", 1)[1] for name in described} >= {
        *("METADATA", "LICENSE", "THIRD_PARTY_NOTICES.md", "RECORD")
    }


def test_the_wheel_states_what_it_needs(wheel):
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
    pythons = re.findall(
        r"^Classifier: Programming Language :: Python :: (3\.\d+)$", metadata, re.M
    )
    assert pythons == ["3.10", "3.11", "3.12", "3.13"]
    assert "\nLicense-Expression: BSD-3-Clause\n" in metadata
    assert "\nKeywords: neuromorphic,Loihi 2,Lava," in metadata


def test_version_and_authors_are_the_same_everywhere(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (place,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        metadata = archive.read(place).decode()
    citation = (ROOT / "CITATION.cff").read_text().split("references:")[0]
    found = {
        "metadata": re.findall(r"^Version: (.+)$", metadata, re.M),
        "citation": re.findall(r"^version: (.+)$", citation, re.M),
        "changelog": re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[:1],
    }
    assert found == {place: [ipvae.__version__] for place in found}
    assert re.findall(r"^Author: (.+)$", metadata, re.M) == re.findall(r'name: "(.+)"', citation)


def test_a_wheel_from_the_source_archive_is_the_same(tree, wheel, tmp_path):
    archive = built(tree, "sdist", tmp_path)
    with tarfile.open(archive) as packed:
        beside = {name.split("/", 1)[1] for name in packed.getnames() if name.count("/") == 1}
        assert {*FILES, "PKG-INFO"} <= beside and "tests" not in beside
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
def test_shipped_models_are_in_the_wheel(installed):
    code = "import ipvae; [ipvae.load_model(m) for m in ipvae.shipped_models()]; " + (
        "print(*ipvae.shipped_models())"
    )
    assert installed("python", "-c", code) == "mnist patches photographs\n"


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
