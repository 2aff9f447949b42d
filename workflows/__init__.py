"""User-level operations, one file each: the functions behind `ipvae.run` and others.

No function prints, reads command-line options or sets signal handlers. Progress goes to a
callback (`ipvae.workflows.progress`), messages to the logger `ipvae`.
"""
