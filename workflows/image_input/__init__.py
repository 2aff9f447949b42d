"""Input of images: arrays, array files, pictures, data sets."""
