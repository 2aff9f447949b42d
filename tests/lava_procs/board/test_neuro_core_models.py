"""Look-up, registration, selection and refusal of neuro-core models, with a stand-in extension.

The stand-in lies in tests/lava_procs/stand_in; nothing of this has run on a chip.
"""

# pyright: reportMissingImports=false

import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvae.errors import BackendError, HungBackendError
from ipvae.lava_procs.board import neuro_core_models, profile
from ipvae.lava_procs.board.host_stepped import HostSteppedRunner
from ipvae.lava_procs.board.neuro_core_models import configuration, models_for, registered_models
from ipvae.lava_procs.importing import import_lava
from ipvae.network.traces.profiler_columns import COLUMNS

pytestmark = pytest.mark.lava()

STAND_IN = Path(__file__).parent.with_name("stand_in")


@contextmanager
def line(match):
    """Expect an error of one line that holds this."""
    with pytest.raises(BackendError, match=match) as info:
        yield
    assert "\n" not in str(info.value)
    assert str(info.value).startswith("backend 'loihi2': ")


@pytest.fixture
def stand_in(monkeypatch):
    """The stand-in extension on the path, for look-up and selection; Lava's compiler is public."""
    import_lava()
    import lava.magma.compiler.compiler  # noqa: F401
    from lava.magma.core import run_configs

    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(STAND_IN))
    from lava.magma.core.model.c.model import CLoihiProcessModel
    from lava.magma.core.model.nc.model import AbstractNcProcessModel

    monkeypatch.setattr(run_configs, "AbstractNcProcessModel", AbstractNcProcessModel)
    monkeypatch.setattr(run_configs, "CLoihiProcessModel", CLoihiProcessModel, raising=False)
    yield
    for name in set(sys.modules) - known:
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        if any(str(STAND_IN) in str(place) for place in places):
            del sys.modules[name]


