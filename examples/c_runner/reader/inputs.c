/* The images of a run (an .npy file of integers), and the grammar of the provenance (RFC 8259). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../runner.h"

#define DEEPEST 64

/* ---- images ---- */

void read_images(const char *path, Images *images) {
    unsigned char head[12];
    char text[65536], *type, *shape;
    int64_t dim[3], axes = 0, count = 1;
    FILE *stream = fopen(path, "rb");
    if (!stream || fread(head, 1, 10, stream) != 10 || memcmp(head, "\x93NUMPY", 6) != 0)
        refuse("images", "no .npy file");
    size_t length = (size_t)unsigned_at(head + 8, 2);
    if (head[6] != 1 || length >= sizeof text || fread(text, 1, length, stream) != length)
        refuse("images", "a damaged .npy file");
    text[length] = 0;
    type = strstr(text, "'descr': '");
    shape = strstr(text, "'shape': (");
    if (!type || !shape || strstr(text, "'fortran_order': True")) refuse("images", "an .npy file of another form");
    type += 10;
    int size = type[2] - '0';
    if ((type[0] != '<' && type[0] != '|') || (type[1] != 'i' && type[1] != 'u') ||
        (size != 1 && size != 2 && size != 4 && size != 8)) {
        refuse("images", "an .npy file of other values than integers");
    }
    for (shape += 10; *shape != ')' && axes < 3; axes++) {
        dim[axes] = strtoll(shape, &shape, 10);
        if (dim[axes] < 0 || dim[axes] > 1 << 24) refuse("images", "too many images");
        count *= dim[axes];
        if (count > INT64_C(1) << 30) refuse("images", "too many images");
        shape += strspn(shape, ", ");
    }
    if (axes < 2 || *shape != ')') refuse("images", "allowed are arrays (n, M) and (n, T, M)");
    images->images = dim[0];
    images->rows = axes == 3 ? dim[1] : 0;
    images->values = dim[axes - 1];
    images->value = zeros(count, sizeof *images->value);
    Array item = {0};
    item.type[1] = type[1];
    item.size = (size_t)size;
    item.data = head;
    for (int64_t i = 0; i < count; i++) {
        if (fread(head, 1, (size_t)size, stream) != (size_t)size) refuse("images", "an .npy file that ends early");
        images->value[i] = whole(&item, 0);
    }
    fclose(stream);
}

/* ---- JSON ---- */

typedef struct {
    const unsigned char *at, *end;
} Text;

static void bad(void) { refuse("R32", "the provenance is no JSON object"); }

static int next(const Text *text) { return text->at < text->end ? *text->at : -1; }

static void space(Text *text) {
    while (text->at < text->end && strchr(" \t\n\r", *text->at) && *text->at) text->at++;
}

static void expect(Text *text, const char *characters) {
    for (; *characters; characters++) {
        if (next(text) != *characters) bad();
        text->at++;
    }
}

static int digits(Text *text) {
    int count = 0;
    while (next(text) >= '0' && next(text) <= '9') text->at++, count++;
    return count;
}

static void json_number(Text *text) {
    const unsigned char *start = text->at;
    int is_float = 0;
    if (next(text) == '-') text->at++;
    if (next(text) == '0') text->at++;
    else if (!digits(text)) bad();
    if (next(text) == '.') {
        is_float = 1;
        text->at++;
        if (!digits(text)) bad();
    }
    if (next(text) == 'e' || next(text) == 'E') {
        is_float = 1;
        text->at++;
        if (next(text) == '+' || next(text) == '-') text->at++;
        if (!digits(text)) bad();
    }
    if (!is_float) return;
    size_t length = (size_t)(text->at - start);
    char *copy = zeros((int64_t)length + 1, 1);
    memcpy(copy, start, length);
    if (!isfinite(strtod(copy, NULL))) refuse("R32", "the provenance has a number too large for a float");
    free(copy);
}

/* One character of UTF-8. */
static void json_character(Text *text) {
    int first = next(text), more = 0;
    uint32_t value, least;
    text->at++;
    if (first < 0x80) return;
    if (first >= 0xC2 && first < 0xE0) more = 1, least = 0x80;
    else if (first >= 0xE0 && first < 0xF0) more = 2, least = 0x800;
    else if (first >= 0xF0 && first < 0xF5) more = 3, least = 0x10000;
    else {
        bad();
        return;
    }
    value = (uint32_t)first & (0x3Fu >> more);
    for (int i = 0; i < more; i++) {
        if (next(text) < 0 || (next(text) & 0xC0) != 0x80) bad();
        value = value << 6 | (*text->at++ & 0x3F);
    }
    if (value < least || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) bad();
}

static void json_string(Text *text) {
    expect(text, "\"");
    while (next(text) != '"') {
        if (next(text) < 0x20) bad();
        if (next(text) != '\\') {
            json_character(text);
            continue;
        }
        text->at++;
        int kind = next(text);
        if (kind <= 0 || !strchr("\"\\/bfnrtu", kind)) bad();
        text->at++;
        for (int i = 0; kind == 'u' && i < 4; i++) {
            if (next(text) <= 0 || !strchr("0123456789abcdefABCDEF", next(text))) bad();
            text->at++;
        }
    }
    text->at++;
}

static void json_value(Text *text, int depth) {
    int kind = next(text), object = kind == '{';
    if (object || kind == '[') {
        int end = object ? '}' : ']';
        if (depth == DEEPEST) refuse("R32", "the provenance is nested more than 64 deep");
        text->at++;
        space(text);
        while (next(text) != end) {
            if (object) {
                json_string(text);
                space(text);
                expect(text, ":");
                space(text);
            }
            json_value(text, depth + 1);
            space(text);
            if (next(text) == end) break;
            expect(text, ",");
            space(text);
            if (next(text) == end) bad();
        }
        text->at++;
    } else if (kind == '"') json_string(text);
    else if (kind == 't') expect(text, "true");
    else if (kind == 'f') expect(text, "false");
    else if (kind == 'n') expect(text, "null");
    else json_number(text);
}

void check_json(const unsigned char *data, size_t length) {
    Text text = {data, data + length};
    space(&text);
    if (next(&text) != '{') bad();
    json_value(&text, 0);
    space(&text);
    if (text.at != text.end) bad();
}
