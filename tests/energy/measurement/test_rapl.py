"""The machine's energy counters, from made-up folders of the kernel's."""

import pytest

from ipvae.energy.measurement.rapl import Counter, metered, processor_name


def approx(expected, rel=1e-9):
    """Equal but for rounding; pytest's own leaves 1e-12 as well, which is a whole picojoule."""
    return pytest.approx(expected, rel=rel, abs=0)


@pytest.fixture
def zone(tmp_path):
    """Write a zone of the powercap framework."""

    def write(folder, name, energy, most=1_000_000):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "name").write_text(f"{name}\n")
        (tmp_path / folder / "energy_uj").write_text(f"{energy}\n")
        (tmp_path / folder / "max_energy_range_uj").write_text(f"{most}\n")

    return write


def test_packages_are_added_and_what_overlaps_is_not(tmp_path, zone):
    zone("intel-rapl:0", "package-0", 100)
    zone("intel-rapl:1", "package-1", 500)
    for folder, name in (("intel-rapl:0:0", "core"), ("intel-rapl:2", "psys")):
        zone(folder, name, 0)
    (tmp_path / "intel-rapl").mkdir()
    (tmp_path / "dtpm").mkdir()
    with metered(tmp_path) as meter:
        zone("intel-rapl:0", "package-0", 2_000_100, most=10_000_000)
        zone("intel-rapl:1", "package-1", 1_000_500, most=10_000_000)
        zone("intel-rapl:0:0", "core", 900_000)
        zone("intel-rapl:2", "psys", 900_000)
    assert meter.joules == approx({"package-0": 2.0, "package-1": 1.0})
    row = meter.row(10, "a chip")
    assert row is not None
    assert (row.kind, row.part, row.chip) == ("measured", "total", "a chip")
    assert row.low_j == row.high_j == approx(0.3)
    assert row.source == f"{tmp_path}, counters of package-0, package-1"
    assert meter.missing == ""


def test_a_counter_that_wraps_goes_on(tmp_path, zone):
    zone("intel-rapl:0", "package-0", 900_000)
    with metered(tmp_path) as meter:
        zone("intel-rapl:0", "package-0", 150_000)
    assert meter.joules == approx({"package-0": 0.25})


def test_no_folder_and_no_package_are_reported(tmp_path, zone):
    with metered(tmp_path / "none") as meter:
        pass
    assert meter.row(1, "") is None
    assert meter.missing == f"no energy counter ({tmp_path / 'none'}: No such file or directory)"
    zone("intel-rapl:0", "psys", 1)
    with metered(tmp_path) as meter:
        pass
    assert meter.row(1, "") is None
    assert meter.missing == f"no energy counter ({tmp_path} has no package's)"
    zone("intel-rapl:0", "package-0", "")
    with metered(tmp_path) as meter:
        pass
    assert meter.missing == f"no energy counter ({tmp_path}: a counter is not a number)"


@pytest.mark.parametrize("before", [True, False])
def test_a_counter_that_may_not_be_read_is_reported(tmp_path, zone, monkeypatch, before):
    from pathlib import Path

    zone("intel-rapl:0", "package-0", 1)
    read = Path.read_text

    def refuse(self, *words, **options):
        if self.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(self))
        return read(self, *words, **options)

    if before:
        monkeypatch.setattr(Path, "read_text", refuse)
    with metered(tmp_path) as meter:
        monkeypatch.setattr(Path, "read_text", refuse)
    assert meter.row(1, "") is None
    path = tmp_path / "intel-rapl:0" / "energy_uj"
    assert f"no energy counter ({path} may not be read; 'sudo chmod a+r {path}'" in meter.missing


def test_counters_of_this_machine_are_read_or_their_absence_is_reported():
    with metered() as meter:
        sum(range(10))
    assert bool(meter.joules) != bool(meter.missing)


def test_the_name_of_the_processor(tmp_path):
    (tmp_path / "info").write_text("processor : 0\nmodel name\t: A CPU: fast\nmodel name : B\n")
    assert processor_name(tmp_path / "info") == "A CPU: fast"
    (tmp_path / "info").write_text("processor : 0\n")
    assert processor_name(tmp_path / "info") == "unknown processor"
    assert processor_name(tmp_path / "none") == "unknown processor"


@pytest.mark.parametrize(
    ("before", "after", "joules"),
    [(500, 500, 0.0), (500, 501, 1e-6), (0, 999_999, 0.999999), (501, 500, 0.999999)],
)
def test_microjoules_between_two_readings(before, after, joules):
    """A counter of 1,000,000 that stands still counted nothing; one that fell went round."""
    found = Counter("package-0", after, 1_000_000).since(Counter("package-0", before, 1_000_000))
    assert found == approx(joules)


def test_a_package_that_is_gone_afterwards_is_left_out(tmp_path, zone):
    zone("intel-rapl:0", "package-0", 100)
    zone("intel-rapl:1", "package-1", 100)
    with metered(tmp_path) as meter:
        zone("intel-rapl:1", "package-1", 350)
        (tmp_path / "intel-rapl:0" / "name").write_text("dram\n")
    assert meter.joules == approx({"package-1": 250e-6})
    row = meter.row(5, "a chip")
    assert row is not None and row.low_j == row.high_j == approx(50e-6)