@pytest.fixture
def register(tmp_path, monkeypatch, stand_in):
    """Function (package, entries): what installing a member's package would leave."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(package, **entries):
        folder = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        (folder / "entry_points.txt").write_text(
            "\n".join([f"[{neuro_core_models.GROUP}]", *lines])
        )

    return installed


def names(models):
    return {process.__name__: model.__name__ for process, model in models.items()}


def test_registered_classes_are_found_and_dense_is_the_extensions(register, make_network, layered):
    register("member-stand-in", poisson="member_models:NcPoisson", graded="member_models:NcGraded")
    assert names(models_for(make_network())) == {
        "PoissonNeuron": "NcPoisson",
        "Dense": "NcModelDense",
    }
    assert names(models_for(layered(1)["errors/0"])) == {
        "PoissonNeuron": "NcPoisson",
        "GradedNeuron": "NcGraded",
        "Dense": "NcModelDense",
    }
    assert names(models_for(layered(1)["sparse/0"])).keys() == {"GradedNeuron", "Dense"}
    assert names(models_for(layered(1)["forward/0"])) == {"PoissonNeuron": "NcPoisson"}


def test_a_module_may_be_named_for_all_that_it_defines(register, tmp_path):
    (tmp_path / "only_models.py").write_text(
        "import member_models\n"
        "class NcMine(member_models.NcPoisson):\n    pass\n"
        "class NcOther(member_models.NcGraded):\n    pass\n"
    )
    register("member-stand-in", all="only_models")
    assert names(registered_models()) == {"PoissonNeuron": "NcMine", "GradedNeuron": "NcOther"}


def test_a_dense_of_ones_own_goes_before_the_extensions(register, tmp_path, make_network):
    (tmp_path / "own_dense.py").write_text(
        "from lava.proc.dense.ncmodels import NcModelDense\nclass NcOwn(NcModelDense):\n    pass\n"
    )
    register("member-stand-in", poisson="member_models:NcPoisson", dense="own_dense:NcOwn")
    assert names(models_for(make_network()))["Dense"] == "NcOwn"


def test_without_a_registration_it_states_what_to_write(stand_in, make_network, layered):
    with line(
        "no neuro-core model of PoissonNeuron is registered; write one from .*poisson_neuron"
    ):
        models_for(make_network())
    with line("no neuro-core model of GradedNeuron is registered; write one from .*graded_neuron"):
        models_for(layered(1)["sparse/0"])


def test_an_extension_without_a_dense_is_named(register, make_network, monkeypatch):
    register("member-stand-in", poisson="member_models:NcPoisson")
    monkeypatch.setattr(neuro_core_models, "DENSE_MODULE", "lava.proc.dense.none_such")
    with line("no neuro-core model of Dense: .*none_such.NcModelDense, which does not import here"):
        models_for(make_network())


def test_two_models_for_one_process_are_refused_by_the_names_of_their_packages(register):
    register("member-stand-in", poisson="member_models:NcPoisson")
    register("other-stand-in", mine="member_models:NcPoisson")
    with line("second model of PoissonNeuron, allowed is one .*mine = .* of other-stand-in has"):
        registered_models()


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ("member_models:NcUntagged", r"NcUntagged has the tags \[\], needed 'ucoded'"),
        ("member_models:NcForTheCpu", "NcForTheCpu is no neuro-core model"),
        ("member_models:PyOnTheCpu", "PyPoissonFromSpecification is no neuro-core model"),
        ("member_models:NcNarrow", "variable z has precision 16, needed 24 bits"),
        ("member_models:NcWithoutKey", "variable image_key is not declared, needed 24 bits"),
        ("member_models:NcOfAnotherProcess", "implements LIF, allowed PoissonNeuron"),
        ("member_models:_Neuron", "implements None, allowed PoissonNeuron"),
        ("member_models:NOT_A_MODEL", "found 7, allowed a ProcessModel class or a module"),
        ("member_models:NcMissing", r"does not import \(AttributeError: .*NcMissing"),
        ("none_such:NcPoisson", r"does not import \(ModuleNotFoundError: .*none_such"),
        ("broken:NcPoisson", r"does not import \(ZeroDivisionError: division by zero\)"),
        ("empty", "the module defines no ProcessModel"),
    ],
)
def test_a_registration_that_cannot_be_used_is_refused(register, tmp_path, value, match):
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "empty.py").write_text("import member_models\n")
    register("member-stand-in", poisson=value)
    with line(rf"entry point 'poisson = {value}' of member-stand-in: .*{match}"):
        registered_models()


@pytest.fixture
def models(register, make_network):
    register("member-stand-in", poisson="member_models:NcPoisson")
    return models_for(make_network())


def test_lava_selects_what_is_registered_and_public_lava_ends_there(models, make_network):
    selected = {}
    with pytest.raises(HungBackendError, match="No subcompiler exists") as info:
        HostSteppedRunner(make_network(), 3, configuration(models, selected))
    assert "\n" not in str(info.value)
    chosen = {model.__name__ for model in selected.values()}
    assert chosen >= {"NcPoisson", "NcModelDense"}
    assert all(name.startswith("Nc") or "Network" in name or "Block" in name for name in chosen)


def test_a_cpu_model_of_a_neuron_is_refused(models, make_network):
    """Without this, Lava takes it without a word."""
    fewer = {process: m for process, m in models.items() if process.__name__ == "Dense"}
    with line("Lava selected PyPoissonNeuronFixed for PoissonNeuron '.*', which is no neuro-core"):
        HostSteppedRunner(make_network(), 3, configuration(fewer, {}))


def test_a_cpu_model_of_a_synapse_is_refused(models):
    from lava.proc.dense.models import PyDenseModelBitAcc

    from ipvae.lava_procs.procs.layer_block.process import exact_dense

    dense = exact_dense(np.zeros((2, 2), np.int8), 8)
    with line("Lava selected PyDenseModelBitAcc for Dense '.*', which is no neuro-core model"):
        neuro_core_models.refuse_cpu(dense, PyDenseModelBitAcc, models)


def test_a_lava_that_knows_no_extension_is_an_error_of_one_line(models, make_network, monkeypatch):
    from lava.magma.core import run_configs

    monkeypatch.delattr(run_configs, "CLoihiProcessModel")
    fewer = {process: m for process, m in models.items() if process.__name__ != "Dense"}
    with line("Loihi2HwCfg cannot select a model .*CLoihiProcessModel"):
        HostSteppedRunner(make_network(), 3, configuration(fewer, {}))


def test_hosted_variables_are_those_of_the_process_and_the_specification(make_network):
    """One list, three places: the check, the Process, docs/loihi2/*.json."""
    import json

    import_lava()
    from ipvae.lava_procs.procs.graded_neuron.process import GradedNeuron
    from ipvae.lava_procs.procs.poisson_neuron.process import PoissonNeuron
    from ipvae.lava_procs.schedule import Schedule
    from ipvae.network.layers import GradedLayer

    layer = make_network().layer
    graded = GradedLayer(bias=layer.bias, weight=layer.weight, source=0, z_min=0, z_max=1)
    docs = Path(__file__).resolve().parents[3] / "docs" / "loihi2"
    for process, of, name in (
        (PoissonNeuron, layer, "poisson_neuron"),
        (GradedNeuron, graded, "graded_neuron"),
    ):
        spec = json.loads((docs / f"{name}.json").read_text())
        build: Any = process.of if process is PoissonNeuron else process
        made = build(layer=of, schedule=Schedule(3, 4), hosted=True)
        declared = {var.name for var in made.vars}
        assert declared == set(neuro_core_models.hosted_variables(process))
        assert declared == {state["var"] for state in spec["states"] if "var" in state}
        assert {state["width"] for state in spec["states"]} == {neuro_core_models.WORD_BITS}
        assert {port.name for port in [*made.in_ports, *made.out_ports]} == {"a_in", "s_out"}


def test_without_the_extension_there_is_no_profiler():
    import_lava()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lava.magma.core.run_configs import Loihi2HwCfg

    with line(r"no profiler \(NotImplementedError: .*no implementation of the profiler"):
        profile.profiler_for(Loihi2HwCfg())


def test_columns_are_those_that_a_report_reads():
    names = [name for of_probe in profile.PROBES.values() for name in of_probe]
    assert set(names) <= COLUMNS.keys()
    assert len(set(names)) == len(names) == 16


def test_a_profiler_without_a_probe_or_a_number_is_named():
    with line("no energy_probe"):
        profile._set(object(), "energy_probe", 5)
    with line("gave none of power, energy"):
        profile.numbers(object(), ("power", "energy"))
