"""`ipvae.certify`, its file, and `ipvae certify`: what is shown, written, cited and refused."""

import json
from dataclasses import replace

import pytest

import ipvae
from ipvae.network.io.network_file import checksum
from ipvae.network.network import Network
from ipvae.report.html.verdicts import verdicts


@pytest.fixture(scope="module")
def found(net, model, images):
    return ipvae.certify(net, model, images)


def changed(net):
    bias = net.layer.bias.copy()
    bias[3] += 1
    return replace(net, layer=replace(net.layer, bias=bias))


@pytest.fixture
def file(found, tmp_path):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(found.to_json()))
    return path


def test_it_says_what_holds(found, net):
    assert found.passed and found.checksum == checksum(net)
    assert found.shown()[0].startswith("certified: ")
    assert found.to_json()["compared_values"] == sum(c.values for c in found.checks)


def test_it_names_the_first_difference(net, model, images):
    found = ipvae.certify(changed(net), model, images)
    assert not found.passed
    (line,) = [part for part in found.shown() if isinstance(part, str) and "failed: l" in part]
    assert line.startswith("failed: layer 1: bias: 1 of 10 differ; the first at [3]: found ")


def test_verify_names_it(net, file, images):
    backends = ("emulator", "emulator")
    with pytest.raises(ipvae.IpvaeError, match="two or more different"):
        ipvae.verify(net, images, backends=backends, certificate=file)
    with pytest.raises(ipvae.IpvaeError, match="certifies the network"):
        ipvae.verify(changed(net), images, certificate=file)


@pytest.mark.lava
def test_verify_shows_it(net, file, images, found):
    proof = ipvae.verify(net, images, steps=2, samples=1, certificate=file)
    assert proof.bit_exact and proof.certificate
    assert proof.certificate["passed"]
    assert str(proof.shown()[1]).endswith(f"values of ipvae of arrays, says {file}")
    assert proof.to_json()["certificate"]["compared_values"] == found.compared_values


def test_a_report_shows_it(net, file, images, tmp_path):
    report = ipvae.make_report(net, images, steps=2, samples=1, certificate=file)
    (verdict,) = [v for v in verdicts(report.to_json()) if v.title == "Certificate"]
    assert verdict.kind == "holds" and "derived again from the model" in verdict.text
    failed = json.loads(file.read_text())
    failed["passed"], failed["checks"][4]["status"] = False, "failed"
    file.write_text(json.dumps(failed))
    report = ipvae.make_report(net, images, steps=2, samples=1, certificate=file)
    (verdict,) = [v for v in verdicts(report.to_json()) if v.title == "Certificate"]
    assert verdict.kind == "fails" and verdict.text.endswith(failed["checks"][4]["name"])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"passed": 1}', '{"a":' * 9999])
def test_other_files_are_refused(net, tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ipvae.IpvaeError, match=r"other.json"):
        ipvae.verify(net, certificate=path)


def test_the_model_must_be_the_networks(net, model, images):
    smaller = replace(model, params={**model.params, "phi": model.params["phi"][:, :5]})
    with pytest.raises(ipvae.IpvaeError, match="give the model that it was exported from"):
        ipvae.certify(net, smaller, images)
    with pytest.raises(ipvae.IpvaeError, match="its provenance has no weight_bits"):
        ipvae.certify(replace(net, provenance={}), model, images)


def test_other_networks_have_no_model(model):
    with pytest.raises(ipvae.IpvaeError, match="found a network of connections"):
        ipvae.certify(object.__new__(Network), model)  # pyright: ignore[reportArgumentType]
