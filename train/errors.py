"""Errors that a user of training can meet: where, what was found, what is allowed, what to do."""


class TrainingError(ValueError):
    """Anything wrong with a training's input, course or result."""


class ConfigError(TrainingError):
    """A training setting is unknown or outside its range."""


class DataError(TrainingError):
    """Training images are missing, damaged or do not fit the model."""


class CheckpointError(TrainingError):
    """A stored model is missing, damaged or of another kind."""


class DivergenceError(TrainingError):
    """Training left the finite numbers."""


class TeamError(TrainingError):
    """A process of a team ended before its time."""


class StoppedError(TrainingError):
    """Training was asked to stop, and kept its state."""
