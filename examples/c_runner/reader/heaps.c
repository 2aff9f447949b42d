/* Heaps and B-trees of HDF5: links and attributes of groups and objects with more than eight. */
#include <string.h>

#include "hdf5.h"

const unsigned char *part(const File *file, uint64_t offset, uint64_t size) {
    uint64_t all = file->size - SEAL;
    if (offset > all || size > all - offset) refuse("R3", "a part of the HDF5 file is missing");
    return file->bytes + SEAL + offset;
}

const unsigned char *signed_part(const File *file, uint64_t offset, uint64_t size, const char *name) {
    const unsigned char *data = part(file, offset, size);
    if (memcmp(data, name, 4) != 0) refuse("R3", "found no %s in the HDF5 file", name);
    return data;
}

typedef struct {
    int offset_bytes, length_bytes, width;
    uint64_t first_size, largest, root;
    int rows;
} Heap;

static Heap read_heap(const File *file, uint64_t address) {
    const unsigned char *head = signed_part(file, address, 142, "FRHP");
    Heap heap;
    uint64_t largest = unsigned_at(head + 10, 4);
    if (unsigned_at(head + 7, 2) != 0) refuse("R3", "a filtered heap");
    heap.width = (int)unsigned_at(head + 110, 2);
    heap.first_size = unsigned_at(head + 112, 8);
    heap.largest = unsigned_at(head + 120, 8);
    heap.offset_bytes = ((int)unsigned_at(head + 128, 2) + 7) / 8;
    heap.root = unsigned_at(head + 132, 8);
    heap.rows = (int)unsigned_at(head + 140, 2);
    if (largest > heap.largest) largest = heap.largest;
    for (heap.length_bytes = 0; largest > 0; largest >>= 8) heap.length_bytes++;
    if (heap.width < 1 || heap.first_size < 1 || heap.offset_bytes > 8) refuse("R3", "a damaged heap");
    return heap;
}

static uint64_t block_size(const Heap *heap, int row) {
    if (row > 40) refuse("R3", "a damaged heap");
    return row < 2 ? heap->first_size : heap->first_size << (row - 1);
}

static const unsigned char *in_block(const File *file, const Heap *heap, uint64_t block, int rows, uint64_t offset,
                                     uint64_t length, int depth) {
    if (depth > 8) refuse("R3", "a damaged heap");
    if (rows == 0) {
        signed_part(file, block, 5, "FHDB");
        if (offset > file->size || block > file->size) refuse("R3", "a damaged heap");
        return part(file, block + offset, length);
    }
    uint64_t entries = block + 13 + (uint64_t)heap->offset_bytes, start = 0;
    signed_part(file, block, 5, "FHIB");
    for (int row = 0; row < rows; row++) {
        uint64_t size = block_size(heap, row);
        for (int column = 0; column < heap->width; column++, start += size, entries += 8) {
            if (offset < start || offset - start >= size) continue;
            uint64_t child = unsigned_at(part(file, entries, 8), 8);
            int below = 0;
            if (size > heap->largest) {
                uint64_t covered = 0;
                while (covered < size) covered += block_size(heap, below++) * (uint64_t)heap->width;
            }
            return in_block(file, heap, child, below, offset - start, length, depth + 1);
        }
    }
    refuse("R3", "a damaged heap");
    return NULL;
}

static int bytes_for(uint64_t most) {
    int bytes = 1;
    while (most >>= 8) bytes++;
    return bytes;
}

typedef struct {
    File *file;
    Heap heap;
    int node, record, id, count_bytes; /* `id` is the place of the heap's id in a record */
    Visit *visit;
    void *target;
} Tree;

static uint64_t most_records(const Tree *tree, int depth, uint64_t *below) {
    uint64_t records = (uint64_t)(tree->node - 10) / (uint64_t)tree->record;
    *below = records;
    for (int level = 1; level <= depth; level++) {
        uint64_t pointer = 8 + (uint64_t)tree->count_bytes + (level > 1 ? (uint64_t)bytes_for(*below) : 0);
        records = ((uint64_t)tree->node - 10 - pointer) / ((uint64_t)tree->record + pointer);
        *below = (records + 1) * *below + records;
    }
    return records;
}

