"""What a model's process writes into its heartbeat, the host reads."""

import multiprocessing
import time

import pytest

from ipvae.lava_procs.supervision.heartbeat import PHASES, Heartbeat


def test_before_the_first_image_there_is_no_step():
    sign = Heartbeat().read()
    assert (sign.image, sign.seconds) == (-1, 0)
    assert str(sign) == "before its first image, phase 'between two steps'"


def test_the_host_reads_what_a_forked_process_wrote():
    heartbeat = Heartbeat()

    def model():
        for step in (0, 1, 2, 0, 1):
            heartbeat.begin(step)
            heartbeat.mark("drawing")

    start = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=model)
    process.start()
    process.join()
    sign = heartbeat.read()
    assert (sign.image, sign.step, sign.phase) == (1, 1, "drawing")
    assert start <= sign.seconds <= time.monotonic()
    assert str(sign) == "in step 1 of image 1, phase 'drawing'"


def test_every_phase_can_be_marked_and_no_other():
    heartbeat = Heartbeat()
    for phase in PHASES:
        heartbeat.mark(phase)
        assert heartbeat.read().phase == phase
    with pytest.raises(KeyError):
        heartbeat.mark("dreaming")


def test_heartbeats_are_not_shared():
    one, other = Heartbeat(), Heartbeat()
    one.begin(0)
    one.mark("sending")
    assert other.read().image == -1
