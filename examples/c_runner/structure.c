/* Rules R13 to R16: which datasets a file has, their dtypes and numbers of dimensions. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runner.h"

#define SCALAR 1
#define VECTOR 2
#define MATRIX 4
#define FOUR 16

/* A dataset that the file must have. `ranks` holds a bit for each allowed number of dimensions. */
static Array *need(const File *file, const char *type, int ranks, const char *format, ...) {
    char path[256];
    va_list values;
    va_start(values, format);
    vsnprintf(path, sizeof path, format, values);
    va_end(values);
    Array *array = find(file, "%s", path);
    if (!array) refuse("R13", "%s is missing", path);
    if (strcmp(array->type, type) != 0) refuse("R15", "%s: found %s, allowed %s", path, array->type, type);
    if (!(ranks >> array->ndim & 1)) refuse("R15", "%s: another number of dimensions", path);
    array->known = 1;
    return array;
}

/* One number for all neurons, or several. */
static void need_one_or_more(const File *file, int id, const char *name) {
    Array *array = find(file, "layer/%d/neuron/%s", id, name);
    int several = array && array->ndim > 0 && file->version == 3;
    if (file->version < 3 || several) need(file, "<i4", VECTOR, "layer/%d/neuron/%s", id, name);
    else need(file, "<i8", SCALAR, "layer/%d/neuron/%s", id, name);
}

static void need_numbers(const File *file, int id, const char *names) {
    while (*names) {
        size_t length = strcspn(names, " ");
        need(file, "<i8", SCALAR, "layer/%d/neuron/%.*s", id, (int)length, names);
        names += length + (names[length] == ' ');
    }
}

static void need_neuron(const File *file, int id) {
    Array *type = need(file, "S10", VECTOR, "layer/%d/neuron/type", id);
    int three = file->version == 3;
    int kind = one_of(type, "CUBA|LIF|SDNN|SIGMA|POISSON|GRADED|DELTA") + CUBA;
    if (!three && kind != POISSON && (kind != GRADED || file->version == 1)) refuse("R19", "layer/%d/neuron/type", id);
    switch (kind) {
    case CUBA: need_numbers(file, id, "vThMant iDecay vDecay"); break;
    case LIF:
        need_one_or_more(file, id, "iDecays");
        need_one_or_more(file, id, "vDecays");
        need_numbers(file, id, "threshold amount shift biasShift nextRow biasToCurrent mostSpikes");
        need(file, "S10", VECTOR, "layer/%d/neuron/reset", id);
        break;
    case SDNN:
        need(file, "S10", VECTOR, "layer/%d/neuron/activation", id);
        /* fall through */
    case DELTA: need_numbers(file, id, "vThMant"); break;
    case POISSON:
        need_numbers(file, id, "messageBits fracBits uMin uMax duMin duMax weight_exp");
        if (file->version > 1) need_numbers(file, id, "memory ceiling");
        if (three) need_numbers(file, id, "keyLayer sign");
        need_one_or_more(file, id, "uInit");
        need_one_or_more(file, id, "selfWeight");
        break;
    case GRADED:
        need_numbers(file, id, "zMin zMax leak threshold shift weight_exp");
        if (three) need_numbers(file, id, "sign");
        need(file, "S10", VECTOR, "layer/%d/neuron/activation", id);
        need(file, "<f8", SCALAR, "layer/%d/neuron/unit", id);
        break;
    default: break;
    }
}

/* Weights of a connection, or of a drive, by their kind. */
static void need_weights(const File *file, const char *folder) {
    static const int ranks[] = {MATRIX, FOUR, VECTOR};
    int kind = one_of(need(file, "S10", SCALAR, "%s/kind", folder), "dense|conv|diagonal");
    need(file, "<i2", ranks[kind], "%s/weight", folder);
    need(file, "<i8", SCALAR, "%s/exponent", folder);
    if (kind != 1) return;
    need(file, "<i8", VECTOR, "%s/inShape", folder);
    need(file, "<i8", VECTOR, "%s/stride", folder);
    need(file, "<i8", VECTOR, "%s/padding", folder);
    need(file, "<i8", VECTOR, "%s/dilation", folder);
    need(file, "<i8", SCALAR, "%s/groups", folder);
}

