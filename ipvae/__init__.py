"""Carry trained Poisson variational autoencoders onto Loihi 2, bit for bit.

Data flows one way:

    train -> export -> network <- emulator, lava_procs -> energy -> report          cli wires them

- `ipvae.network`: the integer network: description, arithmetic, random source, sampler,
  HDF5 file (`ipvae.network.file.read_network`), traces.
- `ipvae.emulator`: runs it; `ipvae.emulator.run` gives a trace, `ipvae.emulator.Emulator`
  totals and steps.
- `ipvae.lava_procs`: runs it as Lava processes; the Poisson neuron for Lava networks of your own.
- `ipvae.evaluation`: figures of merit from counts and reconstructions.
- `ipvae.energy`: operations counted (`ipvae.energy.counts`), and what they cost.
- `ipvae.train`: float models, their training and checkpoints.
- `ipvae.export`: from a trained model to the integer network.
- `ipvae.report`: pages and pictures.
- `ipvae.cli`: the command `ipvae`.
"""

__version__ = "0.1.0"
