/* $name: small convolutions over 28 x 28 pixels, and $classes sigmoids. See $name.h for how to call it.
 *
 *   28 x 28   first, second   3 x 3 each, $maps_1 and $maps_2 maps; then the largest of 2 x 2
 *   14 x 14   third, fourth   3 x 3 each, $maps_3 and $maps_4 maps; then the largest of 2 x 2
 *    7 x 7    fifth           3 x 3, $maps_5 maps
 *             features        a sum over the places of each map, with a weight for each
 *             logit[k]        features * weights[k] + BIASES[k]
 *
 * A value of a map is uint8: the sum of int8 weights times values, and a bias, shifted by 8 bits and
 * cut off at 0 and 255. Beyond the border all values are 0. Nothing can overflow. These bounds follow
 * from the weights below, for any image and after each step of a sum:
 *
$bounds
 *
 * Rows of pixels come one by one. Only those rows of each map are kept that are still needed, and the
 * first maps are computed again for each row that needs them, so an image takes $state_bytes bytes of RAM.
 */
#include "$name.h"

$conv_types
enum {
    SIDE = 28,
    HALF = 14,
    QUARTER = 7,
    MAPS_1 = $maps_1,
    MAPS_2 = $maps_2,
    MAPS_3 = $maps_3,
    MAPS_4 = $maps_4,
    MAPS_5 = $maps_5,
    FEATURES = MAPS_5
};

/* The convolutions. For each group of maps: 3 x 3 places, in each the maps that are read, and for
 * each of these the weights of the group. The biases include half a unit, so that the shift rounds. */
$tables
/* The second maps in the middle of paper. */
static const uint8_t PAPER[MAPS_2] PROGMEM = {
$paper
};

$conv_tables
/* The image that is being read. */
static struct {
    uint8_t image[5][SIDE];              /* the last five rows: row r in r % 5 */
    uint8_t first[3][3 * MAPS_1];        /* around one pixel */
    uint8_t second[3][HALF * MAPS_2];    /* the largest of 2 x 2, the last three rows: r % 3 */
    uint8_t third[2][HALF * MAPS_3];     /* the last two whole rows: r % 2 */
    uint8_t newest[3][MAPS_3];           /* the last three places of the row after these */
    uint8_t fourth[3][QUARTER * MAPS_4]; /* as `second` */
    sum_t features[FEATURES];
    uint8_t rows; /* rows of pixels so far */
} state;

/* The part of the maps that a convolution reads: up to three rows of up to three places. */
typedef struct {
    uint8_t rows;
    uint8_t gap; /* weights to skip between two rows: those of a place beyond the border */
    struct {
        uint8_t count;
        const uint8_t *values;
    } row[3];
} seen_t;

$conv_macros
/* Adds values * weights to the sums of a group of maps. */
$sums
$convolutions
static void copy(uint8_t *to, const uint8_t *from, uint8_t bytes) {
    for (; bytes; bytes--) *to++ = *from++;
}

static void clear(uint8_t *to, uint8_t bytes) {
    for (; bytes; bytes--) *to++ = 0;
}

/* Keeps the largest of 2 x 2. */
static void pool(uint8_t *kept, const uint8_t *found, uint8_t maps, uint8_t is_first) {
    for (; maps; maps--, kept++, found++) {
        if (is_first || *found > *kept) *kept = *found;
    }
}

/* Where row y and its two neighbours begin at x - 1, in a ring of three rows of `bytes` each. */
static void around(const uint8_t *rows[3], const uint8_t *ring, uint16_t bytes, uint8_t height,
                   uint8_t maps, uint8_t y, uint8_t x) {
    const uint8_t *const here = x ? ring + (uint8_t)(x - 1) * maps : ring;
    rows[0] = y ? here + (uint8_t)(y + 2) % 3 * bytes : 0;
    rows[1] = here + y % 3 * bytes;
    rows[2] = y + 1 < height ? here + (uint8_t)(y + 1) % 3 * bytes : 0;
}

NOINLINE static void fifth_row(uint8_t y) {
    const int8_t *weight = PLACES + y * QUARTER * FEATURES;
    uint8_t x, k;
    for (x = 0; x < QUARTER; x++) {
        const uint8_t *rows[3];
        uint8_t maps[FEATURES];
        around(rows, state.fourth[0], QUARTER * MAPS_4, QUARTER, MAPS_4, y, x);
        fifth(rows, x, maps);
        for (k = 0; k < FEATURES; k++) {
            state.features[k] += PRODUCT((int8_t)pgm_read_byte(weight), maps[k]);
            weight++;
        }
    }
}

/* `below`: the row that is still being computed, from x - 1 on. */
NOINLINE static void fourth_place(uint8_t y, uint8_t x, const uint8_t *below) {
    const uint16_t left = x ? (uint16_t)(x - 1) * MAPS_3 : 0;
    const uint8_t *rows[3];
    uint8_t maps[MAPS_4];
    rows[0] = y ? state.third[(y + 1) % 2] + left : 0;
    rows[1] = state.third[y % 2] + left;
    rows[2] = below;
    fourth(rows, x, maps);
    pool(state.fourth[y / 2 % 3] + x / 2 * MAPS_4, maps, MAPS_4, !(y & 1) && !(x & 1));
}

