/* A whole run: docs/spec/run.md, and its trace as a table of text. */
#include <stdio.h>
#include <string.h>

#include "runner.h"

/* The vector of the row, as the input receives it; `lag` is of versions 1 and 2. */
static const int64_t *vector(const Network *net, const Images *images, int64_t image, int64_t row, int lag) {
    if (images->rows == 0) return images->value + image * images->values;
    if (net->version == 3) lag = net->any_driven;
    int64_t frame = clip(row - lag, 0, images->rows - 1);
    return images->value + (image * images->rows + frame) * images->values;
}

static void set_drive(Layer *l, const int64_t *x) {
    for (int64_t k = 0; k < l->n; k++) {
        int64_t p = l->has_drive ? (int64_t)weighted_sum(&l->drive, k, x) : 0;
        l->b[k] = clip(shifted(p, l->drive_exponent) + l->bias[k], -L, L);
    }
}

static void set_start(Layer *l, const int64_t *x) {
    for (int64_t k = 0; k < l->n; k++) {
        int64_t v = shifted((int64_t)weighted_sum(&l->start, k, x), l->start_exponent) + l->start_bias[k];
        if (v < l->start_threshold) v -= l->start_margin;
        l->u_init[k] = clip(v, l->u_min, l->u_max);
    }
}

/* Where the messages of a row are kept; lead-in rows are below 0. */
static int64_t *messages(const Layer *l, int64_t row) { return l->sent + ((row % HISTORY + HISTORY) % HISTORY) * l->n; }

/* Add what a connection contributes to its target in a row. */
static void receive(const Network *net, const Connection *c, int64_t row) {
    const Layer *source = &net->layer[c->source];
    Layer *target = &net->layer[c->target];
    for (int64_t k = 0; k < target->n; k++) {
        int64_t sent = row - c->delay[k];
        if (sent < source->first) continue;
        int64_t sum = wrap(weighted_sum(&c->weights, k, messages(source, sent)));
        if (c->short_sums) sum = ((sum + (1 << 23)) & 0xFFFFFF) - (1 << 23);
        int64_t part = wrap((uint64_t)shifted(sum, c->exponent));
        target->a_in[k] = wrap((uint64_t)(target->a_in[k] + part));
    }
}

static void reset(Layer *l) {
    int64_t *state[] = {l->b, l->u, l->voltage, l->last, l->reference, l->z};
    for (size_t i = 0; i < sizeof state / sizeof *state; i++) memset(state[i], 0, (size_t)l->n * sizeof(int64_t));
}

static void write_row(FILE *out, int64_t image, const Layer *l, int64_t row, const char *name, const int64_t *value) {
    fprintf(out, "%lld,%lld,%s,%lld,", (long long)image, (long long)l->id, name, (long long)row);
    for (int64_t k = 0; k < l->n; k++) fprintf(out, k > 0 ? " %lld" : "%lld", (long long)value[k]);
    fputc('\n', out);
}

static void record(FILE *out, const Network *net, const Layer *l, int64_t image, int64_t row) {
    static const char *const names[][4] = {
        {NULL},
        {"current", "voltage"},
        {"current", "voltage", "last"},
        {"sigma", NULL, "residue", "reference"},
        {"sigma"},
        {"u"},
        {"u"},
        {NULL, NULL, "residue", "reference"},
    };
    const int64_t *state[] = {l->u, l->voltage, l->last, l->reference};
    if (l->id == 0 && net->version < 3) return;
    if (l->kind != NOTHING) write_row(out, image, l, row, "a_in", l->a_in);
    for (int i = 0; i < 4; i++) {
        if (names[l->kind][i]) write_row(out, image, l, row, names[l->kind][i], state[i]);
    }
    write_row(out, image, l, row, "z", l->z);
}

static void run_row(Network *net, Layer *l, const Images *images, int64_t image, int64_t row, uint64_t seed) {
    int index = (int)(l - net->layer);
    const int64_t *x = vector(net, images, image, row, l->lag);
    memset(l->a_in, 0, (size_t)l->n * sizeof *l->a_in);
    if (index == 0) memcpy(l->kind == CUBA ? l->bias : l->a_in, x, (size_t)l->n * sizeof *x);
    for (int i = 0; i < net->connections; i++) {
        if (net->connection[i].target == index) receive(net, &net->connection[i], row);
    }
    if (l->driven && (row == 0 || images->rows > 0)) set_drive(l, x);
    if (l->has_start && row == 0) set_start(l, x);
    if (index == 0 && l->kind == NOTHING && !l->sends) memset(l->a_in, 0, (size_t)l->n * sizeof *l->a_in);
    update(net, l, seed, images->first + image, row);
    memcpy(messages(l, row), l->z, (size_t)l->n * sizeof *l->z);
}

void run(Network *net, const Images *images, int64_t steps, uint64_t seed, const char *folder) {
    char path[4096];
    int64_t first = 0, last = net->any_driven ? steps : steps - 1;
    snprintf(path, sizeof path, "%s/trace.csv", folder);
    FILE *out = fopen(path, "w");
    if (!out) refuse("trace", "%s cannot be written", path);
    fputs("image,layer,variable,row,values\n", out);
    for (int i = 1; i < net->layers; i++) {
        Layer *l = &net->layer[i];
        l->first = net->lead_in && !l->driven ? -l->phase : 0;
        if (l->first < first) first = l->first;
    }
    for (int64_t image = 0; image < images->images; image++) {
        for (int i = 0; i < net->layers; i++) reset(&net->layer[i]);
        for (int64_t row = first; row <= last; row++) {
            for (int i = 0; i < net->layers; i++) {
                Layer *l = &net->layer[net->order[i]];
                if (row < l->first) continue;
                run_row(net, l, images, image, row, seed);
                if (row >= 0) record(out, net, l, image, row);
            }
        }
    }
    if (fclose(out) != 0) refuse("trace", "%s cannot be written", path);
}
