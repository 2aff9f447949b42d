"""Stand-in for the compiler of neuro-core models: it runs their CPU stand-ins."""

# pyright: reportAttributeAccessIssue=false

from lava.magma.compiler.subcompilers.py.pyproc_compiler import PyProcCompiler


class NcProcCompiler(PyProcCompiler):
    """Puts the `stand_in` of each model in its place, after Lava has selected the model."""

    def __init__(self, proc_group, compile_config=None):
        for process in proc_group:
            process._model_class = process.model_class.stand_in
        super().__init__(proc_group, compile_config)
