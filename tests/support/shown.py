"""Figures as people see them, read back: from a page, a terminal, a picture; loaded by conftest.py.

Nothing here uses the code that wrote them.
"""

import itertools
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

MINUS = "\N{MINUS SIGN}"
PREFIXES = {"": 0, "n": -9, "µ": -6, "m": -3, "k": 3, "M": 6, "G": 9}
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?")


def number(text):
    """A number as it is written, with its last digit's place: (Decimal, Decimal)."""
    found = _NUMBER.fullmatch(text.replace(MINUS, "-"))
    assert found, f"{text!r} is no number"
    value = Decimal(found[0].replace(",", ""))
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return value, Decimal(1).scaleb(exponent)


def shows(text, value, factor=1):
    """Whether a text is a value times a factor, rounded where its digits end, to three or more."""
    shown, last = number(text)
    exact = Decimal(repr(float(value))) * factor
    digits = len(shown.as_tuple().digits)
    rounded = abs(shown - exact) <= last / 2 * Decimal("1.000001")
    return rounded and (digits >= 3 or shown == exact or abs(exact) < 1000 * last)


def shows_band(text, low, high, factor=1, between=" to "):
    """Whether a text is a range, or the one value of both ends."""
    ends = text.split(between)
    values = [low, high] if low != high else [low]
    return len(ends) == len(values) and all(
        shows(end, value, factor) for end, value in zip(ends, values, strict=True)
    )


def scaled(text, unit=""):
    """A value beside an axis: '10 µJ' is 1e-05, '2k' is 2000."""
    found = re.fullmatch(rf"([-{MINUS}\d.]+) ?([nµmkMG]?){unit}", text)
    assert found, f"{text!r} is no value in {unit or 'numbers'}"
    return float(found[1].replace(MINUS, "-")) * 10.0 ** PREFIXES[found[2]]


class Tables(HTMLParser):
    """Tables of a page by their names: caption, and rows of the texts of cells."""

    def __init__(self, text):
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.captions: dict[str, str] = {}
        self.values: dict[str, list[list[str | None]]] = {}
        self._name, self._part = "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if given.get("role") == "region":
            self._name = given["aria-label"] or ""
        elif tag == "table":
            assert self._name not in self.found
            self.found[self._name], self.values[self._name] = [], []
            self.captions[self._name] = ""
        elif tag == "tr":
            self.found[self._name].append([])
            self.values[self._name].append([])
        elif tag in ("td", "th"):
            self.found[self._name][-1].append("")
            self.values[self._name][-1].append(None)
        elif tag == "data" and self._part in ("td", "th"):
            self.values[self._name][-1][-1] = given["value"]
        if tag in ("td", "th", "caption"):
            self._part = tag

    def handle_endtag(self, tag):
        if tag in ("td", "th", "caption"):
            self._part = ""

    def handle_data(self, data):
        if self._part == "caption":
            self.captions[self._name] += data
        elif self._part:
            self.found[self._name][-1][-1] += data


def text_of(html):
    """Text of a page without its marks, styles, scripts and pictures; white space is one space."""
    html = re.sub(r"(?s)<(style|script|svg)\b.*?</\1>", " ", html)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def lines(text):
    """Lines of a terminal; each is the list of its cells, which two spaces or more part."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def rows_below(text, title):
    """Rows of a terminal's table by its title: the heads, then all up to a line of one cell."""
    found = lines(text)
    (start,) = [i for i, row in enumerate(found) if row == [title]]
    rows = itertools.takewhile(lambda row: len(row) > 1, found[start + 2 :])
    return [found[start + 1], *rows]


def with_named_readouts(network):
    """The same network, whose read-outs are a decoder and classes by its provenance."""
    return replace(network, provenance={"readouts": ["decoder", "classes"]})


def mean(value):
    """A mean count: no digits after the point of an integer, nor from 1,000 on."""
    whole = value == int(value) or round(value, 1) >= 1000
    return f"{value:,.0f}" if whole else f"{value:,.1f}"


FIRST = ("Energy of an image", "Width of the band", "Time of an image", "Energy-delay product")
"""Titles of the verdicts that say what an image takes on Loihi 2."""


def check_headline(result, verdicts):
    """Loihi 2 comes first: dynamic and static apart, why a band, time, rate, energy x time.

    Compared with the tables of energy and time, not with the headline's own keys.
    """
    rows = {row["part"]: row for row in result["energy"] if row["chip"].startswith("Loihi 2")}
    spent, what = verdicts["Energy of an image"].split(", in microjoules ")
    (dynamic, word), (static, other) = (part.rsplit(" ", 1) for part in spent.split(", "))
    assert (word, other) == ("dynamic", "static")
    for words, part in ((dynamic, "dynamic"), (static, "static")):
        assert shows_band(words, rows[part]["low_j"], rows[part]["high_j"], 1_000_000)
    assert what == f"({rows['static']['model']}, {rows['static']['kind']})"
    (time,) = [row for row in result["time"] if row["chip"].startswith("Loihi 2")]
    took, rest = verdicts["Time of an image"].split(" microseconds, ")
    assert shows_band(took, time["low_s"], time["high_s"], 1_000_000)
    rate, kind = rest.split(" images per second ")
    assert shows_band(rate, 1 / time["high_s"], 1 / time["low_s"])
    assert kind == f"({time['kind']})"
    delays, unit = verdicts["Energy-delay product"].split(", in nJ s ")
    for words, part in zip(delays.split(", "), ("dynamic", "static"), strict=True):
        ends = [rows[part][f"{end}_j"] * time[f"{end}_s"] for end in ("low", "high")]
        assert words.endswith(f" {part}")
        assert shows_band(words.removesuffix(f" {part}"), *ends, factor=10**9)
    assert unit == "(energy x time)"
    logged = rows["static"]["kind"] == "measured"
    assert ("as logged" in verdicts["Width of the band"]) == logged
    assert ("no energy per operation is published" in verdicts["Width of the band"]) != logged
