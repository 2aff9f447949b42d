/* A way to read arrays: the part of HDF5 that network files use (rules R3 to R12).
 *
 * Superblocks 0 to 3, object headers of versions 1 and 2. Groups store their links in their header, in a
 * symbol table or in a heap. Offsets count from byte 512 of the file. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5.h"

#define MOST_OBJECTS 65536

typedef struct {
    char path[1024];
    uint64_t above[DEEPEST];
    int depth;
} Place;

static int objects;

uint64_t unsigned_at(const unsigned char *data, int size) {
    uint64_t value = 0;
    for (int i = size - 1; i >= 0; i--) value = value << 8 | data[i];
    return value;
}

/* ---- object headers ---- */

/* `head` is the size of a message's head: 8 in version 1, else 4 or 6. */
static void visit_chunk(File *file, const unsigned char *at, const unsigned char *end, int head, int type, Visit *visit,
                        void *target, int depth) {
    int old = head == 8;
    while (end - at >= head) {
        Message message = {at + head, (size_t)unsigned_at(at + 1 + old, 2), at[3 + old]};
        if ((size_t)(end - at - head) < message.size) refuse("R3", "a damaged object header");
        if (at[0] == type) visit(file, target, message);
        if (at[0] == 0x10 && message.size >= 16 && depth < DEEPEST) {
            uint64_t start = unsigned_at(message.data, 8), size = unsigned_at(message.data + 8, 8);
            const unsigned char *chunk = old ? part(file, start, size) : signed_part(file, start, size, "OCHK");
            if (old) visit_chunk(file, chunk, chunk + size, head, type, visit, target, depth + 1);
            else if (size >= 8) visit_chunk(file, chunk + 4, chunk + size - 4, head, type, visit, target, depth + 1);
        }
        at += head + (int)message.size;
    }
}

/* Visit all messages of one type of an object. */
static void visit_messages(File *file, uint64_t address, int type, Visit *visit, void *target) {
    const unsigned char *head = part(file, address, 16);
    if (head[0] == 1) {
        uint64_t bytes = unsigned_at(head + 8, 4);
        const unsigned char *messages = part(file, address + 16, bytes);
        visit_chunk(file, messages, messages + bytes, 8, type, visit, target, 0);
        return;
    }
    signed_part(file, address, 16, "OHDR");
    int flags = head[5], width = 1 << (flags & 3);
    uint64_t start = address + 6 + (flags & 32 ? 16 : 0) + (flags & 16 ? 4 : 0);
    uint64_t size = unsigned_at(part(file, start, (uint64_t)width), width);
    const unsigned char *chunk = part(file, start + (uint64_t)width, size);
    visit_chunk(file, chunk, chunk + size, flags & 4 ? 6 : 4, type, visit, target, 0);
}

static void keep(File *file, void *target, Message message) {
    (void)file;
    *(Message *)target = message;
}

static Message message_of(File *file, uint64_t address, int type) {
    Message message = {NULL, 0, 0};
    visit_messages(file, address, type, keep, &message);
    return message;
}

/* ---- datasets ---- */

/* Rank and dimensions of a dataspace; -1 for one that is null or damaged. */
static int read_space(Message space, int64_t *dim) {
    if (space.size < 4) return -1;
    int version = space.data[0], rank = space.data[1];
    size_t head = version == 2 ? 4 : 8;
    if (rank > MOST_DIMENSIONS || space.size < head + 8 * (size_t)rank) return -1;
    if (version == 2 && space.data[3] == 2) return -1;
    for (int i = 0; i < rank; i++) {
        uint64_t n = unsigned_at(space.data + head + 8 * i, 8);
        if (n > UINT64_C(1) << 34) return -1;
        dim[i] = (int64_t)n;
    }
    return rank;
}

/* The dtype as the checksum writes it; R11 for another type. */
static void read_type(const char *path, Message type, char name[8], size_t *size) {
    if (type.size < 8) refuse("R3", "%s: a damaged type", path);
    int kind = type.data[0] & 15, bits = type.data[1];
    *size = (size_t)unsigned_at(type.data + 4, 4);
    char order = bits & 1 ? '>' : *size == 1 ? '|' : '<';
    if (*size < 1 || *size > 99 || (kind == 3 && bits != 1)) refuse("R11", "%s: a type that is not allowed", path);
    if (kind == 0) sprintf(name, "%c%c%d", order, bits & 8 ? 'i' : 'u', (int)*size);
    else if (kind == 1) sprintf(name, "%cf%d", order, (int)*size);
    else if (kind == 3) sprintf(name, "S%d", (int)*size);
    else refuse("R11", "%s: a type that is not allowed", path);
}

