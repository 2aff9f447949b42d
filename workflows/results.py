"""Base classes of results, under the path that workflows and the command line use."""

from ipvae.results import Result, Table, json_data

__all__ = ["Result", "Table", "json_data"]
