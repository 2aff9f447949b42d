"""Certificate of an exported network: its integers, derived again from the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.export.calibration.float_baseline import FloatBaseline, float_baseline
from ipvae.export.certificate.certify import certify_export
from ipvae.export.certificate.checks import FAILED, NOT_DERIVED, PASSED, Check
from ipvae.export.certificate.moments import Moments
from ipvae.export.options import LAYOUTS, ExportOptions
from ipvae.files import read_file
from ipvae.float_models.checkpoint import Checkpoint
from ipvae.json_text import parse_json
from ipvae.network.description import IntNetwork
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.workflows.boundary import public
from ipvae.workflows.image_input.images import ImagesLike
from ipvae.workflows.models import load_model
from ipvae.workflows.progress import Listener, listening, stage
from ipvae.workflows.quantize import ACTIVITY_IMAGES, CALIBRATION_IMAGES, export_images
from ipvae.workflows.results import Result, Table

CHANGES = ("start", "step_scale", "inhibition_scale")
"""Options of an export that change the inference; absent in the provenance of others."""
MOST_BYTES = 2**20
"""Largest certificate file; one has some ten thousand bytes."""


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Result):
    """Result of the second derivation of a network's numbers.

    Attributes
    ----------
    checksum : str
        Checksum of the network.
    model : str
        Kind and data set of the model.
    checks : tuple of Check
        `name`, `status` ('passed', 'failed', 'not derived'), `rule`, `values` (compared numbers)
        and `detail`.
    """

    checksum: str
    model: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if no check failed."""
        return not self._with(FAILED)

    @property
    def compared_values(self) -> int:
        """Numbers that were derived and compared."""
        return sum(check.values for check in self.checks)

    def _with(self, status: str) -> list[Check]:
        return [check for check in self.checks if check.status == status]

    def rows(self) -> list[tuple[str, str]]:
        """Return the main figures: pairs of name and text."""
        return [
            ("passed", str(self.passed)),
            *((status, str(len(self._with(status)))) for status in (PASSED, FAILED, NOT_DERIVED)),
            ("compared values", f"{self.compared_values:,}"),
            ("checksum", self.checksum),
        ]

    def shown(self) -> list[Table | str]:
        """Return the verdict, what failed, and a table of all checks."""
        failed, open_ = self._with(FAILED), self._with(NOT_DERIVED)
        verdict = "certified" if self.passed else "NOT certified"
        first = (
            f"{verdict}: {len(self._with(PASSED))} checks passed, {len(failed)} failed, "
            f"{len(open_)} not derived; {self.compared_values:,} values of {self.model}"
        )
        rows = [[c.name, c.status, f"{c.values:,}", c.rule] for c in self.checks]
        faults = [f"{c.status}: {c.name}: {c.detail}" for c in (*failed, *open_)]
        return [first, *faults, Table("checks", ["", "status", "values", "must be"], rows)]

    def to_json(self) -> dict[str, Any]:
        """Return JSON data, with the keys of `ipvae certify --json`."""
        return {
            "passed": self.passed,
            "checksum": self.checksum,
            "model": self.model,
            "compared_values": self.compared_values,
            "checks": [check.as_dict() for check in self.checks],
        }


def read_certificate(path: str | Path, network: IntNetwork | Network) -> dict[str, Any]:
    """Return what a certificate file says of a network: JSON data of `Certificate`, and `file`.

    Raises
    ------
    InputError
        If the file cannot be read, is no certificate, or is one of another network.
    """
    try:
        found = parse_json(read_file(path, InputError, MOST_BYTES))
        kept = {key: found[key] for key in ("passed", "checksum", "model", "compared_values")}
        failed = [check["name"] for check in found["checks"] if check["status"] == FAILED]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: found no certificate ({type(error).__name__}: {error}), allowed is what "
            "a certificate's to_json() gives"
        ) from error
    if kept["checksum"] != checksum(network):
        raise InputError(
            f"{path}: certifies the network {str(kept['checksum'])[:16]}, and this one is "
            f"{checksum(network)[:16]}; run certify on this network"
        )
    return {"file": str(path), **kept, "checks": len(found["checks"]), "failed": failed}


