"""Integer networks as Lava processes: on the CPU simulator, and up to the door of Loihi 2.

Nothing here imports Lava before it is needed: `runner.run` does, and says so
where Lava is missing.
"""
