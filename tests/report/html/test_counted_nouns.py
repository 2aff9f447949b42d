"""Words of the page: they suit the network, and one thing is not several."""

import re
from dataclasses import replace

from ipvae.report.html.page import files
from ipvae.report.html.page import page as written


def test_a_stop_at_the_last_step_is_none_everywhere(result, ink):
    def main(step):
        text = files({**result, "stop": {**result["stop"], "step": step}}, ink)["index.html"]
        return text.decode()

    assert "stop point, step" in main(result["steps"] - 1)
    last = main(result["steps"])
    assert "stop point, step" not in last and "Stop point" in last
    assert "The stop point is" not in last


def test_the_words_suit_networks_without_log_rates(result, ink, figures):
    rates = written(result, ink, figures)
    graded = written({**result, "log_rates": False}, ink, figures)
    for word in ("all but silent", "What one count of a neuron", "at the lower one a neuron"):
        assert word in rates and word not in graded


def test_one_is_not_reported_in_the_plural(result, ink):
    one = {**result, "samples": 1, "steps": 1, "curve_images": 1}
    text = files(one, replace(ink, raster=ink.raster[:, :1]))["index.html"].decode()
    assert "1 image after 1 step" in text and "mean over the first 1 image." in text
    assert not re.search(r"\b(?<![.,])1 (images|steps|neurons)\b", text)


def test_a_map_of_some_chips_reports_it(result, ink):
    cores = [{**result["cores"]["list"][0], "chip": chip} for chip in range(6)]
    found = files({**result, "cores": {**result["cores"], "list": cores}}, ink)
    text = found["index.html"].decode()
    assert "The first 4 of 6 chips are drawn." in text and "The first 4 chips are drawn." in text
    assert "chips are drawn" not in files(result, ink)["index.html"].decode()