static void add_dataset(File *file, const char *path, uint64_t address) {
    Message type = message_of(file, address, 3), layout = message_of(file, address, 8);
    Array array = {0};
    if (type.flags & 2) refuse("R10", "%s: its type has a name", path);
    if (message_of(file, address, 0x0B).data) refuse("R10", "%s: filtered", path);
    if (message_of(file, address, 7).data) refuse("R10", "%s: stored externally", path);
    if (layout.size < 18 || layout.data[1] != 1) refuse("R10", "%s: not contiguous", path);
    read_type(path, type, array.type, &array.size);
    array.ndim = read_space(message_of(file, address, 1), array.dim);
    if (array.ndim < 0) refuse("R11", "%s: no dimensions", path);
    array.count = 1;
    for (int i = 0; i < array.ndim; i++) {
        if (array.dim[i] > 0 && array.count > (INT64_C(1) << 34) / array.dim[i]) refuse("R12", "%s: too large", path);
        array.count *= array.dim[i];
    }
    uint64_t at = unsigned_at(layout.data + 2, 8), bytes = unsigned_at(layout.data + 10, 8);
    if (array.count > 0 && at == UNDEFINED) refuse("R12", "%s: not stored", path);
    if (bytes != (uint64_t)array.count * array.size) refuse("R12", "%s: stores %d bytes", path, (int)bytes);
    array.data = array.count > 0 ? part(file, at, bytes) : file->bytes;
    array.path = zeros((int64_t)strlen(path) + 1, 1);
    strcpy(array.path, path);
    if (file->arrays % 64 == 0) {
        file->array = realloc(file->array, sizeof(Array) * ((size_t)file->arrays + 64));
        if (!file->array) refuse("R9", "not enough memory");
    }
    file->array[file->arrays++] = array;
}

/* ---- groups ---- */

static void read_object(File *file, Place *place, uint64_t address);

static void enter(File *file, void *target, const char *name, int hard, uint64_t address) {
    Place *place = target;
    size_t length = strlen(place->path);
    if (length + strlen(name) + 2 > sizeof place->path) refuse("R14", "a name that is too long");
    if (length > 0) strcat(place->path, "/");
    strcat(place->path, name);
    if (!hard) refuse("R8", "%s is no hard link", place->path);
    read_object(file, place, address);
    place->path[length] = 0;
}

/* A link message: calls `enter` or `read_versions`. */
static void read_link(File *file, void *target, Message message, VisitName *visit) {
    char text[1024] = {0};
    size_t at = 2, name;
    if (message.size < 4) refuse("R3", "a damaged link");
    int flags = message.data[1], kind = 0, width = 1 << (flags & 3);
    if (flags & 8) kind = message.data[at++];
    at += (flags & 4 ? 8 : 0) + (flags & 16 ? 1 : 0);
    if (message.size < at + (size_t)width) refuse("R3", "a damaged link");
    name = (size_t)unsigned_at(message.data + at, width);
    at += (size_t)width;
    if (message.size < at || message.size - at < name) refuse("R3", "a damaged link");
    if (name >= sizeof text) refuse("R14", "a name that is too long");
    memcpy(text, message.data + at, name);
    if (kind == 0 && message.size - at - name < 8) refuse("R3", "a damaged link");
    visit(file, target, text, kind == 0, kind == 0 ? unsigned_at(message.data + at + name, 8) : 0);
}

static void enter_link(File *file, void *target, Message message) { read_link(file, target, message, enter); }

/* Message of the kind "info" of links or attributes: where more of them are. */
static int read_dense(Message info, Dense *dense, int counter) {
    if (info.size < 18) return 0;
    size_t at = 2 + (info.data[1] & 1 ? (size_t)counter : 0);
    if (info.size < at + 16) return 0;
    dense->heap = unsigned_at(info.data + at, 8);
    dense->names = unsigned_at(info.data + at + 8, 8);
    return dense->heap != UNDEFINED;
}

static int read_table(Message table, Dense *dense) {
    if (table.size < 16) return 0;
    dense->names = unsigned_at(table.data, 8);
    dense->heap = unsigned_at(table.data + 8, 8);
    return 1;
}

