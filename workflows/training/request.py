"""Request for a training, with checks of incompatible settings."""

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
    """A training to start or to resume.

    Attributes
    ----------
    settings : dict
        Settings of `ipvae.float_models.config.TrainConfig` by name; None means not given.
    images, test_images : arrays or paths, optional
        Images of a user, instead of a preset.
    image_shape : height and width of flat images or pictures, optional
    data_dir : folder of the preset's data set, optional
    out : folder of the training, optional
        Without a folder no files are written.
    resume : continue the training in `out`
    overwrite : discard an unfinished training in `out`
    init_from : initial weights: a model, or path of a model or unfinished training; optional
    device : cpu, cuda or mps, optional
    tensorboard : also write `out`/tensorboard
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
        """Return a setting, or None if it was not given."""
        return self.settings.get(name)

    @property
    def options(self) -> dict[str, Any]:
        """Options that a resumed training needs in addition to its settings."""
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
    """Add settings in text form to other settings.

    Raises
    ------
    InputError
        If there is no such setting, or one is given in both forms.
    ConfigError
        If a text does not have the type of the setting.
    """
    for name in texts:
        if given.get(name) is not None:
            raise InputError(f"settings: '{name}' was given twice; give it once")
    _checked(dict.fromkeys(texts))
    return {**given, **{name: setting_from_text(name, text) for name, text in texts.items()}}


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Known settings, with NumPy numbers converted to Python numbers."""
    for name in settings:
        if name not in SETTABLE:
            raise InputError(
                f"settings: no setting '{name}', allowed are {', '.join(sorted(SETTABLE))}"
            )
    return {
        name: value.item() if hasattr(value, "item") else value for name, value in settings.items()
    }
