"""Every form of a number at its edges; the units that are written beside them."""

import ast
from pathlib import Path

import numpy as np
import pytest

from ipvae.report import numbers
from ipvae.report.html.counted_nouns import number_of
from ipvae.report.numbers import FORMS

ROOT = Path(__file__).resolve().parents[2]
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("joules", "text"),
    [
        (0.0, "0"),
        (5e-324, "4.94e-318"),
        (1e-15, "1e-09"),
        (1.2345e-12, "1.23e-06"),
        (9.994e-11, "9.99e-05"),
        (1e-10, "0.0001"),
        (1e-9, "0.001"),
        (1.2345e-6, "1.23"),
        (9.996e-6, "10"),
        (1e-4, "100"),
        (1.235e-4, "124"),
        (9.994e-4, "999"),
        (9.996e-4, "1,000"),
        (1e-3, "1,000"),
        (1.2345e-3, "1,234"),
        (0.9999996, "1,000,000"),
        (1.0, "1,000,000"),
        (1e6, "1,000,000,000,000"),
        (-2.5e-7, "-0.25"),
        (-9.996e-4, "-1,000"),
        (-0.25, "-250,000"),
        (NAN, "nan"),
        (INF, "inf"),
        (7, "7,000,000"),
    ],
)
def test_joules_are_written_in_millionths(joules, text):
    assert numbers.micro(joules) == text == FORMS["micro"](joules)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0, 0.0, "0"),
        (0.0, 1e-6, "0 to 1"),
        (1e-6, 1e-6, "1"),
        (1.2345e-3, 0.02, "1,234 to 20,000"),
        (1e-9, 2e-7, "0.001 to 0.2"),
        (9.996e-4, 1.0004e-3, "1,000 to 1,000"),
        (-3e-6, 2e-6, "-3 to 2"),
        (2e-6, 1e-6, "2 to 1"),
        (NAN, 1e-6, "nan to 1"),
    ],
)
def test_a_band_is_its_ends_in_their_order(low, high, text):
    assert numbers.band(low, high) == text


FORMED = {
    numbers.whole: [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (-1234, "-1,234"),
        (2**63 - 1, "9,223,372,036,854,775,807"),
        (np.int64(2**53 + 1), "9,007,199,254,740,993"),
        (0.0, "0"),
        (0.4, "0"),
        (999.4, "999"),
        (999.6, "1,000"),
        (np.float32(1234.5), "1,234"),
        (1e15, "1,000,000,000,000,000"),
        (-1234.4, "-1,234"),
        (NAN, "nan"),
    ],
    numbers.count: [
        (0, "0"),
        (0.04, "0.0"),
        (0.06, "0.1"),
        (999.94, "999.9"),
        (999.96, "1,000"),
        (1234567.25, "1,234,567"),
        (-0.5, "-0.5"),
        (NAN, "nan"),
    ],
    numbers.percent: [
        (0.0, "0.0%"),
        (0.0004, "0.0%"),
        (0.12345, "12.3%"),
        (0.9994, "99.9%"),
        (0.9996, "100.0%"),
        (1.0, "100.0%"),
        (-0.5, "-50.0%"),
        (12.5, "1250.0%"),
        (NAN, "nan%"),
    ],
    numbers.fit: [(0.0, "0.0000"), (0.99996, "1.0000"), (-1.5, "-1.5000"), (NAN, "nan")],
    numbers.error: [(0.0, "0.000e+00"), (0.004392, "4.392e-03"), (0.99996, "1.000e+00")],
    numbers.plain: [(0, "0"), (0.99996, "1"), (123456, "1.235e+05"), (-0.00125, "-0.00125")],
    numbers.thousands: [
        (0, "0"),
        (0.0, "0"),
        (499, "0 k"),
        (501, "1 k"),
        (1000, "1 k"),
        (999_499, "999 k"),
        (999_501, "1,000 k"),
        (1e9, "1,000,000 k"),
    ],
    numbers.kibibytes: [(0, "0 KiB"), (1023, "1 KiB"), (1024, "1 KiB"), (2**20, "1024 KiB")],
    numbers.tick: [
        (1e-12, "1e-12"),
        (0.01, "0.01"),
        (1, "1"),
        (100, "100"),
        (999, "999"),
        (1e3, "1k"),
        (1e5, "100k"),
        (1e6, "1M"),
        (1e8, "100M"),
        (1e9, "1G"),
        (1e12, "1000G"),
        (0, "0"),
        (-10, "-10"),
    ],
    numbers.percent_tick: [(0, "0%"), (0.5, "50%"), (0.12345678, "12.35%"), (1, "100%")],
    FORMS["r2 of one"]: [(0.9996, "1.000"), (-0.25, "-0.250")],
}


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [(form, value, text) for form, rows in FORMED.items() for value, text in rows],
)
def test_a_form_rounds_as_stated(form, value, text):
    assert form(value) == text


def test_the_page_knows_each_form_by_its_name():
    assert {name: form for name, form in FORMS.items() if name != "r2 of one"} == {
        "count": numbers.count,
        "whole": numbers.whole,
        "part": numbers.percent,
        "r2": numbers.fit,
        "mse": numbers.error,
        "plain": numbers.plain,
        "micro": numbers.micro,
        "nano": numbers.nano,
        "three": numbers.three,
    }


def test_percentages_have_as_many_digits_as_asked_for():
    assert [numbers.percent(0.98765, digits) for digits in (0, 1, 2)] == ["99%", "98.8%", "98.77%"]


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 cores"), (1, "1 core"), (2, "2 cores"), (1000, "1,000 cores")]
)
def test_things_are_counted_in_words(n, text):
    assert number_of(n, "core") == text


@pytest.mark.parametrize("pattern", ["report/**/*.py", "cli/*.py", "scripts/*.py"])
def test_no_other_file_scales_a_quantity_for_people(pattern):
    """A factor of a unit, 1e6 and the like, is written in report/numbers.py alone."""
    factors = {1e6, 1e9, 1e12, 100, 1024}
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in sorted(ROOT.glob(pattern))
        if file.name != "numbers.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div))
        for side in (node.left, node.right)
        if isinstance(side, ast.Constant) and side.value in factors
    ]
    assert found == []
