/* Rules R17 to R37 of files of version 3: layers, connections, drives, decoder. */
#include <stdio.h>
#include <string.h>

#include "runner.h"

typedef struct {
    int64_t id, shape[3], n, conv_shape[3];
    int ndim, kind, conv, received;
} Sketch;

static Sketch *sketch;
static int64_t sketches;

static Sketch *of_id(const Array *text) {
    char name[11];
    for (int64_t i = 0; i < sketches; i++) {
        sprintf(name, "%d", (int)sketch[i].id);
        if (strncmp(name, (const char *)text->data, 10) == 0) return &sketch[i];
    }
    refuse("R27", "%s: no such layer", text->path);
    return NULL;
}

static int64_t at(const File *file, const char *folder, const char *name, int i) {
    return whole(find(file, "%s/%s", folder, name), i);
}

/* R26: the shapes of conv weights, their source and their target. */
static void check_conv(const File *file, const char *folder, Sketch *source, const Sketch *target, int connection) {
    static const struct {
        const char *name;
        int64_t low, high;
    } pairs[] = {{"stride", 1, 127}, {"padding", 0, 63}, {"dilation", 1, 127}};
    const Array *weight = find(file, "%s/weight", folder), *in = find(file, "%s/inShape", folder);
    int64_t two = 2, three = 3, groups = at(file, folder, "groups", 0), n = 1, shape[3];
    for (int i = 0; i < 3; i++) {
        const Array *pair = find(file, "%s/%s", folder, pairs[i].name);
        has_shape(pair, 1, &two);
        within(pair, pairs[i].low, pairs[i].high);
    }
    has_shape(in, 1, &three);
    within(in, 1, 1 << 24);
    within(find(file, "%s/groups", folder), 1, 1 << 24);
    for (int i = 0; i < 3; i++) {
        shape[i] = whole(in, i);
        n *= shape[i];
        if (n > 1 << 24) refuse("R26", "%s/inShape: too many neurons", folder);
        if (source->ndim == 3 && shape[i] != source->shape[i])
            refuse("R26", "%s/inShape is not the shape of its source", folder);
    }
    if (n != source->n) refuse("R26", "%s/inShape is not the shape of its source", folder);
    if (connection && source->conv && memcmp(source->conv_shape, shape, sizeof shape))
        refuse("R26", "%s/inShape differs from another's", folder);
    if (connection) memcpy(source->conv_shape, shape, sizeof shape), source->conv = 1;
    if (weight->count < 1 || shape[0] % groups || weight->dim[0] % groups || weight->dim[1] * groups != shape[0])
        refuse("R26", "%s/groups", folder);
    if (target->ndim != 3 || target->shape[0] != weight->dim[0])
        refuse("R26", "%s: the layer has other channels", folder);
    for (int i = 0; i < 2; i++) {
        int64_t room = shape[1 + i] + 2 * at(file, folder, "padding", i) -
                       at(file, folder, "dilation", i) * (weight->dim[2 + i] - 1) - 1;
        if (room < 0 || room / at(file, folder, "stride", i) + 1 != target->shape[1 + i])
            refuse("R26", "%s: the layer has another shape", folder);
    }
}

/* R25 */
static void check_values(const Array *weight) {
    int64_t least = 0, most = 0, odd = 0;
    for (int64_t i = 0; i < weight->count; i++) {
        int64_t value = whole(weight, i);
        if (value < least) least = value;
        if (value > most) most = value;
        odd |= value & 1;
    }
    int fits = (least >= -128 && most <= 127) || (!odd && least >= -256 && most <= 254) ||
               (least >= 0 && most <= 255) || (least >= -255 && most <= 0);
    if (!fits) refuse("R25", "%s is in none of the four ranges", weight->path);
}

static int check_weights(const File *file, const char *folder, Sketch *source, const Sketch *target, int connection) {
    int kind = one_of(find(file, "%s/kind", folder), "dense|diagonal|conv");
    const Array *weight = find(file, "%s/weight", folder);
    int64_t shape[] = {target->n, source->n};
    if (kind == CONV) check_conv(file, folder, source, target, connection);
    else has_shape(weight, kind == DENSE ? 2 : 1, shape);
    if (kind == DIAGONAL && source->n != target->n) refuse("R21", "%s/weight has another size", folder);
    within(find(file, "%s/exponent", folder), connection ? -8 : -24, 14);
    int64_t received = kind == DENSE ? source->n : kind == CONV ? weight->count / weight->dim[0] : 1;
    if (!connection && received > 524287) refuse("R20", "%s/weight: too many pixels", folder);
    if (connection) check_values(weight);
    return kind;
}

