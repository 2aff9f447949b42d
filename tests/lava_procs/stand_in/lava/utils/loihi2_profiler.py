"""Stand-in: public Lava takes the extension for installed where this module is."""
