"""Evaluables: integer networks, float models, sparse coding and least squares.

`base` defines their interface; `opening` makes them from networks, models, paths and names.
"""
