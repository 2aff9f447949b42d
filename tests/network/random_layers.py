"""Random layers of Poisson and graded neurons for `network_oracle.tangled_network`."""

import numpy as np

from ipvae.network.connections import Connection, Convolution, Dense, Diagonal, Drive
from ipvae.network.kinds import GradedNeuron, PoissonNeuron
from ipvae.network.network import Layer

DRIVEN = ("POISSON", "GRADED")
WIDE = 2**12


def driven(rng, name, family, shapes, layers):
    """A layer that receives the pixels, earlier layers and itself, or some of these."""
    number, image = int(name), shapes["0"]
    channels = int(rng.integers(1, 4))
    by_map = len(image) == 3 and rng.random() < 0.5
    shape = (channels, *image[1:]) if by_map else (int(rng.choice([6, 12])),)
    n = int(np.prod(shape))
    neuron = _neuron(rng, family, shape, number)
    drive, chosen = None, rng.random() if number > 1 else 0
    if by_map:
        drive = Drive(_same_size(rng, shape[0], image, 3000), int(rng.integers(-11, -7)))
    elif chosen < 0.8:
        weight = rng.integers(-3000, 3001, (n, int(np.prod(image))))
        own = n == int(np.prod(image)) and rng.random() < 0.5
        drive = Drive(Diagonal(weight[:, 0]) if own else Dense(weight), int(rng.integers(-12, -8)))
    connections = []
    for _ in range(int(rng.integers(0 if drive else 1, 3))):
        source = int(rng.integers(max(0, number - 2), number))
        sends = (-300, 300) if not source else layers[source - 1].neuron.sent
        most = 3 if max(-sends[0], sends[1]) > WIDE else 40
        weights = Dense(rng.integers(-most, most + 1, (n, int(np.prod(shapes[str(source)])))))
        delay = int(rng.choice([0, 1, 2]))
        if rng.random() < 0.2:
            delay = rng.integers(0, 4, n)
        connections.append(Connection(str(source), weights, int(rng.integers(-2, 2)), delay))
    if rng.random() < 0.7:
        most = 2 if max(-neuron.sent[0], neuron.sent[1]) > WIDE else 40
        if by_map:
            own = _same_size(rng, shape[0], shape, most)
        elif rng.random() < 0.3:
            own = Diagonal(rng.integers(-most, most + 1, n))
        else:
            own = Dense(rng.integers(-most // 2, most + 1, (n, n)))
        connections.append(Connection(name, own, delay=int(rng.integers(1, 3))))
    bias = rng.integers(-900, 900, shape[0]) if rng.random() < 0.7 else None
    return Layer(name, neuron, tuple(connections), bias, drive=drive)


def _same_size(rng, channels, shape, most):
    """A convolution to maps of the same size."""
    sizes = [int(rng.choice([s for s in (1, 3) if s <= 2 * n])) for n in shape[1:]]
    weight = rng.integers(-most, most + 1, (channels, shape[0], *sizes))
    return Convolution(weight, shape, padding=(sizes[0] // 2, sizes[1] // 2))


def _neuron(rng, family, shape, number):
    sign = int(rng.choice([1, -1]))
    if family == "GRADED":
        limits = [int(rng.choice([0, 7, 100])), int(rng.choice([1, 100, 2**14]))]
        return GradedNeuron(
            *(-limits[0], limits[1]),
            leak=int(rng.choice([0, 0, 2])),
            threshold=int(rng.choice([0, 300])),
            shift=int(rng.choice([0, 3, 6])),
            activation=str(rng.choice(["linear", "swish"])),
            weight_exp=int(rng.integers(-2, 3)),
            sign=sign,
        )
    memory, fine = bool(rng.random() < 0.7), int(rng.choice([12, 14, 16]))
    scale = 1 << (fine - 12)

    def each(low, high):
        size = rng.choice([0, 1, 2])
        found = rng.integers(low, high, (int(np.prod(shape)) if size == 2 else shape[0],)) * scale
        return int(found[0]) if size == 0 else found

    return PoissonNeuron(
        *(-7000 * scale, int(rng.choice([3000, 14000, 32768])) * scale),
        u_init=each(-6000, 3000),
        self_weight=each(0, 2500) if memory else 0,
        du_min=-6000 * scale,
        du_max=5000 * scale,
        payload_bits=int(rng.choice([1, 4, 8])),
        frac_bits=fine,
        weight_exp=fine - 12 + int(rng.integers(-3, 6)),
        sign=sign,
        memory=memory,
        ceiling=not memory and fine == 16,
        key_layer=1 + 7 * (number - 1),
    )
