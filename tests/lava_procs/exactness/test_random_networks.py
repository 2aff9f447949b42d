"""Property: whatever the network, as long as it is proved to run, Lava agrees too."""

import numpy as np
import pytest

pytestmark = pytest.mark.lava()


def test_lava_agrees_with_emulator_and_oracle(agree, random_networks):
    random_networks.agree_on_examples(agree, 2)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_lava_agrees_on_many(agree, random_networks):
    alive = random_networks.agree_on_examples(agree, 200)
    assert np.mean(alive) > 0.25
