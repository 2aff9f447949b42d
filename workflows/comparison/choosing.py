"""Subjects of a comparison by name, and their common images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipvae.errors import InputError
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.network.description import InputFormat, IntNetwork
from ipvae.network.io.hdf5_child import shown
from ipvae.network.network import Network
from ipvae.workflows.comparison.any_network import AnyNetwork
from ipvae.workflows.comparison.costed import (
    CostedFloat,
    CostedLeastSquares,
    CostedMaps,
    CostedModel,
    CostedNetwork,
)
from ipvae.workflows.evaluables.base import Evaluable
from ipvae.workflows.evaluables.maps import EvaluableMaps
from ipvae.workflows.evaluables.model import EvaluableModel
from ipvae.workflows.evaluables.network import EvaluableNetwork
from ipvae.workflows.evaluables.opening import (
    THRESHOLD,
    ModelOrNetwork,
    Opened,
    evaluable,
    is_network,
    opened,
)
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.kinds.opening import any_network

Subjects = ModelOrNetwork | Sequence[ModelOrNetwork] | Mapping[str, ModelOrNetwork]
"""A model or a network, several, or several by name."""


@dataclass(frozen=True, eq=False)
class Subject:
    """Subject of a comparison, with its path; None for an object in memory."""

    path: str | Path | None
    costed: CostedModel | AnyNetwork


class Choice:
    """Named subjects of a comparison; each file is read once."""

    def __init__(self, subjects: Subjects, scheduler: str | None) -> None:
        self._scheduler = scheduler
        self._read: dict[str, Opened] = {}
        self._names: list[tuple[ModelOrNetwork, str]] = []
        self._found: list[tuple[Opened, str, str, CostedModel | AnyNetwork]] = []
        named = _named(subjects)
        if scheduler is not None and not any(is_network(given) for given, _ in named):
            raise InputError(
                "scheduler: found no network file, allowed with network files (.h5) only; omit it"
            )
        for given, name in named:
            self._add_subject(given, name)

    def _add_subject(self, given: ModelOrNetwork, name: str) -> None:
        one = self._opened(given)
        if isinstance(one.given, Network):
            costed = AnyNetwork(one.given, self._scheduler)
            self._found.append((one, self._name(given, one, name), "", costed))
            return
        of = evaluable(one, self._name(given, one, name), scheduler=self._scheduler)
        network = isinstance(of, EvaluableNetwork)
        self._found.append((one, of.name, "", CostedNetwork(of) if network else _float(of)))

    def add_lca(self, models: Subjects, threshold: float | None) -> None:
        """Add LCA in float on the dictionaries of models."""
        named = _named(models)
        if threshold is not None and not named:
            raise InputError("threshold: needs lca=; give both or neither")
        limit = THRESHOLD if threshold is None else threshold
        for given, name in named:
            one = self._opened(given)
            if one.kind == "network":
                raise InputError(f"lca: {given} is a network; give a model")
            short = self._name(given, one, name)
            costed = _float(evaluable(one, short, limit))
            self._found.append((one, short, f", LCA {limit:g}", costed))

    def add_dense(self, subjects: Subjects) -> None:
        """Add least squares on the dictionaries of models and networks."""
        for given, name in _named(subjects):
            one = self._opened(given)
            if isinstance(one.given, Network):
                raise InputError(
                    f"dense: {given} has no dictionary of dense weights, allowed are models, and "
                    "networks of file versions 1 and 2; give one"
                )
            short = self._name(given, one, name)
            if isinstance(one.given, Checkpoint):
                one.given.require_dictionary(f"dense: {short}")
            of = evaluable(one, short)
            self._found.append((one, short, ", least squares", CostedLeastSquares(of)))

    def subjects(self) -> dict[str, Subject]:
        """Return all subjects by name; files of equal name are listed by path.

        Raises
        ------
        InputError
            If a subject was given twice.
        """
        names = [short + suffix for _, short, suffix, _ in self._found]
        found: dict[str, Subject] = {}
        for (one, short, suffix, costed), name in zip(self._found, names, strict=True):
            twice = names.count(name) > 1 and one.path is not None
            unique = (shown(str(one.path)) if twice else short) + suffix
            if unique in found:
                raise InputError(f"{unique}: given twice; give each once")
            found[unique] = Subject(one.path, costed)
        if not found:
            raise InputError("subjects: none given; give one or more models or networks")
        return found

    def _opened(self, given: ModelOrNetwork) -> Opened:
        if not isinstance(given, (str, Path)):
            return _read(given)
        if str(given) not in self._read:
            self._read[str(given)] = _read(given)
        return self._read[str(given)]

    def _name(self, given: ModelOrNetwork, one: Opened, name: str) -> str:
        """Given name; else the name of the file or folder; else the kind with a number."""
        if not name:
            same = [known for other, known in self._names if _is_same(other, given)]
            name = same[0] if same else self._new_name(one)
        self._names.append((given, name))
        return name

    def _new_name(self, one: Opened) -> str:
        if one.path is None:
            return f"{one.kind} {len(self._names) + 1}"
        return shown(Path(one.path).name if one.kind == "network" else one.name)


def _read(given: ModelOrNetwork) -> Opened:
    """Read a model or a network of any kind."""
    found = any_network(given)
    if found is None:
        return opened(given)
    return Opened(found.given, given if isinstance(given, (str, Path)) else None)


def _is_same(first: ModelOrNetwork, second: ModelOrNetwork) -> bool:
    """Return whether two subjects are the same path or the same object."""
    if isinstance(first, (str, Path)) and isinstance(second, (str, Path)):
        return str(first) == str(second)
    return first is second


def _float(of: Evaluable) -> CostedFloat | CostedMaps:
    if isinstance(of, EvaluableMaps):
        return CostedMaps(of)
    assert isinstance(of, EvaluableModel)
    return CostedFloat(of)


def _named(subjects: Subjects) -> list[tuple[ModelOrNetwork, str]]:
    """Subjects with their given names, '' for none."""
    if isinstance(subjects, (str, Path, Checkpoint, IntNetwork, Network)):
        return [(subjects, "")]
    if isinstance(subjects, Mapping):
        return [(given, name) for name, given in subjects.items()]
    return [(given, "") for given in subjects]


def one_set(
    subjects: Mapping[str, CostedModel],
    samples: int | None,
    data_dir: str | Path | None,
    images: ImagesLike,
    labels: np.ndarray | None,
) -> LabelledImages:
    """Return the given images, or the common images of all subjects.

    Raises
    ------
    InputError
        If two subjects differ in pixel format or in images.
    """
    (first, one), *others = subjects.items()
    of = one.of
    for name, other in others:
        mine, its = _format(of.format), _format(other.of.format)
        if mine != its:
            raise InputError(
                f"{first} and {name}: found pixels of {mine} and of {its}, allowed is one format; "
                "compare models of one data set"
            )
    found = of.test_images(samples, data_dir, images, labels)
    if images is not None:
        return found
    for name, other in others:
        its = other.of
        if not np.array_equal(its.test_images(samples, data_dir).pixels, found.pixels):
            raise InputError(
                f"{first} and {name}: their first {samples} images differ (data sets "
                f"{of.preset} and {its.preset}), allowed is one set; compare models of one data "
                "set, or give images="
            )
    return found


def _format(pixels: InputFormat) -> str:
    height, width = pixels.shape
    return f"{height} x {width}, {pixels.minimum} to {pixels.maximum} times {pixels.scale:.9g}"
