"""Workflows for a `Network` of any kind of neuron: run, verify, check, evaluate, report."""
