"""What can be evaluated and compared: integer networks, float models, sparse coding, least squares.

`base` says what they have in common, `opening` makes them of what a user has.
"""
