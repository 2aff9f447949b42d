"""Images of a run, in the form that a network's input receives."""

import logging
from pathlib import Path

import numpy as np

from ipvae.energy.counting.network_workload import products
from ipvae.errors import InputError
from ipvae.network.frames import Frames, load_frames
from ipvae.network.network import Network
from ipvae.network.rules import random_source
from ipvae.report.html.counted_nouns import number_of
from ipvae.workflows.boundary import require_positive
from ipvae.workflows.image_input.event_files import is_recording, recording_files
from ipvae.workflows.image_input.images import ImagesLike, LabelledImages
from ipvae.workflows.image_input.own_images import LabelsLike, as_labels
from ipvae.workflows.image_input.spike_coding import encode_events
from ipvae.workflows.running.number import AtMost

UNNAMED = "the network"

log = logging.getLogger("ipvae")


def run_frames(
    network: Network,
    images: ImagesLike,
    steps: int,
    seed: int = 0,
    samples: int | None = None,
    integers: str = "input",
    name: str = UNNAMED,
) -> Frames:
    """Return the images of a run, and report how given ones were read.

    Arguments and errors as for `frames_of`.
    """
    frames = frames_of(network, images, steps, seed, samples, integers, name)
    if images is not None:
        log.info(frames.reading)
    return frames


def frames_of(
    network: Network,
    images: ImagesLike,
    steps: int,
    seed: int = 0,
    samples: int | None = None,
    integers: str = "input",
    name: str = UNNAMED,
) -> Frames:
    """Return the images of a run; by default those in the network's file.

    Where `steps` is a default (`AtMost`), recordings may be shorter (`run_steps`).

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    require_positive("steps", steps)
    if network.draws:
        random_source.check_steps(steps)
        random_source.image_key(seed, 0)  # refuses a seed out of range
    elif seed != 0:
        raise InputError(f"seed: found {seed}, but nothing is drawn in {name}; omit it")
    if images is None and len(network.test_images):
        images = network.test_images
    if images is None:
        shape = ", ".join(str(n) for n in network.input.shape)
        raise InputError(
            f"{name}: this network holds no images; give some with images=FILE.npy, (n, {shape})"
        )
    if is_recording(images):
        raise InputError(
            f"images: {images} holds recordings of events; give step_time=, the time of a step, to "
            "ipvae.run, or convert them with ipvae.encode_events"
        )
    given = images.pixels if isinstance(images, LabelledImages) else images
    default = isinstance(steps, AtMost)
    frames = load_frames(given, network, steps, integers, samples, shorter=default)
    if samples is not None and samples > len(frames) and not isinstance(samples, AtMost):
        where = given if isinstance(given, (str, Path)) else "images"
        raise InputError(f"samples: found {samples}, allowed up to {len(frames)} ({where})")
    return frames


def binned_events(
    network: Network, images: ImagesLike, steps: int, step_time: float, samples: int | None
) -> np.ndarray:
    """Bin event recordings in a file or a folder for the input of a network.

    Returns
    -------
    (n, steps, polarities, height, width) int8
    """
    shape = network.input.shape
    if len(shape) != 3 or shape[0] not in (1, 2):
        raise InputError(
            f"step_time: the input has the shape {shape}, allowed for events is (1 or 2 "
            "polarities, height, width)"
        )
    if not isinstance(images, (str, Path)):
        raise InputError(
            "step_time: needs a file of an event recording (images=); omit it for others"
        )
    files = recording_files(images)[:samples]
    found = encode_events(files, shape=shape, steps=steps, step_time=step_time)
    log.info(
        f"{images}: {number_of(len(files), 'recording')} of events in {steps} steps of "
        f"{step_time:g}, {int(found.sum(dtype=np.int64))} spikes"
    )
    return found


def run_steps(steps: int, frames: Frames) -> int:
    """Return the steps of a run: as requested, or by default all of a shorter recording."""
    recorded = frames.values.shape[1]
    return recorded if 1 < recorded < steps else int(steps)


def first_labels(labels: LabelsLike, n: int, classes: int) -> np.ndarray | None:
    """Return the labels of the first n images; raise InputError unless they are output classes."""
    found = as_labels(labels)
    if found is None:
        return None
    if found.ndim != 1 or found.dtype.kind not in "iu" or len(found) < n:
        raise InputError(
            f"labels: found {found.dtype} of shape {found.shape}, allowed integers of shape ({n},)"
            ", one for each image"
        )
    found = found[:n].astype(np.int64)
    if found.max() >= classes:
        raise InputError(
            f"labels: found {found.max()}, allowed below {classes}, the outputs of the last layer"
        )
    return found


def host_products(network: Network, frames: Frames) -> float:
    """Number of products of the input transform and of drives, for each image."""
    weights = [layer.drive.weights for layer in network.layers if layer.drive is not None]
    each = sum(products(of) for of in weights) + (network.input.size if frames.real else 0)
    return float(each * frames.values.shape[1])


def require_unset(given: dict[str, object], name: str = UNNAMED) -> None:
    """Raise InputError for a given argument that applies only to integer networks and models."""
    for argument, value in given.items():
        if value is not None:
            raise InputError(
                f"{argument}: found {value}, but {name} is a network of any kinds of neurons, to "
                f"which it does not apply; {_INSTEAD.get(argument, 'omit it')}"
            )


_INSTEAD = {
    "data_dir": "omit it, and give images=",
    "replay_draws": "omit it, and give the seed= of the run that drew them",
    "draws_file": "omit it: a trace (trace_file=) holds all messages, z",
    "keep_steps": "omit it: a trace (record=) holds every step",
    "profile_file": "omit it: boards measure integer networks",
}
"""Replacement of each argument for a network of any kinds."""
