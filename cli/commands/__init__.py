"""Commands, one file each: options, one call of the public API, one way of showing."""
