"""The integer network: description, arithmetic, random source, sampler, file, traces.

It imports only NumPy and h5py. All backends depend on this package, and it depends on none of
them. The rules are specified in ``docs/spec/``.
"""
