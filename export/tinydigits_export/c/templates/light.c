/* $name: small convolutions over 28 x 28 pixels, and $classes sigmoids. See $name.h for how to call it.
 *
 *   12 x 12   first      5 x 5 at every second pixel, $maps_1 maps
 *             second     3 x 3, $maps_2 maps; then the largest of 2 x 2
$layers
 *             features   a sum over the places of each map, with a weight for each
 *             logit[k]   features * weights[k] + BIASES[k]
 *
 * A value of a map is uint8: the sum of int8 weights times values, and a bias, shifted by 8 bits and
 * cut off at 0 and 255. Beyond the border all values are 0. Nothing can overflow. These bounds follow
 * from the weights below, for any image and after each step of a sum:
 *
$bounds
 *
 * Rows of pixels come one by one. Only those rows of each map are kept that are still needed, so an
 * image takes $state_bytes bytes of RAM.
 */
#include "$name.h"

$conv_types
enum {
    SIDE = 28,
    HALF = 12,
    QUARTER = 6,
$counts
    FEATURES = MAPS_$last_layer
};

/* The convolutions. For each group of maps: the places, in each the maps that are read, and for
 * each of these the weights of the group. The biases include half a unit, so that the shift rounds. */
$tables
$conv_tables
/* The image that is being read: the last rows of it and of each map, row r in r % 5 or r % 3. */
static struct {
    uint8_t image[5][SIDE];
    uint8_t first[3][HALF * MAPS_1];
    uint8_t second[3][QUARTER * MAPS_2]; /* the largest of 2 x 2 */
$rings
    sum_t features[FEATURES];
    uint8_t rows; /* rows of pixels so far */
} state;

/* The part of the maps that a convolution reads. One is enough: a row that is there is left before
 * the next maps are computed from it. */
typedef struct {
    uint8_t rows;
    uint8_t gap; /* weights to skip between two rows: those of a place beyond the border */
    struct {
        uint8_t count;
        const uint8_t *values;
    } row[5];
} seen_t;
static seen_t seen;

$conv_macros
/* Adds values * weights to the sums of a group of maps. */
$sums
$convolutions
/* Finds the place at x, y and its neighbours in a ring of three rows of `side` places, and returns
 * how many values beyond the border come before the first. */
static uint8_t around(const uint8_t *ring, uint8_t side, uint8_t maps, uint8_t y, uint8_t x) {
    const uint16_t bytes = (uint16_t)side * maps;
    uint8_t r;
    seen.rows = 0;
    seen.gap = (uint8_t)(x == 0 || x + 1 == side ? maps : 0);
    for (r = (uint8_t)(y ? y - 1 : 0); r <= y + 1 && r < side; r++) {
        seen.row[seen.rows].values = ring + r % 3 * bytes + (x ? x - 1 : 0) * maps;
        seen.row[seen.rows].count = (uint8_t)(3 * maps - seen.gap);
        seen.rows++;
    }
    return (uint8_t)((y ? 0 : 3 * maps) + (x ? 0 : maps));
}

$rows
NOINLINE static void second_row(uint8_t y) {
    uint8_t x, k;
    for (x = 0; x < HALF; x++) {
        uint8_t maps[MAPS_2], *kept = state.second[y / 2 % 3] + x / 2 * MAPS_2;
        second(around(state.first[0], HALF, MAPS_1, y, x), maps);
        for (k = 0; k < MAPS_2; k++) {
            if (!((x | y) & 1) || maps[k] > kept[k]) kept[k] = maps[k];
        }
    }
    if (!(y & 1)) return;
    if (y > 1) third_row((uint8_t)(y / 2 - 1));
    if (y == HALF - 1) third_row(QUARTER - 1);
}

NOINLINE static void first_row(uint8_t y) {
    uint8_t x, k;
    for (x = 0; x < HALF; x++) {
        seen.rows = 5;
        seen.gap = 0;
        for (k = 0; k < 5; k++) {
            seen.row[k].values = state.image[(uint8_t)(2 * y + k) % 5] + 2 * x;
            seen.row[k].count = 5;
        }
        first(0, state.first[y % 3] + x * MAPS_1);
    }
    if (y) second_row((uint8_t)(y - 1));
    if (y == HALF - 1) second_row(y);
}

void ${name}_begin(void) {
    uint8_t k;
    for (k = 0; k < FEATURES; k++) state.features[k] = (sum_t)pgm_read_dword(PLACE_BIASES + k);
    state.rows = 0;
}

void ${name}_push(const uint8_t row[28]) {
    uint8_t x;
    if (state.rows >= SIDE) return;
    for (x = 0; x < SIDE; x++) state.image[state.rows % 5][x] = row ? row[x] : 0;
    state.rows++;
    if (state.rows >= 5 && (state.rows & 1)) first_row((uint8_t)((state.rows - 5) / 2));
}

/* Takes missing rows for paper. Shifts the features. */
static void finish(void) {
    uint8_t k;
    while (state.rows < SIDE) ${name}_push(0);
    for (k = 0; k < FEATURES; k++) {
        const sum_t sum = state.features[k];
        state.features[k] = sum < 0 ? -((255 - sum) >> 8) : sum >> 8;
    }
}

$conv_logits
