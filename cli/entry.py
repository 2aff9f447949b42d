"""The console script: one line, too, where a package that the command line needs is broken."""

import json
import os
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

from ipvae.environment import reason

TERMINATED = 128 + signal.SIGTERM


def main() -> None:
    """Run the command line; what does not even import is named, and `doctor` still answers."""
    words = sys.argv[1:]
    if not {"doctor", "-h", "--help", "--version"} & set(words) and not _in_a_folder():
        sys.exit(_line("the working directory is gone: change to one that exists (cd)"))
    warnings.simplefilter("ignore")  # what other packages warn of is no part of an answer
    try:
        from ipvae.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseException as error:  # an import can fail in any way, or even exit
        if not _while_importing(error):
            raise
        sys.exit(_without(error, words))


def _in_a_folder() -> bool:
    """Return whether the working directory still exists."""
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _line(message: str) -> int:
    """Print an error on one line of stderr; the exit status of bad usage."""
    print(f"ipvae: {message}", file=sys.stderr)
    return 2


def _while_importing(error: BaseException) -> bool:
    """Return whether a module is not there, or raised an error when it was imported."""
    if isinstance(error, SystemExit) and error.code == TERMINATED:
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return isinstance(error, ImportError) or any(
        frame.f_code.co_name == "<module>" for frame, _ in frames
    )


def _without(error: BaseException, words: list[str]) -> int:
    """Answer with Python's own modules alone; an exit status."""
    if next((word for word in words if not word.startswith("-")), "") == "doctor":
        return _doctor(words)
    return _line(f"does not start ({reason(error)}); see what is broken with 'ipvae doctor'")


def _doctor(words: list[str]) -> int:
    """`ipvae doctor` without the command line's own packages, which may be what is broken."""
    from ipvae.cli.arguments import with_options
    from ipvae.workflows.doctor import doctor

    started = time.monotonic()
    found = doctor(thorough="--thorough" in words).with_advice(with_options)
    target = _json_target(words)
    data = json.dumps(found.to_json(), indent=2)
    if target is not None and target != "-":
        Path(target).write_text(data + "\n", encoding="utf-8")
    print(data if target == "-" else "\n".join(map(str, found.shown())))
    if "--verbose" in words:
        print(f"looked for {time.monotonic() - started:.1f} s", file=sys.stderr)
    return 0 if found.ok else 1


def _json_target(words: list[str]) -> str | None:
    """Value of --json, as the command line reads it."""
    for i, word in enumerate(words):
        if word.startswith("--json="):
            return word.partition("=")[2]
        if word == "--json":
            return words[i + 1] if i + 1 < len(words) else "-"
    return None


if __name__ == "__main__":
    main()