static void fourth_row_is_there(uint8_t y) {
    if ((y & 1) && y > 1) fifth_row((uint8_t)(y / 2 - 1));
    if (y == HALF - 1) fifth_row(QUARTER - 1);
}

/* Computes row y, and the fourth maps of the row before as soon as they can be known. */
NOINLINE static void third_row(uint8_t y) {
    uint8_t x;
    for (x = 0; x <= HALF; x++) {
        copy(state.newest[0], state.newest[1], 2 * MAPS_3);
        if (x < HALF) {
            const uint8_t *rows[3];
            around(rows, state.second[0], HALF * MAPS_2, HALF, MAPS_2, y, x);
            third(rows, x, state.newest[2]);
        }
        if (x && y) fourth_place((uint8_t)(y - 1), (uint8_t)(x - 1), state.newest[x > 1 ? 0 : 1]);
        /* This place of the row two above is not needed any more. */
        if (x > 1) copy(state.third[y % 2] + (x - 2) * MAPS_3, state.newest[0], MAPS_3);
    }
    copy(state.third[y % 2] + (HALF - 1) * MAPS_3, state.newest[1], MAPS_3);
    if (y) fourth_row_is_there((uint8_t)(y - 1));
    if (y < HALF - 1) return;
    for (x = 0; x < HALF; x++) fourth_place(HALF - 1, x, 0);
    fourth_row_is_there(HALF - 1);
}

/* One place further to the right: the three first maps at x, around row y. */
static void first_column(uint8_t y, uint8_t x) {
    uint8_t r, k;
    for (r = 0; r < 3; r++) {
        const uint8_t at = (uint8_t)(y + r); /* the row that is computed, plus one */
        uint8_t *const maps = state.first[r];
        copy(maps, maps + MAPS_1, 2 * MAPS_1);
        if (x < SIDE && at > 0 && at <= SIDE) {
            const uint8_t *rows[3];
            /* Rows beyond the border are blank, and so are those below the last. */
            for (k = 0; k < 3; k++) rows[k] = state.image[(at + k + 3) % 5] + (x ? x - 1 : 0);
            first(rows, x, maps + 2 * MAPS_1);
        } else {
            clear(maps + 2 * MAPS_1, MAPS_1);
        }
    }
}

static uint8_t is_paper(uint8_t x) {
    uint8_t r, ink = 0;
    if (x >= SIDE) return 1;
    for (r = 0; r < 5; r++) ink |= state.image[r][x];
    return !ink;
}

/* Needs the pixels up to row y + 2. */
NOINLINE static void second_row(uint8_t y) {
    const uint8_t *rows[3];
    uint8_t x, paper = 2, next = 0; /* columns of paper up to x + 2; the next first_column */
    for (x = 0; x < 3; x++) {
        rows[x] = state.first[x];
        clear(state.first[x], 3 * MAPS_1);
    }
    for (x = 0; x < 2; x++) paper = is_paper(x) ? (uint8_t)(paper + 1) : 0;
    for (x = 0; x < SIDE; x++) {
        uint8_t maps[MAPS_2], k;
        paper = is_paper((uint8_t)(x + 2)) ? (uint8_t)(paper + 1) : 0;
        if (paper >= 5 && x > 0 && x < SIDE - 1 && y > 0 && y < SIDE - 1) {
            for (k = 0; k < MAPS_2; k++) maps[k] = pgm_read_byte(PAPER + k);
        } else {
            if (x > 1 && next < x - 1) next = (uint8_t)(x - 1);
            for (; next <= x + 1; next++) first_column(y, next);
            second(rows, 1, maps);
        }
        pool(state.second[y / 2 % 3] + x / 2 * MAPS_2, maps, MAPS_2, !(y & 1) && !(x & 1));
    }
}

/* Computes everything that needs no rows after y + 2. */
static void go_on(uint8_t y) {
    second_row(y);
    if ((y & 1) && y > 1) third_row((uint8_t)(y / 2 - 1));
    if (y == SIDE - 1) third_row(HALF - 1);
}

void ${name}_begin(void) {
    uint8_t k;
    for (k = 0; k < 5; k++) clear(state.image[k], SIDE);
    for (k = 0; k < FEATURES; k++) state.features[k] = (sum_t)pgm_read_dword(PLACE_BIASES + k);
    state.rows = 0;
}

void ${name}_push(const uint8_t row[28]) {
    if (state.rows >= SIDE) return;
    copy(state.image[state.rows % 5], row, SIDE);
    state.rows++;
    if (state.rows > 2) go_on((uint8_t)(state.rows - 3));
}

/* Takes missing rows, and the two that follow, for paper. Shifts the features. */
static void finish(void) {
    uint8_t k;
    for (; state.rows < SIDE + 2; state.rows++) {
        clear(state.image[state.rows % 5], SIDE);
        if (state.rows > 1) go_on((uint8_t)(state.rows - 2));
    }
    for (k = 0; k < FEATURES; k++) {
        const sum_t sum = state.features[k];
        state.features[k] = sum < 0 ? -((255 - sum) >> 8) : sum >> 8;
    }
}

$conv_logits
