"""The console script: one line, too, where a package that the command line needs is broken."""

import sys


def main() -> None:
    """Run the command line; where it does not even import, say so, and `doctor` still answers."""
    try:
        from ipvae.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    except BaseException as error:  # an import can fail in any way, or even exit
        sys.exit(_without(error, sys.argv[1:]))
    run()


def _without(error: BaseException, words: list[str]) -> int:
    """Answer with Python's own modules alone; an exit status."""
    if next((word for word in words if not word.startswith("-")), "") == "doctor":
        from ipvae.cli.doctor_checks import main as doctor

        return doctor(words)
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    print(
        f"ipvae: does not start ({reason}); see what is broken with 'ipvae doctor'", file=sys.stderr
    )
    return 2
