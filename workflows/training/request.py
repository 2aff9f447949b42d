"""What a training is asked for, and what of it cannot go together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.float_models.config import SETTABLE, setting_from_text
from ipvae.workflows.image_input.image_shape import ShapeLike


@dataclass(frozen=True)
class TrainingRequest:
    """A training to begin or to go on with.

    Attributes
    ----------
    settings : dict
        Of `ipvae.float_models.config.TrainConfig`, by name; None stands for not given.
    images, test_images : arrays or paths, optional
        A user's own images, in the place of a preset's.
    image_shape : height and width of flat images, or of pictures; optional
    data_dir : folder of the preset's data set, optional
    out : folder of the training, optional
        Without it nothing is written.
    resume : go on with the training in `out`
    overwrite : give up an unfinished training in `out`
    init_from : model, or path of a model or an unfinished training, to begin with; optional
    device : cpu, cuda or mps, optional
    tensorboard : write `out`/tensorboard too
    pictures : draw `out`/pictures at the end
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    images: object = None
    test_images: object = None
    image_shape: ShapeLike = None
    data_dir: str | Path | None = None
    out: Path | None = None
    resume: bool = False
    overwrite: bool = False
    init_from: Checkpoint | Path | None = None
    device: str | None = None
    tensorboard: bool = False
    pictures: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _checked(self.settings))
        for first, second in (
            ("resume", "overwrite"),
            ("resume", "init_from"),
            ("images", "preset"),
            ("images", "data_dir"),
        ):
            if self._given(first) and self._given(second):
                raise InputError(f"{first} and {second}: give one of them")
        for name in ("test_images", "image_shape"):
            if self._given(name) and self.images is None and not self.resume:
                raise InputError(f"{name}: goes with images=; give both or neither")
        for name in ("resume", "overwrite", "tensorboard", "pictures"):
            if self.out is None and self._given(name):
                raise InputError(f"{name}: needs a folder; give it with out=")

    def _given(self, name: str) -> bool:
        value = self.settings.get(name) if name in SETTABLE else getattr(self, name)
        return value is not None and value is not False

    def given(self, name: str) -> Any:
        """Return a setting, None where it was not given."""
        return self.settings.get(name)

    @property
    def options(self) -> dict[str, Any]:
        """What a resumed training has to know besides its settings."""
        found: dict[str, Any] = {
            "device": self.device,
            "data_dir": None if self.data_dir is None else str(Path(self.data_dir).resolve()),
        }
        for name in ("images", "test_images"):
            source = getattr(self, name)
            if isinstance(source, (str, Path)):
                found[name] = str(Path(source).resolve())
        if self.image_shape is not None:
            found["image_shape"] = self.image_shape
        return found


def settings_from_text(given: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Add settings that were given as text to others.

    Raises
    ------
    InputError
        If there is no such setting, or one is given in both ways.
    ConfigError
        If a text is not of the setting's type.
    """
    for name in texts:
        if given.get(name) is not None:
            raise InputError(f"settings: '{name}' was given twice; give it once")
    _checked(dict.fromkeys(texts))
    return {**given, **{name: setting_from_text(name, text) for name, text in texts.items()}}


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Known settings, NumPy's numbers as Python's."""
    for name in settings:
        if name not in SETTABLE:
            raise InputError(
                f"settings: no setting '{name}', allowed are {', '.join(sorted(SETTABLE))}"
            )
    return {
        name: value.item() if hasattr(value, "item") else value for name, value in settings.items()
    }
