"""Rules of integer arithmetic: tables, random source, sampler, drive and neuron step."""
