/* The network of a file, of any version, in terms of version 3; and rules R38 and R39. */
#include <stdio.h>
#include <string.h>

#include "runner.h"

/* One number for each neuron, from one for all, one for each channel, or one for each. */
static int64_t *spread(const Array *array, int64_t n, int64_t missing) {
    int64_t *value = zeros(n, sizeof *value);
    for (int64_t k = 0; k < n; k++) value[k] = array ? whole(array, k / (n / array->count)) : missing;
    return value;
}

static int16_t *weights_of(const Array *array) {
    int16_t *weight = zeros(array->count, sizeof *weight);
    for (int64_t i = 0; i < array->count; i++) weight[i] = (int16_t)whole(array, i);
    return weight;
}

static void two(const File *file, const char *folder, const char *name, int64_t *value) {
    for (int i = 0; i < 2; i++) value[i] = whole(find(file, "%s/%s", folder, name), i);
}

static void build_weights(const File *file, const char *folder, const Layer *source, const Layer *target, Weights *w) {
    const Array *array = find(file, "%s/weight", folder);
    w->kind = one_of(find(file, "%s/kind", folder), "dense|diagonal|conv");
    w->receivers = target->n;
    w->senders = source->n;
    w->weight = weights_of(array);
    if (w->kind != CONV) return;
    for (int i = 0; i < 3; i++) w->in[i] = whole(find(file, "%s/inShape", folder), i), w->out[i] = target->shape[i];
    for (int i = 0; i < 2; i++) w->kernel[i] = array->dim[2 + i];
    w->channels = array->dim[1];
    w->groups = number(file, folder, "groups");
    two(file, folder, "stride", w->stride);
    two(file, folder, "padding", w->padding);
    two(file, folder, "dilation", w->dilation);
}

static int64_t optional(const File *file, const char *folder, const char *name, int64_t missing) {
    const Array *array = find(file, "%s/%s", folder, name);
    return array && array->type[0] != 'S' ? whole(array, 0) : missing;
}

static int text_is(const File *file, const char *folder, const char *name, const char *text) {
    const Array *array = find(file, "%s/%s", folder, name);
    return array && array->type[0] == 'S' && strncmp((const char *)array->data, text, array->size) == 0;
}

static void build_layer(const File *file, int64_t id, Layer *l) {
    char folder[40];
    const Array *shape = find(file, "layer/%d/shape", (int)id);
    sprintf(folder, "layer/%d/neuron", (int)id);
    l->id = id;
    l->n = neurons_of(file, id);
    l->ndim = (int)shape->count;
    for (int i = 0; i < l->ndim; i++) l->shape[i] = whole(shape, i);
    l->kind = kind_of(file, id);
    l->driven = l->kind == POISSON || l->kind == GRADED;
    l->bias = spread(id == 0 ? NULL : find(file, "layer/%d/bias", (int)id), l->n, 0);
    l->threshold = optional(file, folder, l->kind == LIF || l->kind == GRADED ? "threshold" : "vThMant", 0);
    l->amount = optional(file, folder, "amount", 0);
    l->shift = optional(file, folder, "shift", 0);
    l->bias_shift = optional(file, folder, "biasShift", 0);
    l->most_spikes = optional(file, folder, "mostSpikes", 0);
    l->next_row = (int)optional(file, folder, "nextRow", 0);
    l->bias_to_current = (int)optional(file, folder, "biasToCurrent", 0);
    l->subtract = text_is(file, folder, "reset", "subtract");
    l->relu = text_is(file, folder, "activation", "relu");
    l->swish = text_is(file, folder, "activation", "swish");
    l->leak = optional(file, folder, "leak", 0);
    l->z_min = optional(file, folder, "zMin", 0);
    l->z_max = optional(file, folder, "zMax", 0);
    l->sign = optional(file, folder, "sign", -1);
    l->weight_exp = optional(file, folder, "weight_exp", 0);
    l->message_bits = optional(file, folder, "messageBits", 0);
    l->frac_bits = optional(file, folder, "fracBits", 12);
    l->u_min = optional(file, folder, "uMin", 0);
    l->u_max = optional(file, folder, "uMax", 0);
    l->du_min = optional(file, folder, "duMin", 0);
    l->du_max = optional(file, folder, "duMax", 0);
    l->key_layer = optional(file, folder, "keyLayer", 1);
    l->memory = (int)optional(file, folder, "memory", 1);
    l->ceiling = (int)optional(file, folder, "ceiling", 0);
    l->u_init = spread(find(file, "%s/uInit", folder), l->n, 0);
    l->self_weight = spread(find(file, "%s/selfWeight", folder), l->n, 0);
    l->decay_i = spread(find(file, "%s/%s", folder, l->kind == LIF ? "iDecays" : "iDecay"), l->n, 0);
    l->decay_v = spread(find(file, "%s/%s", folder, l->kind == LIF ? "vDecays" : "vDecay"), l->n, 0);
    int64_t **state[] = {&l->a_in, &l->b, &l->u, &l->voltage, &l->last, &l->reference, &l->z};
    for (size_t i = 0; i < sizeof state / sizeof *state; i++) *state[i] = zeros(l->n, sizeof(int64_t));
    l->sent = zeros(HISTORY * l->n, sizeof *l->sent);
}

