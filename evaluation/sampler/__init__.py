"""Statistical tests of spike counts against the sampler's exact distribution."""
