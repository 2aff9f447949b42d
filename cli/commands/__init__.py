"""Commands, one file each: options, one call of the public API, and display of the result."""
