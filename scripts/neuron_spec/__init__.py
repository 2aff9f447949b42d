"""What docs/loihi2/ holds: neurons as programs; scripts/make_neuron_spec.py writes it."""
