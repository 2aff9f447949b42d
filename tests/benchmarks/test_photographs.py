"""The benchmark of whole images runs; its last line is JSON; no time is judged."""

import json


def test_photographs_benchmark_prints_its_points(benchmark, tmp_path):
    picture = tmp_path / "p.png"
    words = ["--sides", "16,32", "--maps", "6", "--kernel", "7", "--stride", "3", "--steps", "40"]
    text = benchmark("photographs", *words, "--picture", picture)
    found = json.loads(text.splitlines()[-1])
    first, last = found["points"]
    assert (first["side"], last["side"]) == (16, 32)
    assert first["neurons"] == 6 * 7 * 7
    assert last["neurons"] == 6 * 12 * 12
    assert 0 < last["peak_megabytes"] < 2000
    assert last["spikes_per_pixel_and_step"] > 0.01
    assert found["exponent"] is not None
    assert picture.stat().st_size > 5_000
