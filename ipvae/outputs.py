"""Rule of overwriting for every file and folder that is written (docs/outputs.md).

Results (models, networks, traces) are replaced only on request. Pages, comparisons, pictures and
JSON replace an earlier output of the same command. Any other file, and an input of the same
command, is never replaced. All outputs are checked before the work begins.
"""

import mmap
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ipvae.errors import InputError
from ipvae.files import probe_file, probe_folder, require_file_or_nothing, unwritable

Kind = Callable[[Path], bool]
"""Test whether a file is an earlier result of the kind to be written."""

NETWORK_MARK = b"ipvae-loihi network\n"
PICTURE_MARK = "ipvae-loihi"
"""Value of the key Source in PNG files."""
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PNG = b"\x89PNG\r\n\x1a\n"
_TRACE_MARK = b"network_checksum\0"
_NIR_MARKS = (b"ipvae-loihi float model", b"ipvae-loihi integer network")
LAVA_DL_MARK = b"ipvae-loihi network in lava-dl's layout"
_GRAPH_MARK = b"ipvae-loihi spiking graph"
_PROFILE = re.compile(rb"num_steps(,\w+)*\n[\d.,e+-]+\n?\Z")
_HEAD_BYTES = 4096
_MOST_HEADER, _MOST_PROFILE = 2**26, 2**20
GENERATOR = "generator"
"""First key of JSON files: the command that wrote them."""
RUN_FILES = ("model.json", "model.safetensors", "metrics.jsonl", "resume.safetensors")
"""Files of a trained model's folder."""
UNFINISHED = "resume.safetensors"


@dataclass(frozen=True)
class Output:
    """A file, or a folder of files, to be written.

    Attributes
    ----------
    name : str
        Name of its argument, such as 'trace_file'; empty for the only output of a method.
    path : Path
    files : tuple of Path
        All files that are written; `path` itself if it is not a folder.
    what : str
        Noun with its article, for messages: 'a network file of ipvae'.
    kind : callable
        Returns whether an existing file of `files` is an earlier result.
    overwrite : bool
        Whether earlier results may be replaced.
    is_folder : bool
    makes_folder : bool
        Whether a missing folder of a file is created.
    refusal : str
        Message if there is an earlier result and `overwrite` is False.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    what: str
    kind: Kind
    overwrite: bool = False
    is_folder: bool = False
    makes_folder: bool = True
    refusal: str = ""

    def require_replaceable(self) -> None:
        """Raise InputError if one of the files exists and may not be replaced."""
        for file in self.files:
            if is_free(file):
                continue
            shown = file if self.is_folder else self.path
            where = f"{self.name}: {shown}" if self.name else f"{shown}:"
            require_file_or_nothing(file)
            if not self.kind(file):
                raise InputError(
                    f"{where} already exists and is not {self.what}; it is never replaced. Choose "
                    "another path, or remove it first."
                )
            if not self.overwrite:
                raise InputError(
                    self.refusal
                    or f"{where} already exists. Pass overwrite=True to replace it, or another "
                    "path."
                )
            if not os.stat(file).st_mode & 0o222:
                raise InputError(
                    f"{where} already exists and is write-protected. Choose another path, or "
                    "remove the protection (chmod u+w)."
                )

    def require_writable(self) -> None:
        """Raise InputError if the output cannot be written; leave nothing behind."""
        if self.is_folder:
            probe_folder(self.path)
            for folder in {file.parent for file in self.files} - {self.path}:
                if os.path.lexists(folder):
                    probe_folder(folder)
        else:
            probe_file(self.path, make=self.makes_folder)


def require_outputs(outputs: Iterable[Output], inputs: Mapping[str, object] | None = None) -> None:
    """Check, before the work, that all outputs can be written and overwrite nothing else.

    Parameters
    ----------
    outputs : Output
    inputs : mapping of name -> path, a sequence of paths, or anything else, which is no file
        Inputs of the same command; a folder means the files in it.

    Raises
    ------
    InputError
        If an output is an input or another output (by path, link or hard link), would replace a
        file that must be kept, or cannot be written. Nothing is left behind.
    """
    outputs = list(outputs)
    _require_distinct(outputs, inputs or {})
    for output in outputs:
        try:
            output.require_replaceable()
            output.require_writable()
        except OSError as error:
            raise InputError(f"{output.path}: {unwritable(error)}") from error
        except InputError as error:
            named = output.name and not str(error).startswith(output.name)
            if named and not output.refusal:
                error.args = (f"{output.name}: {error}",)
            raise


def _require_distinct(outputs: Sequence[Output], inputs: Mapping[str, object]) -> None:
    """Raise InputError if an output is also an input or another output."""
    read = [(name, path) for name, given in inputs.items() for path in _paths(given)]
    written: dict[Path, str] = {}
    for output in outputs:
        for file in output.files:
            name = _input_of(file, read) or written.get(_resolved(file), "")
            if name:
                shown = file if output.is_folder else output.path
                head = f"{output.name}: found {shown}" if output.name else f"{shown}: found it"
                raise InputError(f"{head}, which is {name} too; give another path")
        written.update((_resolved(file), output.name or str(output.path)) for file in output.files)


def _paths(given: object) -> list[Path]:
    """Paths in a value; an array or another object has none."""
    if isinstance(given, (str, Path)):
        return [Path(given)]
    if isinstance(given, (list, tuple)):
        return [Path(one) for one in given if isinstance(one, (str, Path))]
    return []


def _input_of(file: Path, read: Sequence[tuple[str, Path]]) -> str:
    """Name of the input that is this file, by path, link or hard link; else empty."""
    there = _status(file)
    for name, path in read:
        if _resolved(path) == _resolved(file):
            return name
        found = _status(path)
        if there is None or found is None:
            continue
        if os.path.samestat(there, found):
            return name
        held = _held(path, there) if stat.S_ISDIR(found.st_mode) else ""
        if held:
            return f"{name}'s {held}"
    return ""


def _held(folder: Path, wanted: os.stat_result) -> str:
    """Return the name of a file in the folder of a model or of pictures; else empty."""
    names = RUN_FILES
    if _status(folder / "model.json") is None:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_symlink() or e.inode() == wanted.st_ino]
    for name in names:
        found = _status(folder / name)
        if found is not None and os.path.samestat(found, wanted):
            return name
    return ""


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _resolved(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def is_free(path: Path) -> bool:
    """Return whether a path has no file, or an empty one."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def head(path: Path, size: int = _HEAD_BYTES) -> bytes:
    """Return the first bytes of a file; empty if it is not a file or cannot be read."""
    try:
        held = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(held, "rb") as file:
        return file.read(size) if stat.S_ISREG(os.fstat(held).st_mode) else b""


