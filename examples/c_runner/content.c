/* Rules R17 to R37 of the contents: what all versions share, neurons, and versions 1 and 2. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

#define ALL(array) for (int64_t i = 0; i < (array)->count; i++)

int64_t number(const File *file, const char *folder, const char *name) {
    return whole(find(file, "%s/%s", folder, name), 0);
}

void within(const Array *array, int64_t low, int64_t high) {
    ALL(array) {
        int64_t value = whole(array, i);
        if (value < low || value > high) {
            refuse("R20", "%s: found %lld, allowed %lld .. %lld", array->path, (long long)value, (long long)low,
                   (long long)high);
        }
    }
}

void finite_numbers(const Array *array, int positive) {
    ALL(array) {
        double value = real(array, i);
        if (!isfinite(value) || (positive && value <= 0))
            refuse("R20", "%s is not finite, or not above 0", array->path);
    }
}

void has_shape(const Array *array, int ndim, const int64_t *dim) {
    int equal = array->ndim == ndim;
    for (int i = 0; equal && i < ndim; i++) equal = array->dim[i] == dim[i];
    if (!equal) refuse("R21", "%s has another size", array->path);
}

static void follows(const File *file, const char *folder, const char *name, int64_t value) {
    if (number(file, folder, name) != value) refuse("R34", "%s/%s: allowed is %lld", folder, name, (long long)value);
}

/* ---- checksum and tables ---- */

static void check_checksum(const File *file) {
    char text[64], digits[65];
    Sha256 hash;
    sha256_start(&hash);
    sprintf(text, "ipvae-network/%d", file->version);
    sha256_add(&hash, text, strlen(text) + 1);
    for (int i = 0; i < file->arrays; i++) {
        const Array *array = &file->array[i];
        sha256_add(&hash, array->path, strlen(array->path) + 1);
        sha256_add(&hash, array->type, strlen(array->type) + 1);
        for (int j = 0; j < array->ndim; j++) {
            sprintf(text, "%s%lld", j > 0 ? "," : "", (long long)array->dim[j]);
            sha256_add(&hash, text, strlen(text));
        }
        sha256_add(&hash, "", 1);
        sha256_add(&hash, array->data, (size_t)array->count * array->size);
    }
    sha256_end(&hash, digits);
    if (strcmp(file->checksum, digits) != 0) refuse("R17", "the checksum is missing or differs");
}

static void check_table(const File *file, const char *path, const char *expected) {
    char digits[65];
    Sha256 hash;
    const Array *array = find(file, "%s", path);
    if (!array) return;
    int64_t rows = array->ndim == 2 ? 481 : 257, shape[] = {rows, 27};
    has_shape(array, array->ndim, shape);
    sha256_start(&hash);
    sha256_add(&hash, array->data, (size_t)array->count * array->size);
    sha256_end(&hash, digits);
    if (strcmp(digits, expected) != 0) refuse("R33", "%s is another table", path);
}

static void check_name(const File *file, const char *path, const char *name) {
    const Array *array = find(file, "%s", path);
    char padded[32] = {0};
    memcpy(padded, name, strlen(name));
    if (array && memcmp(array->data, padded, sizeof padded) != 0) refuse("R33", "%s is none of the known ones", path);
}

static void check_tables(const File *file) {
    check_name(file, "ipvae/random", "mix24/2");
    check_name(file, "ipvae/sampler/name", "poisson-thresholds-32/1");
    check_table(file, "ipvae/sampler/thresholds", "c132ce4d1b397d0adbde67c20fd0704a58fe15cd7660aa38d655f2a887844f93");
    check_table(file, "ipvae/tables/swish", "795dbb717410175aed6b73f0572c477bdc94114faa74995cc85f7d54c907f002");
    check_table(file, "ipvae/tables/ceiling", "a6559fb74654d0fb08124dbd49b80aa3547307b93885a9a9909672ccc9adb5d4");
}

/* ---- neurons ---- */

