/* One row of each kind of neuron, and the random source and the sampler. */
#include "runner.h"

#define Q INT64_C(8388607) /* 2^23 - 1 */
#define M24 UINT32_C(0xFFFFFF)
#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

/* ---- integers ---- */

/* The arithmetic shift: `value << n`, or `value >> -n` toward minus infinity. */
int64_t shifted(int64_t value, int64_t n) {
    if (n >= 0) return value * (INT64_C(1) << n);
    return value >= 0 ? value >> -n : ~(~value >> -n);
}

int64_t clip(int64_t value, int64_t low, int64_t high) {
    int64_t less = value < high ? value : high;
    return less > low ? less : low;
}

/* Two's complement of 32 bits. */
int64_t wrap(uint64_t value) {
    uint32_t low = (uint32_t)value;
    return low <= INT32_MAX ? (int64_t)low : (int64_t)low - (INT64_C(1) << 32);
}

static int64_t wrapped(int64_t value) { return wrap((uint64_t)value); }

static int64_t distance(int64_t value) { return value < 0 ? -value : value; }

static int64_t quotient(int64_t value, int64_t divisor) {
    int64_t whole_part = value / divisor;
    return whole_part - (value % divisor < 0);
}

static int64_t entry(const unsigned char *table, int64_t i) { return (int64_t)unsigned_at(table + 4 * i, 4); }

static int64_t bump(const unsigned char *table, int64_t a, int bits) {
    if (a >= INT64_C(16) << bits) return 0;
    int64_t i = a >> (bits - 4), f = a & ((INT64_C(1) << (bits - 4)) - 1);
    return entry(table, i) + shifted((entry(table, i + 1) - entry(table, i)) * f, -(bits - 4));
}

/* ---- random source ---- */

static uint64_t mix64(uint64_t v) {
    v = (v ^ v >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ v >> 27) * UINT64_C(0x94D049BB133111EB);
    return v ^ v >> 31;
}

typedef struct {
    uint32_t low, high;
} Key;

static Key make_key(uint64_t domain, uint64_t index) {
    uint64_t w = mix64(mix64(domain + GOLDEN) + (index + 1) * GOLDEN);
    Key key = {(uint32_t)w & M24, (uint32_t)(w >> 24) & M24};
    return key;
}

static uint32_t times(uint32_t v, uint32_t factor) { return (uint32_t)((uint64_t)v * factor & M24); }

static uint32_t uniform(Key image, Key neuron, int64_t row, int sub) {
    uint32_t c = (uint32_t)(32 * row + sub);
    uint32_t y = (image.high + times(c, 0xD80165)) & M24;
    y = times(y ^ y >> 12, 0xB5297B);
    y = y ^ y >> 11;
    uint32_t h = (neuron.low + image.low + times(c, 0x9E3779)) & M24;
    h = times(h ^ h >> 12, 0xD35A2D);
    h = times(h ^ h >> 13, 0xC9E635);
    h = h ^ h >> 11;
    h = (h + (neuron.high ^ y)) & M24;
    h = times(h, 0xF3864B);
    h = times(h ^ h >> 14, 0xD6D9AB);
    h = times(h ^ h >> 10, 0xF30E65);
    return h ^ h >> 12;
}

/* The count at the log-rate `u` of 12 fraction bits, before its limit. */
static int64_t count(const unsigned char *table, int64_t u, Key image, Key neuron, int64_t row) {
    int o = u <= 12288 ? 0 : (int)((u - 12288 + 4095) >> 12);
    int64_t v = u - 4096 * o, r = (v + 49152) >> 7, f = (v + 49152) & 127, total = 0;
    for (int i = 0; i < 1 << o; i++) {
        int64_t drawn = uniform(image, neuron, row, i);
        for (int n = 0; n < 27; n++) {
            int64_t threshold = entry(table, 27 * r + n);
            if (f != 0) threshold += shifted((entry(table, 27 * (r + 1) + n) - threshold) * f, -7);
            total += drawn >= threshold;
        }
    }
    return total;
}

/* ---- kinds ---- */

static int64_t decay(int64_t v, int64_t d) {
    int64_t p = v * (4096 - d);
    return p >= 0 ? p >> 12 : shifted(p + 4095, -12);
}

static void cuba(Layer *l, int64_t k) {
    int64_t sum = wrapped(decay(l->u[k], l->decay_i[k]) + wrapped(64 * l->a_in[k])), wide = INT64_C(1) << 23;
    l->u[k] = sum > wide ? sum - 2 * wide : sum <= -wide ? sum + 2 * wide : sum;
    l->voltage[k] = clip(decay(l->voltage[k], l->decay_v[k]) + l->u[k] + 64 * l->bias[k], -Q, Q);
    l->z[k] = l->voltage[k] > 64 * l->threshold;
    if (l->z[k]) l->voltage[k] = 0;
}

static int64_t after_spikes(const Layer *l, int64_t v, int64_t n) {
    if (l->subtract) return v - n * l->amount;
    return n > 0 ? 0 : v;
}

