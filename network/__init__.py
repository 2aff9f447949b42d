"""The integer network: description, arithmetic, random source, sampler, file, traces.

Imports NumPy, h5py and nothing else: every backend stands on this package, and
this package stands on none of them. The rules are specified in
``docs/arithmetic.md`` and ``docs/format.md``.
"""