static void check_delay(const File *file, const char *folder, int kind, const Sketch *target) {
    const Array *delay = find(file, "%s/delay", folder);
    int differ = 0;
    within(delay, 0, 62);
    if (delay->ndim == 0) return;
    if (kind != DENSE) refuse("R36", "%s is an array, and the weights are not dense", delay->path);
    has_shape(delay, 1, &target->n);
    for (int64_t i = 1; i < delay->count; i++) differ |= whole(delay, i) != whole(delay, 0);
    if (!differ) refuse("R36", "%s has one value only", delay->path);
}

/* R28: connections with a delay of 0 for some receiver; `count` connections. */
static void check_loops(const File *file, int64_t count) {
    int64_t left = sketches - 1;
    int *done = zeros(sketches, sizeof *done), *waits = zeros(sketches, sizeof *waits);
    done[0] = 1;
    for (int changed = 1; changed;) {
        changed = 0;
        memset(waits, 0, (size_t)sketches * sizeof *waits);
        for (int64_t c = 0; c < count; c++) {
            char folder[40];
            sprintf(folder, "ipvae/connections/%d", (int)c);
            const Array *delay = find(file, "%s/delay", folder);
            int64_t least = 62;
            for (int64_t i = 0; i < delay->count; i++) least = whole(delay, i) < least ? whole(delay, i) : least;
            int64_t source = of_id(find(file, "%s/source", folder)) - sketch,
                    target = of_id(find(file, "%s/target", folder)) - sketch;
            if (least == 0 && !done[source]) waits[target] = 1;
        }
        for (int64_t i = 1; i < sketches; i++) {
            if (!done[i] && !waits[i]) done[i] = changed = 1, left--;
        }
    }
    if (left > 0) refuse("R28", "connections with a delay of 0 form a loop");
}

static void check_decoder(const File *file) {
    const Array *weight = find(file, "ipvae/decoder/weight"), *stride = find(file, "ipvae/decoder/stride"),
                *crop = find(file, "ipvae/decoder/crop");
    int64_t two = 2;
    if (!weight) {
        if (file->minor == 1) refuse("R35", "version 3.0 could hold the network");
        return;
    }
    const char *folder = "ipvae/decoder";
    finite_numbers(weight, 0);
    has_shape(stride, 1, &two);
    has_shape(crop, 1, &two);
    within(stride, 1, 127);
    within(crop, 0, 127);
    const Sketch *layer = NULL, *input = sketch;
    for (int64_t i = 1; i < sketches; i++) {
        char name[11];
        sprintf(name, "%d", (int)sketch[i].id);
        if (strncmp(name, (const char *)find(file, "ipvae/decoder/layer")->data, 10) == 0) layer = &sketch[i];
    }
    if (!layer || layer->ndim != 3 || input->ndim != 3 || weight->dim[0] != layer->shape[0] ||
        weight->dim[1] != input->shape[0]) {
        refuse("R37", "the decoder does not fit its layer or the input");
    }
    for (int i = 0; i < 2; i++) {
        int64_t canvas = (layer->shape[1 + i] - 1) * at(file, folder, "stride", i) + weight->dim[2 + i];
        if (weight->dim[2 + i] < 1 || at(file, folder, "crop", i) + input->shape[1 + i] > canvas)
            refuse("R37", "the image is not inside the canvas");
    }
}

static void check_input(const File *file) {
    int64_t low, high, graded = whole(find(file, "ipvae/input/graded"), 0);
    int kind = sketch[0].kind;
    finite_numbers(find(file, "layer/0/weight"), 0);
    finite_numbers(find(file, "layer/0/bias"), 0);
    if (kind != NOTHING && kind != CUBA && kind != DELTA) refuse("R19", "layer/0/neuron/type");
    if (kind != NOTHING) check_neurons(file, 0);
    within(find(file, "ipvae/input/graded"), 0, kind == NOTHING);
    if (kind == CUBA) low = -4096, high = 4095;
    else if (kind == DELTA) low = -2048, high = 2047;
    else low = graded ? -32768 : 0, high = graded ? 32767 : 1;
    check_pixels(file, low, high, &low, &high);
    const Array *labels = find(file, "ipvae/test/labels");
    for (int64_t i = 0; i < labels->count; i++) {
        if (whole(labels, i) < -1) refuse("R31", "a label below -1");
    }
}

