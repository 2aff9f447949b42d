/* Parts of HDF5 files: messages of object headers, heaps and B-trees. */
#ifndef HDF5_H
#define HDF5_H

#include "../runner.h"

#define SEAL 512
#define UNDEFINED UINT64_MAX
#define DEEPEST 64

typedef struct {
    const unsigned char *data;
    size_t size;
    int flags;
} Message;
typedef struct {
    uint64_t heap, names;
} Dense;
typedef void Visit(File *file, void *target, Message message);
typedef void VisitName(File *file, void *target, const char *name, int hard, uint64_t address);

const unsigned char *part(const File *file, uint64_t offset, uint64_t size);
const unsigned char *signed_part(const File *file, uint64_t offset, uint64_t size, const char *name);
void visit_dense(File *file, Dense dense, int id, Visit *visit, void *target);
void visit_symbols(File *file, Dense table, VisitName *visit, void *target);

#endif
