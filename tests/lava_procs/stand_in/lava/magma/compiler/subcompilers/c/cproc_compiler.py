"""Stand-in: nothing is compiled for embedded CPUs."""

from lava.magma.compiler.subcompilers.py.pyproc_compiler import PyProcCompiler


class CProcCompiler(PyProcCompiler):
    """Stand-in."""