static void read_attribute(File *file, void *target, Message message) {
    const unsigned char *data = message.data;
    (void)target;
    if (message.size < 9 || data[0] < 1 || data[0] > 3) refuse("R3", "a damaged attribute");
    size_t step = data[0] == 1 ? 8 : 1, start = data[0] == 3 ? 9 : 8; /* version 1 pads its parts */
    size_t name = (size_t)unsigned_at(data + 2, 2), type = (size_t)unsigned_at(data + 4, 2);
    size_t space = (size_t)unsigned_at(data + 6, 2), at_type = start + (name + step - 1) / step * step;
    size_t at_space = at_type + (type + step - 1) / step * step, at = at_space + (space + step - 1) / step * step;
    if (message.size < at || name < 1 || type < 8) refuse("R3", "a damaged attribute");
    const char *text = (const char *)data + start;
    int version = !strncmp(text, "format_version", name), minor = !strncmp(text, "format_minor", name);
    if (!version && !minor && strncmp(text, "checksum", name)) return;
    Message dims = {data + at_space, space, 0};
    int64_t dim[MOST_DIMENSIONS];
    const unsigned char *of_type = data + at_type;
    int kind = of_type[0] & 15, size = (int)unsigned_at(of_type + 4, 4);
    if (read_space(dims, dim) != 0) file->odd_attribute = "not a scalar";
    else if (kind != 0 && kind != 3 && kind != 9) file->odd_attribute = "neither an integer nor text";
    if (size < 1 || message.size - at < (size_t)size) refuse("R3", "a damaged attribute");
    if (!version && !minor) {
        if (kind == 3) memcpy(file->checksum, data + at, size < 64 ? (size_t)size : 64);
        return;
    }
    int number = INT_MAX; /* no version */
    if (kind == 0 && size <= 8) {
        uint64_t value = unsigned_at(data + at, size);
        if (value < INT_MAX) number = (int)value;
    } else if (version) {
        return;
    }
    if (version) file->version = number;
    else file->minor = number;
}

static void read_attributes(File *file, uint64_t address) {
    Dense dense;
    visit_messages(file, address, 0x0C, read_attribute, NULL);
    if (read_dense(message_of(file, address, 0x15), &dense, 2)) visit_dense(file, dense, 0, read_attribute, NULL);
}

static void read_object(File *file, Place *place, uint64_t address) {
    Dense dense;
    if (place->depth > 0 && ++objects > MOST_OBJECTS) refuse("R9", "more than 2^16 groups and datasets");
    for (int i = 0; i < place->depth; i++) {
        if (place->above[i] == address) refuse("R9", "%s contains itself", place->path);
    }
    if (message_of(file, address, 8).data) {
        add_dataset(file, place->path, address);
        return;
    }
    Message info = message_of(file, address, 2), table = message_of(file, address, 0x11);
    if (!info.data && !table.data)
        refuse(message_of(file, address, 3).data ? "R11" : "R3", "%s: no group or dataset", place->path);
    if (place->depth == DEEPEST) refuse("R14", "%s: an unknown group", place->path);
    place->above[place->depth++] = address;
    visit_messages(file, address, 6, enter_link, place);
    if (read_dense(info, &dense, 8)) visit_dense(file, dense, 4, enter_link, place);
    if (read_table(table, &dense)) visit_symbols(file, dense, enter, place);
    place->depth--;
}

/* R4 to R7: the attributes of the group `ipvae`. */
static void read_versions(File *file, void *target, const char *name, int hard, uint64_t address) {
    (void)target;
    if (strcmp(name, "ipvae") != 0 || !hard || message_of(file, address, 8).data) return;
    read_attributes(file, address);
}

static void versions_link(File *file, void *target, Message message) {
    read_link(file, target, message, read_versions);
}

void read_hdf5(File *file) {
    const unsigned char *head = part(file, 0, 48);
    Place place = {0};
    Dense table;
    if (memcmp(head, "\x89HDF\r\n\x1a\n", 8) != 0) refuse("R3", "no HDF5 file");
    int old = head[8] < 2, widths = old ? 13 : 9;
    uint64_t base = (uint64_t)(old ? 24 + 4 * head[8] : 12);
    head = part(file, 0, base + 80);
    if (head[8] > 3 || head[widths] != 8 || head[widths + 1] != 8) refuse("R3", "an HDF5 file of another kind");
    if (unsigned_at(head + base + 16, 8) > file->size) refuse("R3", "parts are missing");
    uint64_t root = unsigned_at(head + base + (old ? 40 : 24), 8);
    file->version = -1;
    visit_messages(file, root, 6, versions_link, NULL);
    if (read_table(message_of(file, root, 0x11), &table)) visit_symbols(file, table, read_versions, NULL);
    if (file->version == -1 && !file->odd_attribute) refuse("R4", "no format_version");
    if (file->version == -1) refuse("R7", "an attribute is %s", file->odd_attribute);
    if (file->version < 1 || file->version > 3) refuse("R5", "format_version %d", file->version);
    if (file->minor > (file->version > 1)) refuse("R6", "format_minor");
    if (file->odd_attribute) refuse("R7", "an attribute is %s", file->odd_attribute);
    read_object(file, &place, root);
}