/* ---- versions 1 and 2: a drive and one dense connection ---- */

static void plain(const Array *array, int64_t receivers, int64_t senders, Weights *w) {
    w->kind = array->ndim == 1 ? DIAGONAL : DENSE;
    w->receivers = receivers;
    w->senders = senders;
    w->weight = weights_of(array);
}

static void build_older(const File *file, Network *net) {
    char folder[40];
    net->connection = zeros(net->layers, sizeof *net->connection);
    for (int i = 1; i < net->layers; i++) {
        Layer *l = &net->layer[i];
        const Array *weight = find(file, "layer/%d/weight", i), *again = find(file, "layer/%d/weight_rec", i);
        const Array *start = find(file, "layer/%d/neuron/startWeight", i);
        sprintf(folder, "ipvae/layers/%d", i);
        int first = file->version == 1;
        l->lag = first ? 1 : (int)number(file, folder, "lag");
        l->sign = first ? -1 : number(file, folder, "sign");
        l->has_drive = weight->size == 2;
        l->drive_exponent = (int)(first ? number(file, "ipvae", "drive_exp") : number(file, folder, "drive_exp"));
        if (l->has_drive) plain(weight, l->n, net->layer[0].n, &l->drive);
        if (start) {
            sprintf(folder, "layer/%d/neuron", i);
            l->has_start = 1;
            plain(start, l->n, net->layer[0].n, &l->start);
            l->start_bias = spread(find(file, "%s/startBias", folder), l->n, 0);
            l->start_exponent = (int)number(file, folder, "start_exp");
            l->start_threshold = number(file, folder, "startThreshold");
            l->start_margin = number(file, folder, "startMargin");
        }
        int source = first ? 1 : (int)whole(find(file, "ipvae/layers/%d/source", i), 0);
        if (source == 0) continue;
        Connection *c = &net->connection[net->connections++];
        c->source = source;
        c->target = i;
        c->least_delay = l->lag;
        c->delay = spread(NULL, l->n, l->lag);
        plain(l->has_drive ? again : weight, l->n, net->layer[source].n, &c->weights);
    }
}

/* ---- version 3 ---- */

static int layer_of(const Network *net, const Array *text) {
    char name[11];
    for (int i = 0; i < net->layers; i++) {
        sprintf(name, "%d", (int)net->layer[i].id);
        if (strncmp(name, (const char *)text->data, 10) == 0) return i;
    }
    return 0;
}

static void build_version_3(const File *file, Network *net) {
    int64_t *numbers;
    char folder[40];
    net->connections = (int)numbers_below(file, "ipvae/connections/", 999999999, &numbers);
    net->connection = zeros(net->connections, sizeof *net->connection);
    for (int i = 0; i < net->connections; i++) {
        Connection *c = &net->connection[i];
        sprintf(folder, "ipvae/connections/%d", i);
        const Array *delay = find(file, "%s/delay", folder);
        c->source = layer_of(net, find(file, "%s/source", folder));
        c->target = layer_of(net, find(file, "%s/target", folder));
        build_weights(file, folder, &net->layer[c->source], &net->layer[c->target], &c->weights);
        c->exponent = (int)number(file, folder, "exponent");
        c->delay = spread(delay, net->layer[c->target].n, 0);
        c->least_delay = c->delay[0];
        for (int64_t k = 0; k < net->layer[c->target].n; k++) {
            if (c->delay[k] < c->least_delay) c->least_delay = c->delay[k];
        }
    }
    for (int i = 1; i < net->layers; i++) {
        Layer *l = &net->layer[i];
        sprintf(folder, "ipvae/layers/%d/drive", (int)l->id);
        if (!find(file, "%s/kind", folder)) continue;
        l->has_drive = 1;
        l->drive_exponent = (int)number(file, folder, "exponent");
        build_weights(file, folder, &net->layer[0], l, &l->drive);
    }
}

/* Phases by the connections with a delay of 0 alone, or by all; 0 if there are no such numbers. */
static int set_phases(Network *net, int only_zero) {
    for (int i = 0; i < net->layers; i++) net->layer[i].phase = 0;
    for (int round = 0; round <= net->layers; round++) {
        int changed = 0;
        for (int i = 0; i < net->connections; i++) {
            const Connection *c = &net->connection[i];
            int least = net->layer[c->source].phase + 1 - (int)c->least_delay;
            if ((only_zero && c->least_delay > 0) || net->layer[c->target].phase >= least) continue;
            net->layer[c->target].phase = least;
            changed = 1;
        }
        if (!changed) return 1;
    }
    return 0;
}

