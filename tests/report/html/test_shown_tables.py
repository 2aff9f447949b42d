"""Every table of the page shows the numbers of report.json, rounded, in the unit of its head.

The expected tables are written from the JSON keys and docs/report.md, apart from the templates.
"""

from decimal import Decimal

MICRO, NANO = 1_000_000, 10**9
DASH = "\N{EN DASH}"
CORE = ("spikes_in", "synaptic_ops", "neuron_updates", "messages_out")


def whole(value):
    return DASH if value is None else f"{round(value):,}"


def mean(value):
    if value is None:
        return DASH
    whole_number = value == int(value) or round(value, 1) >= 1000
    return f"{value:,.0f}" if whole_number else f"{value:,.1f}"


def part(value):
    return DASH if value is None else f"{100 * Decimal(value):.1f}%"


def r2(value):
    return DASH if value is None else f"{value:.4f}"


def mse(value):
    return DASH if value is None else f"{value:.3e}"


def plain(value):
    return DASH if value is None else f"{value:.4g}"


class Micro:  # noqa: PLW1641
    """A cell that has to be a millionth, or another part: read, not written."""

    def __init__(self, shown, value, factor=MICRO):
        self._shown, self._value, self._factor = shown, value, factor

    def __eq__(self, text):
        return self._shown.shows(text, self._value, self._factor)

    def __repr__(self):
        return f"{self._value} times {self._factor}"


def expected(result, shown):
    """Rows of every table, heads first, by the table's name."""
    layers, spread = result["layers"], result["by_image"]
    sources = list(
        dict.fromkeys(
            (row["source"], tuple(row.get("assumptions", ())))
            for row in [*result["energy"], *result["time"]]
        )
    )

    def cited(row):
        return f"[{sources.index((row['source'], tuple(row.get('assumptions', ())))) + 1}]"

    found = {
        "Quality": [
            ["", "mean", "least", "most", "sd"],
            *_quality(result),
            *([*row, DASH, DASH, DASH] for row in _readouts(result["readouts"])),
            *([*row, DASH, DASH, DASH] for row in _stop(result)),
        ],
        "Headline": [["", "low", "high"], *_headline(result["headline"], shown)],
        "Curve": [
            ["step", "R²", "MSE", "zeros"],
            *(
                [whole(p["step"]), r2(p["r2"]), mse(p["mse"]), part(p["zeros"])]
                for p in result["curve"]
            ),
        ],
        "Clips": [
            ["", "unit", "low clip", "high clip", "at low", "at high"],
            *(
                [
                    name,
                    of["unit"],
                    *map(plain, of["clips"]),
                    *map(whole, of["at_clips"]),
                ]
                for name in ("rates", "potentials")
                for of in [result["histograms"][name]]
            ),
        ],
        "Counts per image": [
            ["count", "mean", "least", "most", "sd", "what one is"],
            *(
                [name.replace("_", " "), mean(value)]
                + [mean(spread.get(name, {}).get(key)) for key in ("min", "max", "sd")]
                for name, value in result["counts"].items()
            ),
        ],
        "Counts per layer": [
            ["", *(f"layer {layer['layer']}, {layer['role']}" for layer in layers)],
            *(
                [
                    key.replace("_", " "),
                    *(
                        (whole if key in ("neurons", "synapses") else mean)(la[key])
                        for la in layers
                    ),
                ]
                for key in layers[0]
                if key not in ("layer", "role")
            ),
        ],
        "Energy per image": [
            ["model", "kind", "part", "chip", "low, µJ", "high, µJ", "source"],
            *(
                [
                    *(row[key] for key in ("model", "kind", "part", "chip")),
                    Micro(shown, row["low_j"]),
                    Micro(shown, row["high_j"]),
                    cited(row),
                ]
                for row in result["energy"]
            ),
        ],
        "Time per image": [
            ["model", "kind", "chip", "low, µs", "high, µs", "source"],
            *(
                [
                    *(row[key] for key in ("model", "kind", "chip")),
                    Micro(shown, row["low_s"]),
                    Micro(shown, row["high_s"]),
                    cited(row),
                ]
                for row in result["time"]
            ),
        ],
        "Busiest cores": [
            ["", "busiest", "mean", "core"],
            *(
                [name.replace("_", " "), mean(of["max"]), mean(of["mean"]), of["core"]]
                for name, of in result["cores"]["busiest"].items()
            ),
        ],
        "Busiest core of a step": [
            ["", "busiest"],
            *(
                [name.replace("_", " "), mean(value)]
                for name, value in result["cores"]["busiest_per_step"].items()
            ),
        ],
        "Cores": [
            [
                *("chip", "core", "layer", "neurons", "messages in", "synaptic ops", "updates"),
                *("messages out", "memory"),
            ],
            *(
                [
                    *(str(core["chip"]), str(core["core"]), core["layer"], whole(core["neurons"])),
                    *(mean(core[key]) for key in CORE),
                    part(core.get("memory")),
                ]
                for core in result["cores"]["list"]
            ),
        ],
        "Limits": [
            ["limit", "where", "found", "allowed", "margin", ""],
            *(
                [
                    line["rule"].replace("_", " "),
                    line["where"],
                    whole(line["found"]),
                    whole(line["allowed"]),
                    part(line["margin"]),
                    "holds" if line["found"] <= line["allowed"] else "EXCEEDED",
                ]
                for line in sorted(result["check"]["limits"], key=_order)
            ),
        ],
        "Saturations": [
            ["layer", "drive", "input", "potential", "output"],
            *(
                [layer, *(whole(of.get(key)) for key in ("drive", "a_in", "u", "z"))]
                for layer, of in result["saturations"].items()
            ),
        ],
    }
    if "seeds" in result:
        found["Over seeds"] = [["", "mean", "sd"], *_seeds(result["seeds"])]
    if "measured" in result:
        found["Measured"] = [
            ["column", "over", "unit", "found", "modelled", "ratio"],
            *(
                [row["name"], row["over"], row["unit"]]
                + [plain(row[key]) for key in ("found", "modelled", "ratio")]
                for row in result["measured"]["rows"]
            ),
        ]
    return {**found, **_exported(result["provenance"])}


