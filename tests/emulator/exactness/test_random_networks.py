"""Property: whatever the network, as long as it is proved to run, emulator and oracle agree."""

import numpy as np
import pytest


def test_emulator_and_oracle_agree(agree, random_networks):
    alive = random_networks.agree_on_examples(agree, 80, with_lava=False)
    assert np.mean(alive) > 0.25


@pytest.mark.long
def test_emulator_and_oracle_agree_on_many(agree, random_networks):
    alive = random_networks.agree_on_examples(agree, 3000, with_lava=False)
    assert np.mean(alive) > 0.25