/* The layer's type is the kind of its first connection, else of its drive. */
static void check_type(const File *file, int64_t id, const Array *kind) {
    const char *names = "dense|diagonal|conv";
    const Array *type = find(file, "layer/%d/type", (int)id);
    if (one_of(type, names) != one_of(kind, names))
        refuse("R34", "%s is not the kind of its first connection", type->path);
}

static void check_layers(const File *file, const int64_t *id) {
    for (int64_t i = 0; i < sketches; i++) {
        Sketch *layer = &sketch[i];
        const Array *shape = find(file, "layer/%d/shape", (int)id[i]);
        layer->id = id[i];
        layer->n = neurons_of(file, id[i]);
        layer->ndim = (int)shape->count;
        layer->kind = kind_of(file, id[i]);
        for (int axis = 0; axis < layer->ndim; axis++) layer->shape[axis] = whole(shape, axis);
        if (i == 0) continue;
        if (layer->kind == DELTA) refuse("R30", "layer %d: delta neurons outside the input", (int)id[i]);
        check_neurons(file, id[i]);
        one_of(find(file, "ipvae/layers/%d/purpose", (int)id[i]), "hidden|readout");
        for (int64_t j = 1; j < i && layer->kind == POISSON; j++) {
            const Array *key = find(file, "layer/%d/neuron/keyLayer", (int)id[i]),
                        *other = find(file, "layer/%d/neuron/keyLayer", (int)id[j]);
            if (other && whole(key, 0) == whole(other, 0)) refuse("R29", "%s is another layer's", key->path);
        }
    }
}

void check_version_3(const File *file) {
    int64_t *id, *numbers, connections = numbers_below(file, "ipvae/connections/", 999999999, &numbers), last = 0;
    int *has_conv;
    char folder[40];
    sketches = numbers_below(file, "layer/", 999999999, &id);
    sketch = zeros(sketches, sizeof *sketch);
    has_conv = zeros(sketches, sizeof *has_conv);
    if (connections > 4096 || (connections > 0 && numbers[connections - 1] != connections - 1))
        refuse("R18", "numbers of connections");
    check_layers(file, id);
    check_input(file);
    for (int64_t c = 0; c < connections; c++) {
        sprintf(folder, "ipvae/connections/%d", (int)c);
        Sketch *source = of_id(find(file, "%s/source", folder)), *target = of_id(find(file, "%s/target", folder));
        if (target->id == 0) refuse("R27", "%s/target is the input", folder);
        if (target->id < last) refuse("R18", "connections are not in the order of their targets");
        last = target->id;
        int kind = check_weights(file, folder, source, target, 1);
        check_delay(file, folder, kind, target);
        if (!target->received) check_type(file, target->id, find(file, "%s/kind", folder));
        target->received = 1;
        if (kind == CONV) has_conv[target - sketch] = 1;
    }
    for (int64_t i = 1; i < sketches; i++) {
        Sketch *layer = &sketch[i];
        sprintf(folder, "ipvae/layers/%d/drive", (int)layer->id);
        const Array *kind = find(file, "%s/kind", folder);
        if (kind) {
            if (layer->kind != POISSON && layer->kind != GRADED)
                refuse("R30", "layer %d: a drive of such neurons", (int)layer->id);
            if (check_weights(file, folder, sketch, layer, 0) == CONV) has_conv[i] = 1;
            if (!layer->received) check_type(file, layer->id, kind);
        } else if (!layer->received) {
            refuse("R23", "layer %d receives nothing", (int)layer->id);
        }
        if (layer->ndim == 3 && !has_conv[i])
            refuse("R34", "layer %d has the shape of conv weights, and none", (int)layer->id);
    }
    check_loops(file, connections);
    check_decoder(file);
}
