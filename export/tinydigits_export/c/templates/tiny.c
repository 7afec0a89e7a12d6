/* $name: see $name.h for how to call it.
 *
 * A pixel of at least INK adds the weights of its region to UNITS sums. Regions are the squares of a
 * grid of $bands x $bands: 2 pixels wide, except that those at the border extend to its edge.
 *
 * total[k] = sum over units of (sum of the unit, brought into 0..CEILING) * HEAD[k][unit]
 *
 * The largest total is the class. No sum exceeds 784 * 2, and no total exceeds 20 * 127 * 15.
 */
#include "$name.h"

#ifdef __AVR__
#include <avr/pgmspace.h>
#define UNCLEARED __attribute__((section(".noinit"))) /* ${name}_begin clears it: saves 16 bytes */
/* Makes the compiler keep a counter as a counter, and an address in its register. Together with the
 * increments on lines of their own, this saves 40 bytes of flash. */
#define KEEP(variable) __asm__("" : "+r"(variable))
#else
#define KEEP(variable)
#define PROGMEM
#define UNCLEARED
#define pgm_read_byte(address) (*(address))
#endif

#ifdef __GNUC__
#define NOINLINE __attribute__((noinline)) /* flash then holds it once */
#else
#define NOINLINE
#endif

enum { SIDE = 28, INK = $ink, UNITS = $units, CEILING = $ceiling };
enum { FIRST_EDGE = $first_edge, LAST_EDGE = $last_edge }; /* bands begin at each even number */
enum { BANDS = $bands, REGION_BYTES = $units / 4 };

/* For each region, row by row: a weight of 2 bits for each unit, stored with 2 added. */
static const uint8_t REGIONS[BANDS * BANDS * REGION_BYTES] PROGMEM = {
$regions
};

/* For each class: a weight of 4 bits for each unit. Only differences between classes matter. */
static const uint8_t HEAD[${guard}_CLASSES * UNITS / 2] PROGMEM = {
$head
};

static struct {
    int16_t sums[UNITS];
    uint8_t next[2]; /* row and column of the next pixel */
} state UNCLEARED;

void ${name}_begin(void) {
    uint8_t *byte = (uint8_t *)&state, left = sizeof state;
    do {
        *byte++ = 0;
        KEEP(left);
    } while (--left);
}

/* Returns `weight` plus `step` for each band before that of `place`, a row or a column. */
NOINLINE static const uint8_t *moved(const uint8_t *weight, uint8_t place, uint8_t step) {
    if (place > LAST_EDGE) place = LAST_EDGE;
    for (; place >= FIRST_EDGE; place = (uint8_t)(place - 2)) weight += step;
    return weight;
}

NOINLINE static void add(const uint8_t *weight) {
    int16_t *sum = state.sums;
    uint8_t bytes = REGION_BYTES;
    do {
        uint8_t bits = pgm_read_byte(weight), left = 4;
        weight++;
        do {
            *sum = (int16_t)(*sum + (int8_t)((bits & 3) - 2));
            sum++;
            bits >>= 2;
            KEEP(left);
        } while (--left);
        KEEP(bytes);
    } while (--bytes);
}

static void move_on(void) {
    uint8_t *place = state.next;
    KEEP(place);
    if (++place[1] == SIDE) {
        place[1] = 0;
        place[0]++;
    }
}

void ${name}_push(uint8_t pixel) {
    if (pixel >= INK) {
        const uint8_t *row = moved(REGIONS, state.next[0], BANDS * REGION_BYTES);
        add(moved(row, state.next[1], REGION_BYTES));
    }
    move_on();
}

/* Multiplies bit by bit: many of these chips cannot multiply. */
uint8_t ${name}_end(void) {
    const uint8_t *weights = HEAD;
    uint16_t best = 0;
    uint8_t k, best_k = 0;
    for (k = 0; k < ${guard}_CLASSES; k++) {
        const int16_t *sum = state.sums;
        uint16_t total = 0, unit = 0;
        uint8_t bits = 0, left = UNITS * 4;
        do {
            if (!(left & 7)) {
                bits = pgm_read_byte(weights);
                weights++;
            }
            if (!(left & 3)) {
                const int16_t next = *sum;
                sum++;
                unit = next < 0 ? (uint16_t)0 : next > CEILING ? (uint16_t)CEILING : (uint16_t)next;
            }
            if (bits & 1) total = (uint16_t)(total + unit);
            unit = (uint16_t)(unit + unit);
            bits >>= 1;
        } while (--left);
        if (total > best) {
            best = total;
            best_k = k;
        }
    }
    return best_k;
}