def is_network(path: Path) -> bool:
    """Return whether a file is a network file of ipvae."""
    return head(path).startswith(NETWORK_MARK)


def is_trace(path: Path) -> bool:
    """Return whether a file is a trace, or recorded draws, of ipvae."""
    return head(path).startswith(_HDF5) and _contains(path, _TRACE_MARK)


def is_nir(path: Path) -> bool:
    """Return whether a file is a NIR graph written by ipvae."""
    return head(path).startswith(_HDF5) and any(_contains(path, mark) for mark in _NIR_MARKS)


def is_profile(path: Path) -> bool:
    """Return whether a file is a profile of a board written by ipvae (CSV)."""
    return _PROFILE.match(head(path, _MOST_PROFILE)) is not None


def is_picture(path: Path) -> bool:
    """Return whether a file is a PNG picture written by ipvae."""
    found = head(path)
    return found.startswith(_PNG) and b"tEXtSource\0" + PICTURE_MARK.encode() in found


def is_json_of(command: str) -> Kind:
    """Return the test for JSON written by a command."""
    start = re.compile(rb'\s*\{\s*"generator"\s*:\s*"' + re.escape(command).encode() + rb'"')
    return lambda path: start.match(head(path)) is not None


def is_run_file(path: Path) -> bool:
    """Return whether a file of a trained model's folder has the contents that its name implies."""
    if path.suffix == ".png":
        return is_picture(path)
    if path.name == "metrics.jsonl":
        return head(path).lstrip().startswith(b'{"epoch"')
    if path.name == "model.json":
        return re.search(rb'"kind":\s*"ipvae"', head(path)) is not None
    header = _safetensors_header(path)
    if path.name == UNFINISHED:  # a damaged one is recognised by the files next to it
        beside = [path.with_name(name) for name in ("metrics.jsonl", "model.json")]
        ours = b'"training":' in header and b'"mark":' in header
        return ours or any(f.exists() and (is_free(f) or is_run_file(f)) for f in beside)
    description = path.with_name("model.json")
    return b'"pair":' in header or (description.exists() and is_run_file(description))


