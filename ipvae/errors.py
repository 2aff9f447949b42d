"""Errors a user can meet: one root, `IpvaeError`.

Every message names the place, what was found, what is allowed and what to do. The command
line prints it on one line and exits with the class's ``exit_status``.
"""


class IpvaeError(Exception):
    """Root of all errors that a user can correct; never a fault of this package."""

    exit_status = 2


class DescriptionError(IpvaeError, ValueError):
    """A network description is not valid."""


class FormatError(IpvaeError, ValueError):
    """A file is damaged, foreign or newer than this version."""


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
    """A network whose variables may leave their range: it has no defined result."""

    exit_status = 1


class LossError(IpvaeError, RuntimeError):
    """The integer network is worse than the float model by more than is allowed."""

    exit_status = 1


class TrainingError(IpvaeError, ValueError):
    """A training's input, course or result is wrong."""


class ConfigError(TrainingError):
    """A training setting is unknown or outside its range."""


class DataError(TrainingError):
    """Training images are missing, damaged or do not fit the model."""


class CheckpointError(TrainingError):
    """A stored model is missing, damaged or of another kind."""


class DivergenceError(TrainingError):
    """Training left the finite numbers."""

    exit_status = 1


class TeamError(TrainingError):
    """A process of a group ended before its time."""


class StoppedError(TrainingError):
    """Training was asked to stop, and kept its state."""
