"""`ipvae` commands for the scripts of this folder."""

import sys
from contextlib import redirect_stdout

from ipvae.cli.main import run_command


def ipvae(*words: object) -> None:
    """Run one `ipvae` command, what it prints on stderr; end with its status if that is not 0."""
    with redirect_stdout(sys.stderr):
        status = run_command([str(word) for word in words])
    if status:
        sys.exit(status)
