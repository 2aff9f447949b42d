"""Numbers of images and steps of a run."""


class AtMost(int):
    """Number of images or steps that may turn out smaller, where there are fewer; a default."""


DEFAULT_STEPS = AtMost(64)
"""Updates of each image; recordings of events may be shorter."""
