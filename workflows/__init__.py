"""What a user does with the toolchain, one file each: the functions behind `ipvae.run` and others.

Nothing here prints, reads command-line options or sets signal handlers. Progress goes to a
callback (`ipvae.workflows.progress`), messages to the logger `ipvae`.
"""