static void visit_records(Tree *tree, uint64_t address, uint64_t count, int depth) {
    uint64_t below;
    if (depth > 8) refuse("R3", "a damaged B-tree");
    signed_part(tree->file, address, 6, depth > 0 ? "BTIN" : "BTLF");
    const unsigned char *record = part(tree->file, address + 6, count * (uint64_t)tree->record);
    for (uint64_t i = 0; i < count; i++, record += tree->record) {
        const unsigned char *id = record + tree->id;
        if (id[0] != 0) refuse("R3", "a large object in a heap");
        uint64_t offset = unsigned_at(id + 1, tree->heap.offset_bytes);
        uint64_t length = unsigned_at(id + 1 + tree->heap.offset_bytes, tree->heap.length_bytes);
        const unsigned char *data =
            in_block(tree->file, &tree->heap, tree->heap.root, tree->heap.rows, offset, length, 0);
        Message message = {data, (size_t)length, 0};
        tree->visit(tree->file, tree->target, message);
    }
    if (depth == 0) return;
    most_records(tree, depth - 1, &below);
    int total_bytes = depth > 1 ? bytes_for(below) : 0;
    uint64_t pointer = address + 6 + count * (uint64_t)tree->record;
    for (uint64_t i = 0; i <= count; i++) {
        const unsigned char *child = part(tree->file, pointer, 8 + (uint64_t)tree->count_bytes);
        visit_records(tree, unsigned_at(child, 8), unsigned_at(child + 8, tree->count_bytes), depth - 1);
        pointer += 8 + (uint64_t)(tree->count_bytes + total_bytes);
    }
}

void visit_dense(File *file, Dense dense, int id, Visit *visit, void *target) {
    const unsigned char *head = signed_part(file, dense.names, 38, "BTHD");
    Tree tree = {
        file,  read_heap(file, dense.heap), (int)unsigned_at(head + 6, 4), (int)unsigned_at(head + 10, 2), id, 0, visit,
        target};
    if (tree.node < 64 || tree.record < 8) refuse("R3", "a damaged B-tree");
    tree.count_bytes = bytes_for((uint64_t)(tree.node - 10) / (uint64_t)tree.record);
    if (unsigned_at(head + 24, 2) > 0) {
        visit_records(&tree, unsigned_at(head + 16, 8), unsigned_at(head + 24, 2), (int)unsigned_at(head + 12, 2));
    }
}

/* ---- symbol tables, in which older groups store their links ---- */

static void visit_symbol_node(File *file, uint64_t address, uint64_t names, VisitName *visit, void *target) {
    const unsigned char *node = signed_part(file, address, 8, "SNOD");
    int count = (int)unsigned_at(node + 6, 2);
    for (int i = 0; i < count; i++) {
        const unsigned char *entry = part(file, address + 8 + 40 * (uint64_t)i, 40);
        uint64_t name = names + unsigned_at(entry, 8);
        if (name > file->size || !memchr(part(file, name, 1), 0, file->size - SEAL - name))
            refuse("R3", "a damaged name");
        visit(file, target, (const char *)part(file, name, 1), unsigned_at(entry + 16, 4) != 2,
              unsigned_at(entry + 8, 8));
    }
}

static void visit_symbol_tree(File *file, uint64_t address, uint64_t names, VisitName *visit, void *target, int depth) {
    const unsigned char *node = signed_part(file, address, 24, "TREE");
    int count = (int)unsigned_at(node + 6, 2);
    if (depth > DEEPEST || node[4] != 0) refuse("R3", "a damaged B-tree");
    for (int i = 0; i < count; i++) {
        uint64_t child = unsigned_at(part(file, address + 32 + 16 * (uint64_t)i, 8), 8);
        if (node[5] > 0) visit_symbol_tree(file, child, names, visit, target, depth + 1);
        else visit_symbol_node(file, child, names, visit, target);
    }
}

/* Visit the names of a symbol table: `table.names` is its B-tree. */
void visit_symbols(File *file, Dense table, VisitName *visit, void *target) {
    const unsigned char *heap = signed_part(file, table.heap, 32, "HEAP");
    visit_symbol_tree(file, table.names, unsigned_at(heap + 24, 8), visit, target, 0);
}