@public
def certify(
    network: IntNetwork,
    model: Checkpoint | str | Path,
    images: ImagesLike = None,
    *,
    data_dir: str | Path | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> Certificate:
    """Derive a network's numbers again from its model, by other code than the exporter's.

    Weights, scales, tables, limits, drive, log-rates, biases and self-inhibition are compared with
    values that are derived a second time (docs/certificate.md). The float model runs on the
    calibration images of the export, so these and the seed must be the same.

    Parameters
    ----------
    network : IntNetwork, or path of its file
        An export of `ipvae.quantize`; options of the export are read from its provenance.
    model : trained model, its path, or the name of a shipped one
    images : array, path or name of a set, optional
        Images that the export was calibrated on; by default the model's data set.
    data_dir : path, optional
        Folder of the model's data set.
    seed : int
        Seed of the export.
    progress : callable, optional
        As for `ipvae.run`.

    Returns
    -------
    Certificate

    Raises
    ------
    InputError
        If the network is no export of a model, or an argument cannot be used.
    """
    if isinstance(network, Network):
        raise InputError(
            "network: found a network of connections, allowed is what ipvae.quantize makes of "
            "dense models; a certificate compares their numbers with the model's"
        )
    where = str(model) if isinstance(model, (str, Path)) else "the model"
    checkpoint = model if isinstance(model, Checkpoint) else load_model(model)
    checkpoint.require_dictionary(where)
    _require_same_size(network, checkpoint, where)
    options = _options(network, checkpoint, where, seed)
    data = checkpoint.data
    pixels = data.pixel_format
    train, test = export_images(data.preset, pixels, images, None, data_dir, options)
    with listening(progress):
        with stage("running the float model"):
            active = train.pixels[:ACTIVITY_IMAGES]
            judged = min(len(active), CALIBRATION_IMAGES)
            before = float_baseline(checkpoint, options, active, pixels, judged)
        with stage("deriving the network again"):
            found = certify_export(network, checkpoint, options, _moments(before), test.pixels)
    return Certificate(checksum(network), f"{checkpoint.model} of {data.preset}", tuple(found))


def _require_same_size(network: IntNetwork, checkpoint: Checkpoint, where: str) -> None:
    shape = checkpoint.params["phi"].shape
    if network.decoder.shape != shape:
        raise InputError(
            f"network: has {network.n_pixels} pixels and {network.n_neurons} neurons, {where} has "
            f"{shape[0]} and {shape[1]}; give the model that it was exported from"
        )


def _options(network: IntNetwork, checkpoint: Checkpoint, where: str, seed: int) -> ExportOptions:
    """Options of the export, as the network's provenance has them."""
    given = network.provenance
    missing = [key for key in ("weight_bits", "layout", "inference") if key not in given]
    if missing:
        raise InputError(
            f"network: its provenance has no {', '.join(missing)}; allowed are networks of "
            "ipvae.quantize"
        )
    layout = given["layout"]
    return ExportOptions.of(
        checkpoint,
        where,
        layout=LAYOUTS[0] if layout == "feed-forward" else layout,
        inference=given["inference"],
        threshold=given.get("threshold"),
        weight_bits=given["weight_bits"],
        seed=seed,
        **{name: given[name] for name in CHANGES if name in given and given[name] is not None},
    )


def _moments(baseline: FloatBaseline) -> Moments:
    nothing = np.zeros(0)
    activity = baseline.activity
    return Moments(
        nothing if activity is None else activity.mean,
        nothing if activity is None else activity.covariance,
        baseline.largest_error,
        baseline.largest_code,
        baseline.real,
    )
