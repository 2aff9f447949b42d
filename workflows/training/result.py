"""Result of a training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ipvae.float_models.checkpoint import Checkpoint
from ipvae.report.numbers import percent
from ipvae.workflows.results import Result, Table, json_data


@dataclass(frozen=True, eq=False, repr=False)
class Trained(Result):
    """A trained model with the history of its training.

    Attributes
    ----------
    model : Checkpoint
    saved : Path or None
        The .safetensors file; None if no folder was given.
    history : list of dict
        One record for each epoch, see `ipvae.train.run.fit.fit`; only the last one if the training
        was already complete.
    complete : bool
        Whether the training was already complete, so that nothing was done.
    pictures : tuple of Path, optional
        Files of the pictures that were drawn.
    first : bool
        Whether this is the first of the processes that trained together, which writes.
    wanted_pictures : bool
        Whether pictures were requested.
    """

    model: Checkpoint
    saved: Path | None
    history: list[dict[str, Any]]
    complete: bool = False
    pictures: tuple[Path, ...] | None = None
    first: bool = True
    wanted_pictures: bool = False

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [*self.model.rows(), ("saved", str(self.saved))]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae train --json`."""
        config = self.model.config
        found: dict[str, Any] = {
            "model": None if self.saved is None else str(self.saved),
            "config": None if config is None else config.to_json(),
            "history": self.history,
        }
        if self.pictures is not None:
            found["pictures"] = [str(file) for file in self.pictures]
        return json_data(found)

    def shown(self) -> list[Table | str]:
        """Return one line for a terminal."""
        if self.saved is None:
            return super().shown()
        if self.complete:
            run = self.saved.parent
            text = f"{run}: this training is complete; it was left as it is"
            if self.wanted_pictures:
                text += f"; for pictures: ipvae.evaluate('{run}', pictures='DIR')"
            return [text]
        last = self.history[-1]
        steps = self.model.config.steps if self.model.config is not None else 1
        text = (
            f"saved {self.saved}: R2 {last['r2']:.3f}, zeros {percent(last['zeros'])} "
            f"after {steps} steps on held-out images"
        )
        if self.pictures:
            text += f"; pictures in {self.pictures[0].parent}"
        return [text]
