/* Weighted sums: dense, diagonal and conv. */
#include "runner.h"

/* Sums are taken modulo 2^64: no sum of a drive leaves 64 bits, and others are reduced to 32 bits. */
static uint64_t product(int64_t weight, int64_t z) { return (uint64_t)weight * (uint64_t)z; }

static uint64_t conv_sum(const Weights *w, int64_t k, const int64_t *z) {
    int64_t column = k % w->out[2], row = k / w->out[2] % w->out[1], out = k / w->out[2] / w->out[1];
    int64_t first = out / (w->out[0] / w->groups) * w->channels;
    const int16_t *weight = w->weight + out * w->channels * w->kernel[0] * w->kernel[1];
    uint64_t sum = 0;
    for (int64_t c = 0; c < w->channels; c++) {
        for (int64_t i = 0; i < w->kernel[0]; i++) {
            for (int64_t j = 0; j < w->kernel[1]; j++, weight++) {
                int64_t y = row * w->stride[0] - w->padding[0] + i * w->dilation[0];
                int64_t x = column * w->stride[1] - w->padding[1] + j * w->dilation[1];
                if (y < 0 || y >= w->in[1] || x < 0 || x >= w->in[2]) continue;
                sum += product(*weight, z[((first + c) * w->in[1] + y) * w->in[2] + x]);
            }
        }
    }
    return sum;
}

/* The weighted sum of the messages `z` for receiver `k`. */
uint64_t weighted_sum(const Weights *w, int64_t k, const int64_t *z) {
    uint64_t sum = 0;
    if (w->kind == DIAGONAL) return product(w->weight[k], z[k]);
    if (w->kind == CONV) return conv_sum(w, k, z);
    for (int64_t j = 0; j < w->senders; j++) sum += product(w->weight[k * w->senders + j], z[j]);
    return sum;
}

/* Sums of the positive and of the negative weights of receiver `k`. */
void sums_of_weights(const Weights *w, int64_t k, int64_t *positive, int64_t *negative) {
    int64_t count = 1, first = k;
    if (w->kind == DENSE) count = w->senders, first = k * count;
    if (w->kind == CONV) {
        count = w->channels * w->kernel[0] * w->kernel[1];
        first = k / w->out[2] / w->out[1] * count;
    }
    *positive = *negative = 0;
    for (int64_t i = first; i < first + count; i++) {
        if (w->weight[i] > 0) *positive += w->weight[i];
        else *negative += w->weight[i];
    }
}
