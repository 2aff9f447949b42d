"""`python -m ipvae`, the same as the command `ipvae`."""

from ipvae.cli.entry import main

if __name__ == "__main__":
    main()
