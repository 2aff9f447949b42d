/* The seal (rules R1 and R2), and access to the arrays of a file by their paths. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runner.h"

#define MAGIC "ipvae-loihi network\nsha256:"

static int by_path(const void *one, const void *other) {
    return strcmp(((const Array *)one)->path, ((const Array *)other)->path);
}

static void check_seal(const File *file) {
    unsigned char seal[512] = {0};
    char digits[65];
    Sha256 hash;
    if (file->size < 20 || memcmp(file->bytes, MAGIC, 20) != 0) refuse("R1", "no seal");
    if (file->size < 512) refuse("R2", "a seal that ends early");
    sha256_start(&hash);
    sha256_add(&hash, file->bytes + 512, file->size - 512);
    sha256_end(&hash, digits);
    sprintf((char *)seal, MAGIC "%s\n", digits);
    if (memcmp(file->bytes, seal, 512) != 0) refuse("R2", "the seal is of other bytes");
}

void read_file(const char *path, File *file) {
    FILE *stream = fopen(path, "rb");
    size_t room = 1 << 16;
    memset(file, 0, sizeof *file);
    if (!stream) refuse("R1", "%s cannot be opened", path);
    do {
        file->bytes = realloc(file->bytes, room *= 2);
        if (!file->bytes) refuse("R1", "not enough memory");
        file->size += fread(file->bytes + file->size, 1, room - file->size, stream);
    } while (file->size == room);
    fclose(stream);
    check_seal(file);
    read_hdf5(file);
    if (file->arrays > 0) qsort(file->array, (size_t)file->arrays, sizeof(Array), by_path);
}

Array *find(const File *file, const char *format, ...) {
    char path[256];
    Array key;
    va_list values;
    va_start(values, format);
    vsnprintf(path, sizeof path, format, values);
    va_end(values);
    key.path = path;
    if (file->arrays == 0) return NULL;
    return bsearch(&key, file->array, (size_t)file->arrays, sizeof(Array), by_path);
}

/* Whether a dataset's path begins with these characters. */
int any_below(const File *file, const char *format, ...) {
    char path[256];
    va_list values;
    va_start(values, format);
    vsnprintf(path, sizeof path, format, values);
    va_end(values);
    for (int i = 0; i < file->arrays; i++) {
        if (!strncmp(file->array[i].path, path, strlen(path))) return 1;
    }
    return 0;
}

static int by_number(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* The decimal names, up to `most`, of the groups in a folder, in ascending order; returns how many. */
int64_t numbers_below(const File *file, const char *folder, int64_t most, int64_t **number) {
    int64_t found = 0;
    size_t length = strlen(folder);
    *number = zeros(file->arrays, sizeof **number);
    for (int i = 0; i < file->arrays; i++) {
        const char *name = file->array[i].path;
        if (strncmp(name, folder, length)) continue;
        name += length;
        size_t digits = strspn(name, "0123456789");
        if (digits < 1 || digits > 9 || name[digits] != '/' || (name[0] == '0' && digits > 1)) continue;
        int64_t value = strtol(name, NULL, 10);
        int64_t seen = 0;
        while (seen < found && (*number)[seen] != value) seen++;
        if (seen == found && value <= most) (*number)[found++] = value;
    }
    qsort(*number, (size_t)found, sizeof **number, by_number);
    return found;
}

/* An item as an integer, of any integer type. */
int64_t whole(const Array *array, int64_t index) {
    int size = (int)array->size;
    uint64_t value = unsigned_at(array->data + (size_t)index * array->size, size);
    uint64_t sign = UINT64_C(1) << (8 * size - 1);
    if (array->type[1] == 'u' || value < sign) return (int64_t)value;
    return size == 8 ? (int64_t)(value - sign) + INT64_MIN : (int64_t)value - 2 * (int64_t)sign;
}

/* An item as a real number; the file's floats are IEEE 754, as this machine's. */
double real(const Array *array, int64_t index) {
    const unsigned char *data = array->data + (size_t)index * array->size;
    if (array->size == 4) {
        uint32_t bits = (uint32_t)unsigned_at(data, 4);
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    uint64_t bits = unsigned_at(data, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Index of a text among names that are separated by `|`; R19 if it is none of them. */
int one_of(const Array *array, const char *names) {
    if (array->count != 1) refuse("R21", "%s: not one text", array->path);
    for (int index = 0;; index++) {
        size_t length = strcspn(names, "|"), zero = length;
        if (length <= array->size && memcmp(array->data, names, length) == 0) {
            while (zero < array->size && array->data[zero] == 0) zero++;
            if (zero == array->size) return index;
        }
        if (names[length] == 0) break;
        names += length + 1;
    }
    refuse("R19", "%s: a text that is none of the allowed names", array->path);
    return -1;
}
