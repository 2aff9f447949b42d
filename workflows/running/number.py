"""Number of images of a run."""


class AtMost(int):
    """Number of images that may turn out smaller, where there are fewer; a default."""
