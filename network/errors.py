"""Errors a user can meet.

Every message says where, what was found, what is allowed and what to do. The
command line prints it on one line and exits with the class's ``exit_status``.
"""


class ToolchainError(Exception):
    """Base of all errors that are the user's to mend; never a bug of ours."""

    exit_status = 2


class DescriptionError(ToolchainError, ValueError):
    """A network description is not valid."""


class FormatError(ToolchainError, ValueError):
    """A file is damaged, foreign, newer than this version, or not ours."""


class QuantizationError(ToolchainError, ValueError):
    """A float network does not fit the integer grid."""


class InputError(ToolchainError, ValueError):
    """Images, options or paths given by the user cannot be used."""


class BackendError(ToolchainError, RuntimeError):
    """A backend is not available on this machine."""


class HungBackendError(ToolchainError, RuntimeError):
    """A backend stopped answering or one of its processes died."""

    exit_status = 1


class UnprovedOverflowError(ToolchainError, ValueError):
    """A network whose variables may leave their range: it has no defined result."""

    exit_status = 1
