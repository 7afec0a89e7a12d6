/* $name: one layer of $classes sigmoids over 784 pixels. See $name.h for how to call it.
 *
 * ink[i]   = pixel[i] >> 4
 * sum[k]   = ink[0] * weight[0][k] + ... + ink[783] * weight[783][k]
 * logit[k] = sum[k] * SCALES[k] + BIASES[k]
 *
 * Weights are whole numbers from -8 to 7, two in a byte, and stored 8 more than they are. What that
 * adds to every sum, 8 times all ink, is taken off at the end. So is what comes of multiplying whole
 * bytes where the lower half is meant: 16 times the sum of the upper half. On the way the sums may
 * overflow 16 bits, which does no harm: unsigned numbers count modulo 65536, and for every image
 * there can be the true sum lies between $least and $most.
 */
#include "$name.h"

#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_word(address) (*(address))
#define pgm_read_dword(address) (*(address))
#endif

#include "noinline.h"

#define PAIRS $pairs /* of classes */
#define INK (2 * PAIRS) /* where among the sums that of all ink is */

/* Runs of pixels. A run is how many pairs of pixels to skip, how many pairs to take, and the weights
 * of those: PAIRS bytes for each pixel, the class of even number in the lower half. A run that takes
 * none is the last. What hardly any training image lit is skipped. */
static const uint8_t WEIGHTS[$weight_bytes] PROGMEM = {
$weights
};

static const uint16_t SCALES[${guard}_CLASSES] PROGMEM = {
$scales
};

static const int32_t BIASES[${guard}_CLASSES] PROGMEM = {
$biases
};

#if defined(__AVR_HAVE_MUL__) && defined(__AVR_HAVE_LPMX__)

/* The same as the C below, for AVRs that multiply. All sums stay in registers, which leaves none:
 * even Y holds one, that of all ink. r16 is the ink of a pixel and r19 the same times 16, so that
 * ink times the upper half of a byte is r1, and r0 is 0. */
#define CLEAR(low, high, next_low, next_high)                                                      \
    "clr " #low " \n clr " #high " \n clr " #next_low " \n clr " #next_high " \n"
#define ADD(low, high, next_low, next_high)                                                        \
    "lpm r17, Z+ \n mul r17, r16 \n add " #low ", r0 \n adc " #high ", r1 \n"                       \
    "andi r17, 240 \n mul r17, r19 \n add " #next_low ", r1 \n adc " #next_high ", r0 \n"
#define STORE(low, high, next_low, next_high)                                                      \
    "st X+, " #low " \n st X+, " #high " \n st X+, " #next_low " \n st X+, " #next_high " \n"
/* Where the sums are. */
#define EACH(DO) $each
#define ADD_PIXEL "mov r19, r16 \n swap r16 \n" EACH(ADD) "add r28, r16 \n adc r29, r0 \n"

NOINLINE static void add_up(const uint8_t *pixel, uint16_t sums[2 * PAIRS + 1]) {
    const uint8_t *weight = WEIGHTS;
    __asm__ __volatile__(
        "   push r28        \n"
        "   push r29        \n"
        EACH(CLEAR)
        "   clr r28         \n"
        "   clr r29         \n"
        "1: lpm r18, Z+     \n" /* pairs of pixels to skip */
        "   clr r1          \n"
        "   add r26, r18    \n"
        "   adc r27, r1     \n"
        "   add r26, r18    \n"
        "   adc r27, r1     \n"
        "   lpm r18, Z+     \n" /* pairs to take: r18 counts them down */
        "   tst r18         \n"
        "   brne 2f         \n"
        "   rjmp 6f         \n"
        "2: ld r16, X+      \n" /* a pixel; 7 or 8 cycles where it is paper */
        "   andi r16, 240   \n"
        "   brne 4f         \n"
        "   adiw r30, %[pairs] \n"
        "3: ld r16, X+      \n" /* its neighbour */
        "   andi r16, 240   \n"
        "   brne 5f         \n"
        "   adiw r30, %[pairs] \n"
        "   dec r18         \n"
        "   brne 2b         \n"
        "   rjmp 1b         \n"
        "4:                 \n"
        ADD_PIXEL
        "   rjmp 3b         \n"
        "5:                 \n"
        ADD_PIXEL
        "   dec r18         \n"
        "   breq .+2        \n"
        "   rjmp 2b         \n"
        "   rjmp 1b         \n"
        "6: pop r27         \n" /* X = sums */
        "   pop r26         \n"
        EACH(STORE)
        "   st X+, r28      \n"
        "   st X+, r29      \n"
        "   sbiw r26, 4 * %[pairs] + 2 \n"
        "   movw r28, r26   \n"
        /* r1 is 0 again, as the compiler expects: the last run cleared it */
        : "+x"(pixel), "+z"(weight)
        : "y"(sums), [pairs] "I"(PAIRS)
        : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "memory");
}

#else

static void add_pixel(uint8_t ink, const uint8_t *weight, uint16_t sums[2 * PAIRS + 1]) {
    uint8_t pair;
    for (pair = 0; pair < PAIRS; pair++) {
        const uint8_t two = pgm_read_byte(weight + pair);
        sums[2 * pair] = (uint16_t)(sums[2 * pair] + two * ink);
        sums[2 * pair + 1] = (uint16_t)(sums[2 * pair + 1] + (two >> 4) * ink);
    }
    sums[INK] = (uint16_t)(sums[INK] + ink);
}

NOINLINE static void add_up(const uint8_t *pixel, uint16_t sums[2 * PAIRS + 1]) {
    const uint8_t *weight = WEIGHTS;
    uint16_t left;
    for (left = 0; left <= INK; left++) sums[left] = 0;
    while (pixel += 2 * pgm_read_byte(weight), left = pgm_read_byte(weight + 1)) {
        weight += 2;
        for (left = (uint16_t)(2 * left); left; left--) {
            const uint8_t ink = *pixel++ >> 4;
            if (ink) add_pixel(ink, weight, sums); /* most of a digit's image is paper */
            weight += PAIRS;
        }
    }
}

#endif

static int32_t logit(uint8_t k, const uint16_t *sums) {
    const uint16_t upper = k % 2 ? 0 : (uint16_t)(16 * sums[k + 1]);
    const uint16_t sum = (uint16_t)(sums[k] - upper - 8 * sums[INK]);
    const int16_t signed_sum = (int16_t)(sum < 32768 ? sum : (int32_t)sum - 65536);
    return (int32_t)signed_sum * (int16_t)pgm_read_word(SCALES + k) +
           (int32_t)pgm_read_dword(BIASES + k);
}

#include "probability.c"

void ${prefix}_scores(const uint8_t image[784], int32_t logits[${guard}_CLASSES]) {
    uint16_t sums[2 * PAIRS + 1];
    uint8_t k;
    add_up(image, sums);
    for (k = 0; k < ${guard}_CLASSES; k++) logits[k] = logit(k, sums);
}

/* Of equal logits the first is the class. */
uint8_t ${prefix}_classify(const uint8_t image[784], uint8_t *probability) {
    uint16_t sums[2 * PAIRS + 1];
    int32_t best = INT32_MIN;
    uint8_t k, best_k = 0;
    add_up(image, sums);
    for (k = 0; k < ${guard}_CLASSES; k++) {
        const int32_t next = logit(k, sums);
        if (next > best) {
            best = next;
            best_k = k;
        }
    }
    *probability = probability_of(best);
    return best_k;
}
