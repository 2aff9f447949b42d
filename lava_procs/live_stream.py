"""Stream of frames that arrive one by one, on Lava's CPU simulator."""

from typing import Any

import numpy as np

from ipvae.errors import InputError
from ipvae.lava_procs.configuration import EVENT_DRIVEN, configuration
from ipvae.lava_procs.importing import import_lava
from ipvae.lava_procs.supervision.session import LavaSession, log_handlers_kept
from ipvae.lava_procs.supervision.watchdog import TIMEOUT_SECONDS, require_timeout
from ipvae.network.description import IntNetwork
from ipvae.network.layers import PoissonLayer
from ipvae.network.proof.bounds import require_proved
from ipvae.network.rules import random_source
from ipvae.network.rules.drive import drives
from ipvae.network.rules.poisson import random_words
from ipvae.network.rules.start import start_log_rates
from ipvae.network.traces.selection import Record
from ipvae.network.traces.sent import Pushed, Sent

VARIABLES = ("u", "z")


class LavaStream:
    """Frames of an `IntNetwork`, one at a time, each for some updates; as the emulator's streams.

    The processes run without a reset until `close`, and wait between frames.

    Parameters
    ----------
    network : IntNetwork
        With a code in a loop, and without read-outs.
    steps : int
        Updates of each frame.
    seed : int in [0, 2**48)
    averaged : int
        Rows at the end of each frame whose counts are averaged; 0 for the drawn counts.
    timeout : float, seconds
        Longest time without a response.

    Raises
    ------
    InputError
        For another network.
    BackendError, HungBackendError
        If Lava is not installed, or the network cannot be built.
    """

    def __init__(
        self,
        network: IntNetwork,
        steps: int,
        seed: int,
        averaged: int = 0,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        require_proved(network)
        require_timeout(timeout)
        code = next(stage for stage in network.schedule.stages if stage.role == "code")
        if network.readouts or code.input_delay == 0:
            found = "read-outs" if network.readouts else "a code without a loop"
            raise InputError(
                f"backend=lava: found {found}, allowed is a code in a loop without read-outs, "
                "whose frames end with a row of the code; use the emulator, or ipvae.run with "
                "frame_steps="
            )
        random_source.image_key(seed, 0)  # refuses a seed out of range
        import_lava()
        self.network, self.steps, self._seed = network, steps, seed
        self._averaged, self._timeout = averaged, timeout
        self._image, self._built = -1, None
        self.reset()

    def reset(self) -> None:
        """End the processes, and begin the next stream of the run with new ones."""
        self.close()
        self._image += 1
        self.frames = 0
        self._shown = np.zeros(self.network.n_pixels, np.int64)
        self._sent = {
            name: Sent(0, np.zeros(layer.n_neurons, np.int64), 0, 0, np.zeros(0, np.int32))
            for name, layer in self.network.layers.items()
        }

    def close(self) -> None:
        """End all processes and free the shared memory."""
        if self._built is not None:
            self._built.close()
        self._built: LavaSession | None = None

    def push(self, pixels: np.ndarray) -> Pushed | None:
        """Run one frame of pixels (M,) int; None if a pixel is out of range.

        Raises
        ------
        InputError
            If the stream has reached the last step that draws can be keyed to.
        HungBackendError
            If a process died or stopped answering; the stream is then ended.
        """
        fmt = self.network.input
        if pixels.min() < fmt.minimum or pixels.max() > fmt.maximum:
            return None
        last = (self.frames + 1) * self.steps
        if last >= random_source.STEP_LIMIT:
            raise InputError(
                f"stream: found step {last}, allowed below {random_source.STEP_LIMIT}, to which "
                "draws are keyed; call reset()"
            )
        if self._built is None:
            self._build()
        built = self._built
        assert built is not None
        built.require_usable()
        try:
            self._send_frame(pixels)
            period = self.network.schedule.period
            built.start(self.steps * period + (1 if self.frames == 0 else 0))
            self.frames += 1
            rows = self._collect(built)
            built.finish()
        except BaseException:
            self.close()
            raise
        changed = int((pixels != self._shown).sum())
        self._shown = pixels.copy()
        self._sent = {name: self._added(name, of) for name, of in rows.items()}
        z = rows[self.network.code][:, VARIABLES.index("z")]
        averaged = z[-self._averaged :].mean(axis=0) if self._averaged else z[-1]
        return Pushed(self._sent, averaged, changed)

    def _build(self) -> None:
        from ipvae.lava_procs.models.count_kernel import prepare
        from ipvae.lava_procs.procs.layered_network.process import LayeredNetwork

        network, record = self.network, Record(variables=VARIABLES)
        with log_handlers_kept():
            process = LayeredNetwork(
                network, n_steps=random_source.STEP_LIMIT - 1, record=record, live=self.steps
            )
        neurons: dict[str, Any] = process.neurons
        pipes = [neuron.image for neuron in neurons.values()]
        pipes += [neuron.trace for neuron in neurons.values()]
        for port in pipes:
            port.flag_external_pipe(buffer_size=2 * self.steps + 2)
        if network.draws:
            prepare()
        blocks = dict(zip(network.layers, process.layers, strict=True))
        self._built = LavaSession(
            process, configuration(EVENT_DRIVEN), pipes, blocks, self._timeout
        )
        self._images: dict[str, Any] = {
            name: (neuron.image.shape[0], neuron.image.external_pipe_csp_send_port)
            for name, neuron in neurons.items()
        }
        self._traces: dict[str, Any] = {
            name: neuron.trace.external_pipe_csp_recv_port for name, neuron in neurons.items()
        }

    def _send_frame(self, pixels: np.ndarray) -> None:
        """Send the drive of each layer; with the first frame the start and the random key too."""
        network, image = self.network, pixels[None]
        of_code: list[Any] = []
        if network.draws and self.frames == 0:
            start = start_log_rates(network, image)
            key = random_source.image_key(self._seed, self._image)
            of_code = [key] if start is None else [start[0], key]
        for name, drive in drives(network, image).items():
            width, pipe = self._images[name]
            more = of_code if name == network.code else []
            message = np.concatenate([drive[0], *more]).astype(np.int32)
            pipe.send(np.pad(message, (0, width - len(message))))

    def _collect(self, built: LavaSession) -> dict[str, np.ndarray]:
        """Receive the rows of the frame: layer -> (rows, variables, K) int32."""
        rows: dict[str, list[np.ndarray]] = {name: [] for name in self._traces}
        wanted = {}
        for stage in self.network.schedule.stages:
            end = self.frames * self.steps + (1 if stage.role == "code" else 0)
            wanted[stage.name] = end - self._sent[stage.name].rows
        while waiting := [name for name in rows if len(rows[name]) < wanted[name]]:
            built.wait([self._traces[name] for name in waiting])
            for name in waiting:
                while len(rows[name]) < wanted[name] and self._traces[name].probe():
                    rows[name].append(np.asarray(self._traces[name].recv())[0].astype(np.int32))
        return {name: np.stack(of) for name, of in rows.items()}

    def _added(self, name: str, rows: np.ndarray) -> Sent:
        """Messages of a layer with the rows of a frame."""
        before, layer = self._sent[name], self.network.layers[name]
        u, z = (rows[:, VARIABLES.index(variable)] for variable in VARIABLES)
        words = 0
        if isinstance(layer, PoissonLayer):
            words = int(random_words(u >> layer.finer_bits).sum())
        return Sent(
            before.rows + len(z),
            before.messages + (z != 0).sum(axis=0),
            before.sizes + int(np.abs(z.astype(np.int64)).sum()),
            before.words + words,
            z[-1],
        )
