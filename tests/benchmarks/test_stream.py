"""The benchmark runs and its last line is the JSON of its contract; no time is judged."""

import json

import pytest

from ipvae.network.io.network_file import write_network


def test_stream_benchmark_prints_its_contract(tmp_path, make_network, benchmark):
    write_network(tmp_path / "net.h5", make_network(k=20, m=12))
    words = ["--steps", "2", "--frames", "40"]
    found = json.loads(benchmark("stream", tmp_path / "net.h5", *words).splitlines()[-1])
    assert found["of_limit"] == found["limit_us"] / found["latency_us"]
    parts = found["engine_us"] + found["drive_us"] + found["python_us"]
    assert parts == pytest.approx(found["latency_us"])
    assert found["latency_us"] <= found["latency_p99_us"]
    assert found["frames_per_second"] > 0
