"""What users do with a `Network` of any kind of neuron: run, verify, check, evaluate, report."""