static void lif(Layer *l, int64_t k) {
    int64_t bias = shifted(l->bias[k], l->bias_shift);
    int64_t current = decay(l->u[k], l->decay_i[k]) + shifted(l->a_in[k], l->shift);
    if (l->bias_to_current) current += bias;
    l->u[k] = clip(current, -Q, Q);
    int64_t voltage = decay(l->voltage[k], l->decay_v[k]) + l->u[k];
    if (!l->bias_to_current) voltage += bias;
    if (l->next_row) voltage = after_spikes(l, voltage, l->last[k]);
    voltage = clip(voltage, -Q, Q);
    l->z[k] = clip(quotient(voltage, l->threshold), 0, l->most_spikes);
    if (!l->next_row) voltage = clip(after_spikes(l, voltage, l->z[k]), -Q, Q);
    l->voltage[k] = voltage;
    l->last[k] = l->z[k];
}

/* Send the change to `v`. `last` is the residue. */
static void send_change(Layer *l, int64_t k, int64_t v) {
    int64_t delta = wrapped(wrapped(v - l->reference[k]) + l->last[k]), size = wrapped(distance(delta));
    int sends = size >= 4096 * l->threshold;
    l->z[k] = sends ? shifted(delta, -6) : 0;
    l->last[k] = sends ? 0 : delta;
    l->reference[k] = v;
}

static void sigma_delta(Layer *l, int64_t k) {
    l->u[k] = wrapped(l->u[k] + l->a_in[k]);
    int64_t v = wrapped(l->u[k] + 4096 * l->bias[k]);
    send_change(l, k, l->relu && v < 0 ? 0 : v);
}

/* Synaptic input in units of the state, and the drive. */
static int64_t total_input(const Layer *l, int64_t k) {
    int64_t e = l->weight_exp, g;
    if (e >= 0) g = shifted(clip(l->a_in[k], -(L >> e), L >> e), e);
    else g = clip(shifted(l->a_in[k], e), -L, L);
    return l->b[k] + l->sign * g;
}

static void poisson(const Network *network, Layer *l, int64_t k, int64_t row, Key image) {
    int64_t total = total_input(l, k), s = l->self_weight[k], u;
    int64_t most = (INT64_C(1) << l->message_bits) - 1;
    if (l->memory && row == 0) {
        u = l->u_init[k];
    } else if (l->memory) {
        int64_t own = s == 0 ? 0 : s * (l->z[k] < S / s ? l->z[k] : S / s);
        u = clip(l->u[k] + clip(total - own, l->du_min, l->du_max), l->u_min, l->u_max);
    } else {
        int64_t v = l->u_init[k] + clip(total, l->du_min, l->du_max);
        if (l->ceiling)
            v = (v < l->u_max ? v : l->u_max) - bump(network->ceiling_table, distance(l->u_max - v), (int)l->frac_bits);
        u = clip(v, l->u_min, l->u_max);
    }
    Key neuron = make_key(UINT64_C(0x6E6575726F6E0000) + (uint64_t)l->key_layer, (uint64_t)k);
    int64_t drawn = count(network->thresholds, shifted(u, 12 - l->frac_bits), image, neuron, row);
    l->u[k] = u;
    l->z[k] = drawn < most ? drawn : most;
}

static void graded(const Network *network, Layer *l, int64_t k, int64_t row) {
    int64_t total = total_input(l, k), half = l->shift > 0 ? INT64_C(1) << (l->shift - 1) : 0;
    if (l->leak == 0) l->u[k] = total;
    else if (row == 0) l->u[k] = 0;
    else l->u[k] += shifted(total - l->u[k], -l->leak);
    int64_t y = l->u[k];
    if (l->swish) y = (y > 0 ? y : 0) - bump(network->swish_table, distance(y), 12);
    if (y > l->threshold) y -= l->threshold;
    else if (y < -l->threshold) y += l->threshold;
    else y = 0;
    l->z[k] = clip(shifted(y + half, -l->shift), l->z_min, l->z_max);
}

/* One row of a layer: `a_in`, the state and `b` are in the layer, and so is what it sends, `z`. */
void update(const Network *network, Layer *l, uint64_t seed, int64_t image, int64_t row) {
    Key of_image = make_key(seed, (uint64_t)image);
    for (int64_t k = 0; k < l->n; k++) {
        switch (l->kind) {
        case CUBA: cuba(l, k); break;
        case LIF: lif(l, k); break;
        case SDNN: sigma_delta(l, k); break;
        case SIGMA: l->z[k] = l->u[k] = wrapped(l->u[k] + l->a_in[k]); break;
        case POISSON: poisson(network, l, k, row, of_image); break;
        case GRADED: graded(network, l, k, row); break;
        case DELTA: send_change(l, k, wrapped(l->a_in[k] * 4096)); break;
        default: l->z[k] = l->a_in[k]; break;
        }
    }
}