def _safetensors_header(path: Path) -> bytes:
    size = int.from_bytes(head(path, 8), "little")
    return head(path, 8 + size)[8:] if size <= _MOST_HEADER else b""


def _contains(path: Path, mark: bytes) -> bool:
    """Return whether bytes occur in a file, of any size."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(mark) >= 0
    except (OSError, ValueError):
        return False


def file_output(
    name: str, path: str | Path, what: str, kind: Kind, *, overwrite: bool = False
) -> Output:
    """Return the output for one file."""
    return Output(name, Path(path), (Path(path),), what, kind, overwrite)


def network_output(path: str | Path, *, overwrite: bool, name: str = "") -> Output:
    """Return the output for a network file."""
    return file_output(name, path, "a network file of ipvae", is_network, overwrite=overwrite)


def trace_output(path: str | Path, *, overwrite: bool, name: str = "") -> Output:
    """Return the output for a trace or recorded draws."""
    return file_output(name, path, "a trace of ipvae", is_trace, overwrite=overwrite)


def nir_output(path: str | Path, *, overwrite: bool, name: str = "") -> Output:
    """Return the output for a NIR file."""
    what = "a NIR file of ipvae"
    return file_output(name, path, what, is_nir, overwrite=overwrite)


def profile_output(path: str | Path, *, overwrite: bool, name: str = "") -> Output:
    """Return the output for the profile of a board."""
    what = "a profile of a board"
    return file_output(name, path, what, is_profile, overwrite=overwrite)


def json_output(path: str | Path, command: str, *, name: str = "json") -> Output:
    """Return the output for the JSON of a command; its folder is not created."""
    what, file = f"a result of '{command}'", Path(path)
    return Output(name, file, (file,), what, is_json_of(command), True, makes_folder=False)


def pictures_output(folder: str | Path, names: Iterable[str], *, name: str = "pictures") -> Output:
    """Return the output for a folder of pictures."""
    files = tuple(Path(folder, one) for one in names)
    return Output(name, Path(folder), files, "a picture of ipvae", is_picture, True, True)


def run_output(
    folder: str | Path,
    *,
    overwrite: bool,
    name: str = "out",
    pictures: Iterable[str] = (),
) -> Output:
    """Return the output for the folder of a trained model."""
    folder = Path(folder)
    files = tuple(folder / one for one in (*RUN_FILES, *pictures))
    refusal = (
        f"{folder}: holds a model already. Pass overwrite=True to replace it, or another folder."
    )
    if not is_free(folder / UNFINISHED):
        refusal = (
            f"{folder}: holds an unfinished training ({UNFINISHED}). Continue it with "
            "resume=True, give it up with overwrite=True, or choose another out=."
        )
    return Output(
        name,
        folder,
        files,
        "a file of a model of ipvae",
        is_run_file,
        overwrite,
        True,
        refusal=refusal,
    )


def is_lava_dl_file(path: Path) -> bool:
    """Return whether ipvae wrote a file in lava-dl's layout."""
    return head(path).startswith(_HDF5) and LAVA_DL_MARK in head(path, _MOST_PROFILE)


def lava_dl_output(path: str | Path, *, overwrite: bool, name: str = "") -> Output:
    """Return the output for a file in lava-dl's layout."""
    what = "a lava-dl file of ipvae"
    return file_output(name, path, what, is_lava_dl_file, overwrite=overwrite)


def is_graph_file(path: Path) -> bool:
    """Return whether a file belongs to the folder of an imported spiking network."""
    description = path.with_name("model.json")
    return description.is_file() and _GRAPH_MARK in head(description)


def graph_output(folder: str | Path, *, overwrite: bool, name: str = "") -> Output:
    """Return the output for the folder of an imported spiking network."""
    folder = Path(folder)
    files = (folder / "graph.nir", folder / "model.json")
    what = "a file of an imported network of ipvae"
    refusal = f"{folder}: holds a network already. Pass overwrite=True, or another folder."
    return Output(name, folder, files, what, is_graph_file, overwrite, True, refusal=refusal)