static void set_order(Network *net) {
    int *done = zeros(net->layers, sizeof *done), placed = 0;
    net->order = zeros(net->layers, sizeof *net->order);
    while (placed < net->layers) {
        int before = placed;
        for (int i = 0; i < net->layers; i++) {
            int waits = done[i];
            for (int j = 0; j < net->connections; j++) {
                const Connection *c = &net->connection[j];
                if (c->target == i && c->least_delay == 0 && !done[c->source]) waits = 1;
            }
            if (!waits) net->order[placed++] = i, done[i] = 1;
        }
        if (placed == before) refuse("R28", "connections with a delay of 0 form a loop");
    }
}

void build_network(const File *file, Network *net) {
    int64_t *id;
    net->version = file->version;
    net->layers = (int)numbers_below(file, "layer/", 999999999, &id);
    net->layer = zeros(net->layers, sizeof *net->layer);
    int spiking = 1;
    for (int i = 0; i < net->layers; i++) {
        Layer *l = &net->layer[i];
        build_layer(file, id[i], l);
        net->any_driven |= l->driven;
        net->draws |= l->kind == POISSON;
        spiking &= l->kind == CUBA || l->kind == LIF || l->kind == NOTHING;
    }
    net->lead_in = !spiking;
    const Array *table = find(file, "ipvae/sampler/thresholds"), *swish = find(file, "ipvae/tables/swish"),
                *ceiling = find(file, "ipvae/tables/ceiling");
    net->thresholds = table ? table->data : NULL;
    net->swish_table = swish ? swish->data : NULL;
    net->ceiling_table = ceiling ? ceiling->data : NULL;
    net->graded_input = net->version < 3 || number(file, "ipvae/input", "graded") == 1;
    int kind = net->layer[0].kind;
    net->minimum = kind == CUBA ? -4096 : kind == DELTA ? -2048 : net->graded_input ? -32768 : 0;
    net->maximum = kind == CUBA ? 4095 : kind == DELTA ? 2047 : net->graded_input ? 32767 : 1;
    net->minimum = optional(file, "ipvae/input", "minimum", net->minimum);
    net->maximum = optional(file, "ipvae/input", "maximum", net->maximum);
    if (net->version == 3) build_version_3(file, net);
    else build_older(file, net);
    for (int i = 0; i < net->connections; i++) net->layer[net->connection[i].source].sends = 1;
    if (!set_phases(net, 0)) set_phases(net, 1);
    set_order(net);
}

/* ---- R38 and R39 ---- */

static void messages_of(const Network *net, int i, int64_t *low, int64_t *high) {
    const Layer *l = &net->layer[i];
    int64_t z = (INT64_C(1) << l->message_bits) - 1;
    *low = 0, *high = 1;
    if (l->kind == POISSON) *high = z < 864 ? z : 864;
    if (l->kind == GRADED) *low = l->z_min, *high = l->z_max;
    if (l->kind == LIF) *high = l->most_spikes;
    if (l->kind == SDNN || l->kind == DELTA) *low = -32768, *high = 32767;
    if (l->kind == SIGMA) *low = INT32_MIN, *high = INT32_MAX;
    if (l->kind == NOTHING) *low = net->minimum < 0 ? net->minimum : 0, *high = net->maximum > 0 ? net->maximum : 0;
}

/* Whether the messages of a layer are other integers than 0 and 1. */
static int is_graded(const Network *net, int i) {
    const Layer *l = &net->layer[i];
    if (l->kind == LIF) return l->most_spikes > 1;
    return l->kind == NOTHING ? net->graded_input : l->kind != CUBA;
}

void check_ranges(Network *net) {
    int64_t **down_sum = zeros(net->layers, sizeof *down_sum), **up_sum = zeros(net->layers, sizeof *up_sum);
    for (int i = 0; i < net->layers; i++) {
        down_sum[i] = zeros(net->layer[i].n, sizeof **down_sum);
        up_sum[i] = zeros(net->layer[i].n, sizeof **up_sum);
    }
    for (int i = 0; i < net->connections; i++) {
        Connection *c = &net->connection[i];
        int64_t low, high, positive, negative, most = INT64_C(1) << 31;
        c->short_sums = c->weights.kind == CONV && is_graded(net, c->source);
        if (!net->layer[c->target].driven) continue;
        messages_of(net, c->source, &low, &high);
        int64_t limit = c->short_sums ? (1 << 23) - 1 : INT32_MAX;
        for (int64_t k = 0; k < c->weights.receivers; k++) {
            sums_of_weights(&c->weights, k, &positive, &negative);
            positive = clip(positive, 0, most); /* a sum of weights beyond it is refused either way */
            negative = clip(negative, -most, 0);
            int64_t up = high * positive + low * negative, down = low * positive + high * negative;
            if (up > limit || down < -limit) refuse("R38", "a sum of connection %d can leave its width", i);
            down_sum[c->target][k] += shifted(down, c->exponent);
            up_sum[c->target][k] += shifted(up, c->exponent);
        }
    }
    for (int i = 1; i < net->layers; i++) {
        for (int64_t k = 0; k < net->layer[i].n && net->layer[i].driven; k++) {
            if (up_sum[i][k] > (1 << 23) - 1 || down_sum[i][k] < -((1 << 23) - 1))
                refuse("R39", "a_in of layer %d can leave 24 bits", i);
        }
    }
}