static const struct {
    int kind;
    const char *name;
    int64_t low, high;
} RANGES[] = {
    {CUBA, "vThMant", 0, 1 << 18},   {CUBA, "iDecay", 0, 4096},       {CUBA, "vDecay", 0, 4096},
    {LIF, "iDecays", 0, 4096},       {LIF, "vDecays", 0, 4096},       {LIF, "threshold", 1, 1 << 22},
    {LIF, "amount", 0, 1 << 22},     {LIF, "shift", 0, 12},           {LIF, "biasShift", 0, 12},
    {LIF, "nextRow", 0, 1},          {LIF, "biasToCurrent", 0, 1},    {LIF, "mostSpikes", 1, 15},
    {SDNN, "vThMant", 0, 2047},      {DELTA, "vThMant", 0, 2047},     {POISSON, "messageBits", 1, 23},
    {POISSON, "fracBits", 12, 16},   {POISSON, "duMin", -S, 0},       {POISSON, "duMax", 0, S},
    {POISSON, "memory", 0, 1},       {POISSON, "ceiling", 0, 1},      {POISSON, "selfWeight", 0, S},
    {POISSON, "keyLayer", 1, 65535}, {POISSON, "weight_exp", -8, 14}, {GRADED, "zMin", -8388607, 0},
    {GRADED, "zMax", 0, 8388607},    {GRADED, "leak", 0, 15},         {GRADED, "threshold", 0, L},
    {GRADED, "shift", 0, 20},        {GRADED, "weight_exp", -8, 14},
};

int kind_of(const File *file, int64_t id) {
    const Array *type = find(file, "layer/%d/neuron/type", (int)id);
    return type ? one_of(type, "CUBA|LIF|SDNN|SIGMA|POISSON|GRADED|DELTA") + CUBA : NOTHING;
}

/* The number of a layer's neurons. */
int64_t neurons_of(const File *file, int64_t id) {
    const Array *shape = find(file, "layer/%d/shape", (int)id);
    int64_t n = 1;
    if (shape->count != 1 && (shape->count != 3 || file->version < 3))
        refuse("R21", "%s has another size", shape->path);
    ALL(shape) {
        int64_t axis = whole(shape, i);
        if (axis < 1 || axis > 1 << 24 || (n *= axis) > 1 << 24)
            refuse("R20", "%s: found %lld neurons", shape->path, (long long)n);
    }
    return n;
}

static void one_or_more(const File *file, int64_t id, const char *name, int64_t low, int64_t high) {
    const Array *array = find(file, "layer/%d/%s", (int)id, name);
    int64_t n = neurons_of(file, id), channels = whole(find(file, "layer/%d/shape", (int)id), 0);
    if (array->ndim == 1 && array->count != n && array->count != channels)
        refuse("R21", "%s has another size", array->path);
    within(array, low, high);
}

/* Ranges and texts of a layer's neurons and of its bias; returns the kind. */
int64_t check_neurons(const File *file, int64_t id) {
    char folder[40];
    int kind = kind_of(file, id);
    sprintf(folder, "layer/%d/neuron", (int)id);
    if (find(file, "%s/type", folder)->count != 1) refuse("R21", "%s/type", folder);
    for (size_t i = 0; i < sizeof RANGES / sizeof *RANGES; i++) {
        const Array *array = find(file, "%s/%s", folder, RANGES[i].name);
        if (RANGES[i].kind == kind && array) within(array, RANGES[i].low, RANGES[i].high);
    }
    if (find(file, "layer/%d/bias", (int)id)) {
        int64_t ends[] = {0, 4095, 4095, 2047, 0, L, L, 0}, high = ends[kind];
        if (kind == SIGMA) refuse("R30", "layer/%d: a bias of sigma neurons", (int)id);
        one_or_more(file, id, "bias", kind == CUBA || kind == LIF ? -4096 : -high, high);
    }
    if (kind == LIF) {
        one_or_more(file, id, "neuron/iDecays", 0, 4096);
        one_or_more(file, id, "neuron/vDecays", 0, 4096);
        one_of(find(file, "%s/reset", folder), "zero|subtract");
    }
    if (kind == SDNN) one_of(find(file, "%s/activation", folder), "relu|identity");
    if (kind == GRADED) {
        one_of(find(file, "%s/activation", folder), "linear|swish");
        finite_numbers(find(file, "%s/unit", folder), 1);
    }
    const Array *sign = find(file, "%s/sign", folder);
    if (sign && whole(sign, 0) != 1 && whole(sign, 0) != -1) refuse("R20", "%s/sign", folder);
    if (kind != POISSON) return kind;
    int64_t bits = number(file, folder, "fracBits"), scale = INT64_C(1) << (bits - 12);
    if (file->version == 1 && bits != 12) refuse("R20", "%s/fracBits", folder);
    within(find(file, "%s/uMin", folder), -49152 * scale, 0);
    within(find(file, "%s/uMax", folder), 0, 32768 * scale);
    one_or_more(file, id, "neuron/uInit", number(file, folder, "uMin"), number(file, folder, "uMax"));
    one_or_more(file, id, "neuron/selfWeight", 0, S);
    if (file->version == 1) return kind;
    const Array *own = find(file, "%s/selfWeight", folder);
    int memory = (int)number(file, folder, "memory");
    if (number(file, folder, "ceiling") == 1 && (bits != 16 || memory == 1)) refuse("R24", "%s: a ceiling", folder);
    ALL(own) if (memory == 0 && whole(own, i) != 0) refuse("R24", "%s: self-inhibition without memory", folder);
    if (memory == 0 && find(file, "%s/startBias", folder)) refuse("R24", "%s: a start without memory", folder);
    return kind;
}

