"""Certificate of an export: the integers of a network, derived again from the trained model.

Nothing here imports the exporters or their rounding: each rule of docs/certificate.md is written a
second time.
"""
