"""Errors for users, with the base class `IpvaeError`.

Every message gives the location, the value found, the values allowed and a remedy. The command
line prints it on one line and exits with the class's ``exit_status``.
"""


class IpvaeError(Exception):
    """Base class of errors that a user can correct; not used for bugs of this package."""

    exit_status = 2


class DescriptionError(IpvaeError, ValueError):
    """A network description is not valid."""


class FormatError(IpvaeError, ValueError):
    """A file is damaged, of another format or newer than this version."""


class QuantizationError(IpvaeError, ValueError):
    """A float network does not fit the integer grid."""


class InputError(IpvaeError, ValueError):
    """Images, arguments or paths given by the user cannot be used."""


class BackendError(IpvaeError, RuntimeError):
    """A backend is not available on this machine."""


class HungBackendError(IpvaeError, RuntimeError):
    """A backend stopped answering or one of its processes died."""

    exit_status = 1


class UnprovedOverflowError(IpvaeError, ValueError):
    """The variables of a network may leave their range, so its result is undefined."""

    exit_status = 1


class LossError(IpvaeError, RuntimeError):
    """The integer network is worse than the float model by more than the allowed loss."""

    exit_status = 1


class TrainingError(IpvaeError, ValueError):
    """The input, settings or result of a training are invalid."""


class ConfigError(TrainingError):
    """A training setting is unknown or outside its range."""


class DataError(TrainingError):
    """Training images are missing, damaged or do not fit the model."""


class CheckpointError(TrainingError):
    """A saved model is missing, damaged or of another kind."""


class DivergenceError(TrainingError):
    """Training produced values that are not finite."""

    exit_status = 1


class TeamError(TrainingError):
    """A process of a group ended early."""


class StoppedError(TrainingError):
    """Training was stopped on request, and its state is kept."""
