"""Images as users give them: arrays, array files, pictures, data sets."""
