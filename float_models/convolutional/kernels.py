"""Compiled sums of sparse maps: each count adds its kernel to the places that it reaches."""

from ipvae.float_models.inference.compiling import kernel


@kernel(fastmath={"contract"})
def scatter(counts, weights, stride, width, out):
    """Add the kernel of every count that is not 0 at its place.

    out[s r + a, s q width + l] += z[n, r, q] weights[n, a, l]

    Sums are in the order of rows, columns and maps, so that the result is the same in every run.

    Parameters
    ----------
    counts : (N, H, W) float32, z
    weights : (N, A, L) float32; L holds columns and values for each, `width` of them
    stride : s, places of `out` for each place of a map
    width : values for each place
    out : (s (H - 1) + A, (s (W - 1)) width + L) float32, is overwritten
    """
    maps, height, columns = counts.shape
    rows, length = weights.shape[1], weights.shape[2]
    out[:] = 0
    for r in range(height):
        for q in range(columns):
            left = stride * q * width
            for n in range(maps):
                z = counts[n, r, q]
                if z != 0:
                    for a in range(rows):
                        target = out[stride * r + a, left : left + length]
                        source = weights[n, a]
                        for place in range(length):
                            target[place] += z * source[place]