def _order(line):
    """Smallest margin first; ranges that an export fills are last."""
    return line["rule"] in ("weight_magnitude", "payload_bits"), line["margin"]


def _quality(result):
    for name, key, form in (
        ("R², explained variance of an image", "r2", r2),
        ("MSE, squared error per pixel", "mse", mse),
        ("zeros, part of the code that sends nothing", "zeros", part),
    ):
        spread = result["quality_by_image"][key]
        yield [name, form(result["quality"][key]), *(form(spread[of]) for of in ENDS)]


ENDS = ("min", "max", "sd")


def _headline(first, shown):
    for name, (low, high) in first["energy_j"].items():
        yield [f"{name} energy, µJ", Micro(shown, low), Micro(shown, high)]
    low, high = first["latency_s"]
    yield [f"time ({first['latency_kind']}), µs", Micro(shown, low), Micro(shown, high)]
    yield ["images per second", *(Micro(shown, rate, 1) for rate in (1 / high, 1 / low))]
    for name, (low, high) in first["energy_delay_js"].items():
        ends = (Micro(shown, value, NANO) for value in (low, high))
        yield [f"{name} energy x time, nJ s", *ends]


def _seeds(found):
    for key, form in (("r2", r2), ("mse", mse), ("zeros", part)):
        yield [key, form(found["quality"][key]), form(found["quality"][f"{key}_sd"])]
    for key, value in found["counts"].items():
        if not key.endswith("_sd"):
            yield [key.replace("_", " "), mean(value), mean(found["counts"][f"{key}_sd"])]


def _readouts(readouts):
    for of in readouts:
        name = f"read-out layer {of['layer']} ({of['name']})"
        if "r2" in of:
            yield [f"{name}: R²", r2(of["r2"])]
            yield [f"{name}: MSE", mse(of["mse"])]
        if "accuracy" in of:
            yield [f"{name}: accuracy", part(of["accuracy"])]


def _stop(result):
    stop = result["stop"]
    if stop is not None and stop["step"] < result["steps"]:
        yield ["stop point, step", str(stop["step"])]
        yield ["R² there", r2(stop["r2"])]


def _exported(made):
    if "grids" not in made:
        return {}
    pairs = zip(*(made["calibration"][kind]["curve"] for kind in ("float", "integer")), strict=True)
    return {
        "Weights": [
            [
                *("layer", "weights", "number", "scale", "lowest", "highest", "clipped", "zero"),
                "relative error",
            ],
            *(
                [
                    *(layer, name.replace("_", " "), whole(of["weights"]), plain(of["scale"])),
                    *(*map(whole, of["range"]), whole(of["clipped"]), whole(of["zeros"])),
                    plain(of["relative_error"]),
                ]
                for layer, grids in made["grids"].items()
                for name, of in grids.items()
            ),
        ],
        "Float and integer": [
            [
                "steps",
                *(f"{n}, {of}" for n in ("R²", "MSE", "zeros") for of in ("float", "integer")),
            ],
            *(
                [
                    *(str(b["step"]), r2(a["r2"]), r2(b["r2"]), mse(a["mse"]), mse(b["mse"])),
                    *(part(a["zeros"]), part(b["zeros"])),
                ]
                for a, b in pairs
            ),
        ],
    }


def test_every_table_shows_the_numbers_of_the_json(seen, shown):
    result, page = seen
    tables = shown.Tables(page)
    wanted = expected(result, shown)
    others = {"The run", "The network", "Verification"}
    assert tables.found.keys() - others == wanted.keys()
    for name, rows in wanted.items():
        found = [[cell.strip() for cell in row] for row in tables.found[name]]
        if name == "Counts per image":
            assert all(row[-1] for row in found)
            found = [found[0], *(row[:-1] for row in found[1:])]
        assert found == rows, name


FACTORS = {"µJ": MICRO, "µs": MICRO, "nJ s": NANO}


def test_programs_find_the_same_numbers_whole(seen, shown):
    """The value of a cell is the JSON's, and what is shown is that value, rounded."""
    tables = shown.Tables(seen[1])
    for name, rows in tables.found.items():
        for row, values in zip(rows, tables.values[name], strict=True):
            micro = MICRO if name in ("Energy per image", "Time per image") else 1
            if name == "Headline":
                micro = FACTORS.get(row[0].rsplit(", ", 1)[-1].strip(), 1)
            for text, value in zip(row, values, strict=True):
                if value is None or " " in text.strip():  # a cell of words with a number in it
                    continue
                factor = 100 if text.endswith("%") else micro
                one, last = shown.number(text.strip().removesuffix("%"))
                exact = Decimal(value) * factor
                assert abs(one - exact) <= last / 2 * Decimal("1.000001"), (name, text, value)
