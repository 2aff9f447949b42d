"""Contents of docs/loihi2/: neurons as programs; scripts/make_neuron_spec.py writes it."""