static int any_of(const File *file, const char *kind, const char *name, const char *value) {
    for (int i = 0; i < file->arrays; i++) {
        const char *path = file->array[i].path, *end = strrchr(path, '/');
        if (!end || strncmp(path, "layer/", 6) || strcmp(end, "/type") || !strstr(path, "/neuron/type")) continue;
        if (file->array[i].count != 1 || strncmp((const char *)file->array[i].data, kind, 10)) continue;
        Array *other = find(file, "%.*s/%s", (int)(end - path), path, name);
        if (!name[0]) return 1;
        if (!other || other->count != 1) continue;
        if (other->type[0] == 'S' ? !strncmp((const char *)other->data, value, 10)
                                  : whole(other, 0) == value[0] - '0') {
            return 1;
        }
    }
    return 0;
}

static void need_tables(const File *file) {
    if (file->version == 1 || any_of(file, "POISSON", "", "")) {
        need(file, "S32", SCALAR, "ipvae/random");
        need(file, "S32", SCALAR, "ipvae/sampler/name");
        need(file, "<i4", MATRIX, "ipvae/sampler/thresholds");
    }
    if (file->version > 1 && any_of(file, "GRADED", "activation", "swish"))
        need(file, "<i4", VECTOR, "ipvae/tables/swish");
    if (file->version > 1 && any_of(file, "POISSON", "ceiling", "1")) need(file, "<i4", VECTOR, "ipvae/tables/ceiling");
}

static void need_pixels(const File *file) {
    need(file, "<i8", SCALAR, "ipvae/input/minimum");
    need(file, "<i8", SCALAR, "ipvae/input/maximum");
    need(file, "<f8", SCALAR, "ipvae/input/scale");
}

/* What versions 1 and 2 share, and the layers of version 2. */
static void need_older(const File *file) {
    int64_t *id, layers = numbers_below(file, "layer/", 999999999, &id);
    need_pixels(file);
    need(file, "<i8", VECTOR, "ipvae/input/shape");
    need(file, "<i8", SCALAR, "ipvae/latency");
    need(file, "<f4", MATRIX, "ipvae/decoder");
    need(file, "<i2", MATRIX, "ipvae/test/images");
    need(file, "<i2", VECTOR, "ipvae/test/labels");
    if (file->version == 1) need(file, "<i8", SCALAR, "ipvae/drive_exp");
    else need(file, "<i8", SCALAR, "ipvae/period");
    if (file->version == 1) layers = 1, id[0] = 1;
    for (int64_t i = 0; i < layers; i++) {
        int l = (int)id[i];
        if (l == 0) continue;
        Array *weight = find(file, "layer/%d/weight", l);
        need(file, "S10", VECTOR, "layer/%d/type", l);
        need(file, "<i8", VECTOR, "layer/%d/shape", l);
        need(file, "<i8", SCALAR, "layer/%d/inFeatures", l);
        need(file, "<i8", SCALAR, "layer/%d/outFeatures", l);
        need(file, "<i4", VECTOR, "layer/%d/bias", l);
        need_neuron(file, l);
        if (file->version == 1) {
            need(file, "<i2", MATRIX, "layer/1/weight");
            need(file, "|i1", MATRIX, "layer/1/weight_rec");
            continue;
        }
        need(file, "S10", SCALAR, "ipvae/layers/%d/role", l);
        Array *source = need(file, "<i8", SCALAR, "ipvae/layers/%d/source", l);
        need(file, "<i8", SCALAR, "ipvae/layers/%d/sign", l);
        need(file, "<i8", SCALAR, "ipvae/layers/%d/phase", l);
        need(file, "<i8", SCALAR, "ipvae/layers/%d/lag", l);
        need(file, "<i8", SCALAR, "ipvae/layers/%d/drive_exp", l);
        int image = !weight || strcmp(weight->type, "|i1") != 0;
        need(file, image ? "<i2" : "|i1", image ? VECTOR | MATRIX : MATRIX, "layer/%d/weight", l);
        if (image && whole(source, 0) != 0) need(file, "|i1", MATRIX, "layer/%d/weight_rec", l);
        if (file->minor == 1 && one_of(find(file, "ipvae/layers/%d/role", l), "code|hidden|readout") == 0 &&
            any_below(file, "layer/%d/neuron/start", l)) {
            need(file, "<i2", MATRIX, "layer/%d/neuron/startWeight", l);
            need(file, "<i4", VECTOR, "layer/%d/neuron/startBias", l);
            need_numbers(file, l, "start_exp startThreshold startMargin");
        }
    }
}

