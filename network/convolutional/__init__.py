"""Networks of convolutions: their decoder, and the same network at another size of the image."""
