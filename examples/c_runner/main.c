/* ./runner NETWORK IMAGES STEPS SEED OUT [FIRST_IMAGE]: run a network file, and write OUT/trace.csv.
 *
 * Exit status 0, or 3 for a file or a run that a rule of docs/spec/refusals.md refuses: the rule is the
 * first word of the message. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "runner.h"

void refuse(const char *rule, const char *format, ...) {
    va_list values;
    fprintf(stderr, "%s: ", rule);
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(3);
}

/* Memory for `count` items, all 0. */
void *zeros(int64_t count, size_t size) {
    void *memory = calloc(count > 0 ? (size_t)count : 1, size);
    if (!memory) refuse("memory", "not enough memory");
    return memory;
}

int main(int count, char **argument) {
    static File file;
    static Network network;
    static Images images;
    char *end;
    if (count != 6 && count != 7) refuse("usage", "./runner NETWORK IMAGES STEPS SEED OUT [FIRST_IMAGE]");
    read_file(argument[1], &file);
    check_structure(&file);
    check_content(&file);
    build_network(&file, &network);
    check_ranges(&network);
    errno = 0;
    long long seed = strtoll(argument[4], &end, 10);
    int odd = *end != 0 || end == argument[4] || errno != 0;
    if (network.draws && (odd || seed < 0 || seed >= INT64_C(1) << 48)) refuse("R40", "seed %s", argument[4]);
    long steps = strtol(argument[3], &end, 10);
    if (*end != 0 || steps < 1 || steps > (1L << 19) - 1) refuse("R42", "%s steps", argument[3]);
    read_images(argument[2], &images);
    errno = 0;
    long long first = count == 7 ? strtoll(argument[6], &end, 10) : 0;
    odd = count == 7 && (*end != 0 || end == argument[6] || errno != 0);
    if (network.draws && (odd || first < 0 || first > (INT64_C(1) << 32) - images.images))
        refuse("R41", "first image %s", argument[6]);
    images.first = first;
    if (images.values != network.layer[0].n)
        refuse("images", "found %ld values, allowed %ld", (long)images.values, (long)network.layer[0].n);
    if (images.rows != 0 && images.rows != steps)
        refuse("images", "found %ld rows, allowed %ld", (long)images.rows, steps);
    int64_t values = images.images * images.values * (images.rows ? images.rows : 1);
    for (int64_t i = 0; i < values; i++) {
        if (images.value[i] < network.minimum || images.value[i] > network.maximum)
            refuse("R43", "a value of an image");
    }
    run(&network, &images, steps, (uint64_t)seed, argument[5]);
    return 0;
}