/* ---- pixels and test images ---- */

void check_pixels(const File *file, int64_t least, int64_t most, int64_t *low, int64_t *high) {
    const Array *minimum = find(file, "ipvae/input/minimum"), *images = find(file, "ipvae/test/images");
    *low = least, *high = most;
    if (minimum) {
        *low = whole(minimum, 0), *high = number(file, "ipvae/input", "maximum");
        if (*low < least || *high > most || *low >= *high) refuse("R20", "ipvae/input: a range that is not allowed");
        finite_numbers(find(file, "ipvae/input/scale"), 1);
    }
    if (images->dim[1] != neurons_of(file, 0)) refuse("R31", "ipvae/test/images has another size");
    ALL(images) {
        if (whole(images, i) < *low || whole(images, i) > *high) refuse("R31", "a test image is outside the range");
    }
    if (find(file, "ipvae/test/labels")->dim[0] != images->dim[0]) refuse("R31", "the labels do not fit the images");
}

/* ---- versions 1 and 2 ---- */

static void check_image_side(const File *file) {
    int64_t low, high, pixels = neurons_of(file, 0), two = 2;
    const Array *shape = find(file, "ipvae/input/shape");
    if (pixels > 524287) refuse("R20", "layer/0/shape: %d pixels", (int)pixels);
    has_shape(shape, 1, &two);
    within(shape, 1, 524287);
    follows(file, "ipvae", "latency", 1);
    check_pixels(file, -32768, 32767, &low, &high);
    finite_numbers(find(file, "ipvae/decoder"), 0);
}

/* Sizes of the arrays of layer `l`; `source` is its source, or 0. */
static void check_layer_2(const File *file, int l, int64_t source) {
    char folder[32];
    int64_t n = neurons_of(file, l), pixels = neurons_of(file, 0), sender = source > 0 ? neurons_of(file, source) : 0;
    const Array *weight = find(file, "layer/%d/weight", l), *again = find(file, "layer/%d/weight_rec", l);
    int image = weight->type[1] == 'i' && weight->size == 2;
    int64_t from_image[] = {n, pixels}, from_source[] = {n, sender};
    sprintf(folder, "layer/%d", l);
    if (n > 65536) refuse("R20", "%s/shape: %d neurons", folder, (int)n);
    if (!image && source == 0) refuse("R23", "%s receives nothing", folder);
    if (one_of(find(file, "%s/type", folder), "dense|dense_rec") != (image && source > 0))
        refuse("R34", "%s/type", folder);
    follows(file, folder, "outFeatures", n);
    follows(file, folder, "inFeatures", image ? pixels : sender);
    if (image && weight->ndim == 1 && n != pixels) refuse("R21", "%s/weight has another size", folder);
    has_shape(weight, image ? weight->ndim : 2, image ? from_image : from_source);
    if (again) has_shape(again, 2, from_source);
    has_shape(find(file, "%s/bias", folder), 1, &n);
    if (kind_of(file, l) == POISSON) {
        has_shape(find(file, "%s/neuron/uInit", folder), 1, &n);
        has_shape(find(file, "%s/neuron/selfWeight", folder), 1, &n);
    }
    if (!find(file, "%s/neuron/startBias", folder)) return;
    has_shape(find(file, "%s/neuron/startWeight", folder), 2, from_image);
    has_shape(find(file, "%s/neuron/startBias", folder), 1, &n);
    within(find(file, "%s/neuron/startBias", folder), -L, L);
    within(find(file, "%s/neuron/start_exp", folder), -24, 14);
    within(find(file, "%s/neuron/startThreshold", folder), -S, S);
    within(find(file, "%s/neuron/startMargin", folder), 0, S);
}

/* Whether version 1 could hold the network: its code is the only layer. */
static int fits_version_1(const File *file) {
    const char *folder = "layer/1/neuron";
    return kind_of(file, 1) == POISSON && number(file, folder, "memory") == 1 && number(file, folder, "ceiling") == 0 &&
           number(file, folder, "fracBits") == 12 && find(file, "layer/1/weight_rec") &&
           find(file, "layer/1/weight")->ndim == 2 && number(file, "ipvae/layers/1", "sign") == -1 &&
           !find(file, "%s/startBias", folder);
}

