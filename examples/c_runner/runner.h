/* A second implementation of the specification in docs/spec, in C99. */
#ifndef RUNNER_H
#define RUNNER_H

#include <stddef.h>
#include <stdint.h>

#define MOST_DIMENSIONS 8
#define L INT64_C(2097151) /* 2^21 - 1 */
#define S INT64_C(4194303) /* 2^22 - 1 */
#define HISTORY 64         /* rows of messages that are kept; delays are at most 62 */

/* An array of a file. `type` is the dtype as the checksum writes it, as "<i4" or "S10". */
typedef struct {
    char *path;
    char type[8];
    int ndim;
    int64_t dim[MOST_DIMENSIONS];
    int64_t count; /* product of the dimensions, 1 for a scalar */
    size_t size;   /* bytes of an item */
    const unsigned char *data;
    int known; /* a rule of the file's table names it */
} Array;

typedef struct {
    unsigned char *bytes;
    size_t size;
    Array *array; /* in ascending order of their paths */
    int arrays;
    int version, minor;
    char checksum[65];         /* the attribute; empty if missing */
    const char *odd_attribute; /* what is wrong with one, R7 */
} File;

enum { DENSE, DIAGONAL, CONV };

/* Weights of a connection, or of a drive. */
typedef struct {
    int kind;
    int64_t receivers, senders;
    int16_t *weight;
    int64_t in[3], out[3], kernel[2], stride[2], padding[2], dilation[2], groups, channels;
} Weights;

typedef struct {
    int source, target; /* indices of layers; 0 is the input */
    Weights weights;
    int exponent;
    int64_t *delay; /* one for each receiver */
    int64_t least_delay;
    int short_sums; /* sums of 24 bits: conv from a graded source */
} Connection;

enum { NOTHING, CUBA, LIF, SDNN, SIGMA, POISSON, GRADED, DELTA };

typedef struct {
    int64_t id, n, shape[3];
    int ndim, kind, driven, phase, sends;
    int64_t first; /* first row, below 0 for lead-in rows */
    int64_t *bias; /* one for each neuron */
    /* parameters, by their names in the file */
    int64_t threshold, amount, shift, bias_shift, most_spikes, leak, z_min, z_max, sign, weight_exp;
    int64_t message_bits, frac_bits, u_min, u_max, du_min, du_max, key_layer;
    int subtract, next_row, bias_to_current, relu, swish, memory, ceiling;
    int64_t *decay_i, *decay_v, *u_init, *self_weight;
    int has_drive, drive_exponent, lag;
    Weights drive;
    int has_start, start_exponent;
    Weights start;
    int64_t *start_bias, start_threshold, start_margin;
    /* state of a run; which of them a kind has is in neurons.c */
    int64_t *a_in, *b, *u, *voltage, *last, *reference, *z;
    int64_t *sent; /* HISTORY rows of messages */
} Layer;

typedef struct {
    int version;
    Layer *layer; /* layer[0] is the input */
    int layers;   /* the input included */
    Connection *connection;
    int connections;
    int *order; /* layers in the order of their updates */
    int any_driven, draws, lead_in;
    int graded_input;
    int64_t minimum, maximum; /* range of a value of the image */
    const unsigned char *thresholds, *swish_table, *ceiling_table;
} Network;

typedef struct {
    int64_t images, rows, values; /* rows is 0 for one vector for all rows */
    int64_t *value;
    int64_t first; /* index of the first image in the random source */
} Images;

/* main.c */
void refuse(const char *rule, const char *format, ...);
void *zeros(int64_t count, size_t size);

/* reader/sha256.c */
typedef struct {
    uint32_t state[8];
    unsigned char block[64];
    uint64_t length;
} Sha256;
void sha256_start(Sha256 *hash);
void sha256_add(Sha256 *hash, const void *data, size_t length);
void sha256_end(Sha256 *hash, char digits[65]);

/* reader/hdf5.c: rules R3 to R12 */
void read_hdf5(File *file);
uint64_t unsigned_at(const unsigned char *data, int size);

/* reader/arrays.c: rules R1, R2 */
void read_file(const char *path, File *file);
Array *find(const File *file, const char *format, ...);
int any_below(const File *file, const char *format, ...);
int64_t whole(const Array *array, int64_t index);
double real(const Array *array, int64_t index);
int one_of(const Array *array, const char *names);
int64_t numbers_below(const File *file, const char *folder, int64_t most, int64_t **number);

/* reader/inputs.c */
void read_images(const char *path, Images *images);
void check_json(const unsigned char *text, size_t length);

/* structure.c: rules R13 to R16 */
void check_structure(File *file);

/* content.c, content3.c: rules R17 to R37 */
void check_content(File *file);
int64_t number(const File *file, const char *folder, const char *name);
void finite_numbers(const Array *array, int positive);
int kind_of(const File *file, int64_t id);
void check_pixels(const File *file, int64_t least, int64_t most, int64_t *low, int64_t *high);
void within(const Array *array, int64_t low, int64_t high);
void has_shape(const Array *array, int ndim, const int64_t *dim);
int64_t neurons_of(const File *file, int64_t id);
int64_t check_neurons(const File *file, int64_t id);
void check_version_3(const File *file);

/* network.c */
void build_network(const File *file, Network *network);
void check_ranges(Network *network);

/* neurons.c */
int64_t shifted(int64_t value, int64_t n);
int64_t clip(int64_t value, int64_t low, int64_t high);
int64_t wrap(uint64_t value);
void update(const Network *network, Layer *layer, uint64_t seed, int64_t image, int64_t row);

/* weights.c */
uint64_t weighted_sum(const Weights *weights, int64_t k, const int64_t *z);
void sums_of_weights(const Weights *weights, int64_t k, int64_t *positive, int64_t *negative);

/* run.c */
void run(Network *network, const Images *images, int64_t steps, uint64_t seed, const char *folder);

#endif
