"""Pictures: PNG files of curves, codes and dictionaries."""
