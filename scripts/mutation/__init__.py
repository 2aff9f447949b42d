"""Mutation testing: change one line of a copy of the tree, and check that a test fails."""
