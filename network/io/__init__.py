"""Files: the network file, HDF5 in a child process, NumPy arrays, lava-dl's layout."""