static void need_version_3(const File *file) {
    int64_t *id, layers = numbers_below(file, "layer/", 999999999, &id);
    int64_t *number, connections = numbers_below(file, "ipvae/connections/", 999999999, &number);
    char folder[64];
    int any = 0;
    if (find(file, "layer/0/neuron/type") || any_below(file, "layer/0/neuron/")) need_neuron(file, 0);
    for (int64_t i = 0; i < layers; i++) {
        int l = (int)id[i];
        if (l == 0) continue;
        any = 1;
        need(file, "S10", VECTOR, "layer/%d/type", l);
        need(file, "<i8", VECTOR, "layer/%d/shape", l);
        if (find(file, "layer/%d/bias", l)) need(file, "<i4", VECTOR, "layer/%d/bias", l);
        need_neuron(file, l);
        need(file, "S10", SCALAR, "ipvae/layers/%d/purpose", l);
        sprintf(folder, "ipvae/layers/%d/drive", l);
        if (any_below(file, "%s/", folder)) need_weights(file, folder);
    }
    if (!any) refuse("R13", "the file has no layer");
    for (int64_t i = 0; i < connections; i++) {
        sprintf(folder, "ipvae/connections/%d", (int)number[i]);
        need(file, "S10", SCALAR, "%s/source", folder);
        need(file, "S10", SCALAR, "%s/target", folder);
        need_weights(file, folder);
        need(file, "<i8", SCALAR | VECTOR, "%s/delay", folder);
    }
    need(file, "<i8", SCALAR, "ipvae/input/graded");
    if (any_below(file, "ipvae/input/minimum") || any_below(file, "ipvae/input/maximum") ||
        any_below(file, "ipvae/input/scale")) {
        need_pixels(file);
    }
    if (file->minor == 1 && any_below(file, "ipvae/decoder/")) {
        need(file, "S10", SCALAR, "ipvae/decoder/layer");
        need(file, "<f4", FOUR, "ipvae/decoder/weight");
        need(file, "<i8", VECTOR, "ipvae/decoder/stride");
        need(file, "<i8", VECTOR, "ipvae/decoder/crop");
    }
    need(file, "<i4", MATRIX, "ipvae/test/images");
    need(file, "<i8", VECTOR, "ipvae/test/labels");
}

void check_structure(File *file) {
    need(file, "S10", VECTOR, "layer/0/type");
    need(file, "<i8", VECTOR, "layer/0/shape");
    if (file->version == 3) {
        need(file, "<f8", SCALAR, "layer/0/weight");
        need(file, "<f8", SCALAR, "layer/0/bias");
        need_version_3(file);
    } else {
        need_older(file);
    }
    need_tables(file);
    Array *provenance = need(file, "|u1", VECTOR, "ipvae/provenance");
    if (provenance->count > 1 << 20) refuse("R16", "the provenance has more than 2^20 bytes");
    for (int i = 0; i < file->arrays; i++) {
        if (!file->array[i].known) refuse("R14", "%s is an unknown dataset", file->array[i].path);
    }
}
