"""Imports follow the house's table; files stay small; names resolve in this repository."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = {
    "network": set(),
    "chip": {"network"},
    "evaluation": {"network"},
    "float_models": {"network"},
    "train": {"float_models", "evaluation"},
    "emulator": {"network"},
    "export": {"float_models", "network", "emulator", "evaluation"},
    "lava_procs": {"network"},
    "energy": {"network", "chip"},
    "report": {"network", "chip", "evaluation", "energy"},
    "workflows": {
        *("network", "evaluation", "float_models", "train", "emulator", "export"),
        *("chip", "lava_procs", "energy", "report"),
    },
    "hw_tests": {"network", "lava_procs"},
}
EVERYBODYS = {
    *(
        "compiled",
        "environment",
        "errors",
        "extras",
        "files",
        "json_text",
        "moved",
        "once",
        "outputs",
    ),
    "results",
    "__version__",
}
THIRD_PARTY = {
    "network": {"numpy", "h5py"},
    "chip": {"numpy"},
    "evaluation": {"numpy", "scipy", "sklearn"},
    "emulator": {"numpy", "numba", "llvmlite"},
    "float_models": {"numpy", "safetensors", "numba", "llvmlite"},
    "energy": {"numpy", "sanafe"},
    "report": {"numpy", "matplotlib", "jinja2"},
}
OF_COMMANDS = {
    *(
        "environment",
        "errors",
        "files",
        "signals",
        "streams",
        "workflows",
        "cli",
        "__version__",
    ),
}
"""What commands import of the package, beside its public names."""
CLI_LINES = 2500
"""Lines of cli/, at most."""
OPTIONS_NAMED = {"report/html/verdicts.py"}
"""Files of the library that name options, for now; the list only shrinks."""
TORCH = {"train", "lava_procs"}
LAVA = {"lava_procs", "hw_tests"}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_package_imports_only_what_the_table_allows(package):
    assert sources(package)
    for file in sources(package):
        ours = {n.split(".")[1] for n in imports(file) if n.startswith("ipvae.")}
        assert ours <= ALLOWED[package] | {package} | EVERYBODYS, file


@pytest.mark.parametrize("package", THIRD_PARTY)
def test_package_imports_only_its_third_parties(package):
    for file in sources(package):
        tops = {n.split(".")[0] for n in imports(file)} - {"ipvae"} - sys.stdlib_module_names
        assert tops <= THIRD_PARTY[package], file


def test_torch_and_lava_stay_behind_their_packages():
    for package in (*ALLOWED, "cli"):
        for file in sources(package):
            tops = {n.split(".")[0] for n in imports(file)}
            assert "torch" not in tops or package in TORCH, file
            assert "lava" not in tops or package in LAVA, file


def test_nothing_imports_cli():
    for package in ALLOWED:
        for file in sources(package):
            assert not any(n.startswith("ipvae.cli") for n in imports(file)), file


def test_every_package_resolves_inside_this_repository():
    for package in (*(set(ALLOWED) - {"hw_tests"}), "cli"):
        spec = importlib.util.find_spec(f"ipvae.{package}")
        assert spec is not None and spec.origin is not None
        assert Path(spec.origin).resolve() == ROOT / package / "__init__.py"


def test_wheel_holds_every_package():
    listed = set(re.findall(r'"(ipvae[\w.]*)",\n', (ROOT / "pyproject.toml").read_text()))
    folders = {f.parent for p in (*ALLOWED, "cli") for f in sources(p) if p != "hw_tests"}
    assert listed == {"ipvae"} | {
        "ipvae." + ".".join(folder.relative_to(ROOT).parts) for folder in folders
    }


def test_no_file_is_over_400_lines():
    files = [f for p in (*ALLOWED, "cli", "tests") for f in sources(p)]
    assert {f: n for f in files if (n := len(f.read_text().splitlines())) > 400} == {}


FOLDER_FILES = 12
LISTS = {"cli/commands", "workflows", "tests/cli/commands", "tests/support", "tests/workflows"}
LIST_FILES = 20


def test_no_folder_holds_more_than_a_dozen_files():
    """Lists of one thing may hold twenty; an empty `__init__.py` counts as none."""
    folders = {f.parent for p in (*ALLOWED, "cli", "tests", "scripts") for f in sources(p)}
    for folder in folders:
        files = [f for f in folder.glob("*.py") if f.name != "__init__.py"]
        most = LIST_FILES if str(folder.relative_to(ROOT)) in LISTS else FOLDER_FILES
        assert len(files) <= most, (folder, len(files))


def test_no_registry_address_is_committed():
    for file in (ROOT / "requirements").iterdir():
        assert "://" not in file.read_text(), file


def test_commands_import_the_public_interface_and_workflows():
    found = {}
    for file in sources("cli"):
        names = imports(file)
        ours = {n for n in names if n.startswith("ipvae.") and n.split(".")[1] not in OF_COMMANDS}
        tops = {n.split(".")[0] for n in names} - sys.stdlib_module_names
        if ours or tops - {"ipvae", "typer", "rich"}:
            found[file.stem] = sorted(ours)
    assert found == {}


def test_the_command_line_is_thin():
    assert sum(len(f.read_text().splitlines()) for f in sources("cli")) <= CLI_LINES


def test_workflows_neither_print_nor_know_the_command_line():
    for file in sources("workflows"):
        text = file.read_text()
        assert not re.search(r"\bprint\(|sys\.argv|signal\.signal", text), file
        assert not {n.split(".")[0] for n in imports(file)} & {"typer", "rich", "click"}, file


@pytest.mark.parametrize("package", sorted(set(ALLOWED) - {"hw_tests"}))
def test_the_library_neither_prints_nor_draws_on_a_terminal(package):
    for file in sources(package):
        assert not re.search(r"\bprint\(", file.read_text()), file
        assert not {n.split(".")[0] for n in imports(file)} & {"typer", "rich", "click"}, file


def test_messages_of_the_library_name_arguments_not_options():
    """The command line turns arguments into options; a whole command may be named."""
    for package in set(ALLOWED) - {"hw_tests"}:
        for file in sources(package):
            if str(file.relative_to(ROOT)) in OPTIONS_NAMED:
                continue
            for text in texts(file):
                for found in re.finditer(r"(?:^|[\s'\"(`])--[a-z]", text):
                    assert re.search(r"\bipvae [a-z]+[^;]*$", text[: found.start()]), (file, text)


def texts(file: Path) -> list[str]:
    """Strings of a file that are no docstrings; f-strings with {} for their values."""
    tree = ast.parse(file.read_text())
    skipped = {
        id(child)
        for node in ast.walk(tree)
        for child in (
            node.values
            if isinstance(node, ast.JoinedStr)
            else [node.value]
            if isinstance(node, ast.Expr)
            else []
        )
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and id(node) not in skipped:
            found.append(str(node.value))
    return found