static void check_version_2(const File *file) {
    int64_t *id, layers = numbers_below(file, "layer/", 999999999, &id) - 1, code = 0, images = 0, source[17] = {0};
    char folder[32];
    if (layers < 1 || layers > 16 || id[layers] != layers) refuse("R18", "layers are not numbered 1, 2, ... 16");
    for (int l = 1; l <= layers; l++) {
        int role = one_of(find(file, "ipvae/layers/%d/role", l), "hidden|code|readout");
        if (role == 1 && code == 0) code = l;
        if (role != (code == 0 ? 0 : code == l ? 1 : 2)) refuse("R22", "the order of the roles");
        within(find(file, "ipvae/layers/%d/source", l), 0, layers);
        source[l] = whole(find(file, "ipvae/layers/%d/source", l), 0);
    }
    if (code == 0) refuse("R22", "no layer is the code");
    int loop = source[1] == code;
    for (int l = 1; l <= layers; l++) {
        int64_t before = l > code ? code : l > 1 ? l - 1 : loop ? code : 0;
        int64_t phase = loop ? (l == code ? 0 : l < code ? l : 1) : (l < code ? l : code + (l > code)) - (l <= code);
        int kind = (int)check_neurons(file, l);
        if (source[l] != before) refuse("R22", "layer %d has another source", l);
        if (kind != GRADED && l != code) refuse("R22", "layer %d: only the code has Poisson neurons", l);
        sprintf(folder, "ipvae/layers/%d", l);
        check_layer_2(file, l, source[l]);
        within(find(file, "%s/drive_exp", folder), -24, 14);
        int64_t sign = number(file, folder, "sign");
        if (sign != 1 && sign != -1) refuse("R20", "%s/sign", folder);
        follows(file, folder, "phase", phase);
        follows(file, folder, "lag", loop && l == code);
        int image = find(file, "layer/%d/weight", l)->size == 2;
        images += image;
        if (image && l > code) refuse("R23", "layer %d: a read-out receives the image", l);
        int64_t memory = kind == POISSON ? whole(find(file, "layer/%d/neuron/memory", l), 0)
                                         : whole(find(file, "layer/%d/neuron/leak", l), 0) > 0;
        if (l <= code && memory != (l == code && loop))
            refuse("R24", "layer %d: memory outside a loop, or none in one", l);
    }
    if (images == 0) refuse("R23", "no layer receives the image");
    follows(file, "ipvae", "period", loop ? code : 1);
    int64_t decoder[] = {neurons_of(file, 0), neurons_of(file, code)};
    has_shape(find(file, "ipvae/decoder"), 2, decoder);
    if (layers == 1 && fits_version_1(file)) refuse("R35", "version 1 could hold the network");
    if (file->minor == 1 && !find(file, "layer/%d/neuron/startBias", (int)code))
        refuse("R35", "version 2.0 could hold the network");
}

static void check_version_1(const File *file) {
    int64_t n = neurons_of(file, 1), pixels = neurons_of(file, 0), shape[] = {n, pixels}, square[] = {n, n},
            decoder[] = {pixels, n};
    if (n > 65536) refuse("R20", "layer/1/shape: %d neurons", (int)n);
    if (one_of(find(file, "layer/1/type"), "dense|dense_rec") != 1) refuse("R19", "layer/1/type");
    follows(file, "layer/1", "inFeatures", pixels);
    follows(file, "layer/1", "outFeatures", n);
    has_shape(find(file, "layer/1/weight"), 2, shape);
    has_shape(find(file, "layer/1/weight_rec"), 2, square);
    has_shape(find(file, "layer/1/bias"), 1, &n);
    has_shape(find(file, "layer/1/neuron/uInit"), 1, &n);
    has_shape(find(file, "layer/1/neuron/selfWeight"), 1, &n);
    has_shape(find(file, "ipvae/decoder"), 2, decoder);
    within(find(file, "ipvae/drive_exp"), -24, 14);
    check_neurons(file, 1);
}

void check_content(File *file) {
    const Array *provenance = find(file, "ipvae/provenance");
    check_checksum(file);
    one_of(find(file, "layer/0/type"), "input");
    check_tables(file);
    check_json(provenance->data, (size_t)provenance->count);
    if (file->version == 3) {
        check_version_3(file);
        return;
    }
    if (file->version == 1) check_version_1(file);
    else check_version_2(file);
    check_image_side(file);
    const Array *shape = find(file, "ipvae/input/shape");
    if (whole(shape, 0) * whole(shape, 1) != neurons_of(file, 0)) refuse("R21", "ipvae/input/shape: another product");
}
