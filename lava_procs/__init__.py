"""Integer networks as Lava processes: on the CPU simulator, and up to the interface of Loihi 2.

Lava is imported only when needed: `runner.run` imports it and raises an error if Lava is not
installed.
"""
