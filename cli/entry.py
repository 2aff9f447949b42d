"""Console script; it reports broken packages of the command line in one line."""

import json
import os
import sys
import time
import traceback
import warnings

from ipvae.environment import reason
from ipvae.errors import IpvaeError
from ipvae.signals import came, listen
from ipvae.streams import discard, escape_unknown_characters, open_closed_streams, write_error


def main() -> None:
    """Run the command line; if an import fails, name the package; `doctor` still works then."""
    open_closed_streams()
    escape_unknown_characters()
    words = sys.argv[1:]
    if not {"doctor", "-h", "--help", "--version"} & set(words) and not _in_a_folder():
        write_error("ipvae: the working directory is gone: change to one that exists (cd)")
        sys.exit(2)
    warnings.simplefilter("ignore")  # warnings of other packages are not shown
    try:
        listen()
        from ipvae.cli.main import main as run

        run()
    except BaseException as error:  # an import can raise anything, or exit
        stopped = came()
        if stopped is not None and not isinstance(error, SystemExit):
            write_error(f"ipvae: the command line was stopped ({stopped}); nothing was written")
            sys.exit(128 + stopped.number)
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


def _while_importing(error: BaseException) -> bool:
    """Return whether a module is missing or raised the error during its import."""
    frames = traceback.walk_tb(error.__traceback__)
    return isinstance(error, ImportError) or any(
        frame.f_code.co_name == "<module>" for frame, _ in frames
    )


def _without(error: BaseException, words: list[str]) -> int:
    """Report the error with the standard library alone; return the exit status."""
    if next((word for word in words if not word.startswith("-")), "") == "doctor":
        try:
            return _doctor(words)
        except (IpvaeError, OSError) as problem:
            discard(sys.stdout)
            write_error(f"ipvae: {problem}")
            return 2
    write_error(f"ipvae: does not start ({reason(error)}); see what is broken with 'ipvae doctor'")
    return 2


def _doctor(words: list[str]) -> int:
    """`ipvae doctor` without the packages of the command line, which may be broken."""
    from ipvae.cli.arguments import with_options
    from ipvae.workflows.doctor import doctor
    from ipvae.workflows.output.files import json_text, write_text
    from ipvae.workflows.output.outputs import json_output, require_outputs

    started = time.monotonic()
    found = doctor(thorough="--thorough" in words).with_advice(with_options)
    target = _json_target(words)
    data = found.to_json()
    if target is not None and target != "-":
        require_outputs([json_output(target, "ipvae doctor", name="--json")])
        write_text(target, json_text("ipvae doctor", data))
    text = json.dumps(data, indent=2) if target == "-" else "\n".join(map(str, found.shown()))
    print(text, flush=True)
    if "--verbose" in words:
        print(f"looked for {time.monotonic() - started:.1f} s", file=sys.stderr)
    return 0 if found.ok else 1


def _json_target(words: list[str]) -> str | None:
    """Value of --json, parsed as on the command line."""
    for i, word in enumerate(words):
        if word.startswith("--json="):
            return word.partition("=")[2]
        if word == "--json":
            return words[i + 1] if i + 1 < len(words) else "-"
    return None


if __name__ == "__main__":
    main()
