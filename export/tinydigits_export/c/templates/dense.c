/* $name: one layer of $classes sigmoids over 784 pixels. See $name.h for how to call it.
 *
 * sum[k]   = pixel[0] * weight[0][k] + ... + pixel[783] * weight[783][k]
 * logit[k] = sum[k] * SCALES[k] + BIASES[k]
 *
 * Weights are int8 with a scale for each class. All scales are whole numbers of the same unit,
 * 1 / ${guard}_ONE, so the logits of different classes can be compared directly.
 *
 * No sum or logit can overflow. These bounds follow from the weights below, for any image and after
 * each of its pixels:
 *
$bounds
 */
#include "$name.h"

#ifdef __AVR__
#include <avr/pgmspace.h>
typedef __int24 sum_t; /* the bounds above fit */
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_dword(address) (*(address))
typedef int32_t sum_t;
#endif

/* Classes that are summed in one pass over the image. */
#define GROUP $group
#define GROUPS $groups

$noinline

/* For each group of classes: runs of pixels that had ink in any training image. A run has the number
 * of pixels to skip, the number to take, and the weights of those, GROUP for each pixel. The last run
 * takes none. */
static const int8_t WEIGHTS[$weight_bytes] PROGMEM = {
$weights
};

static const uint8_t SCALES[${guard}_CLASSES] PROGMEM = {
$scales
};

static const int32_t BIASES[${guard}_CLASSES] PROGMEM = {
$biases
};

#if defined(__AVR_HAVE_MUL__) && defined(__AVR_HAVE_LPMX__)

/* The same as the C below, for AVRs that multiply. The lower two bytes of every sum stay in
 * registers. The third is in memory: it is only needed when two bytes overflow, which is rare. */

/* low:high += weight (r17) * ink (r16). After an overflow, bit 7 of `high` tells its direction. */
#define ADD(low, high, third)                                                                      \
    "lpm r17, Z+ \n mulsu r17, r16 \n add " #low ", r0 \n adc " #high ", r1 \n brvc .+10 \n"       \
    "ldd r19, Y+" #third " \n inc r19 \n sbrs " #high ", 7 \n subi r19, 2 \n"                      \
    "std Y+" #third ", r19 \n"
#define CLEAR(low, high, third) "clr " #low " \n clr " #high " \n std Y+" #third ", " #low " \n"
/* `high` has a sign of its own, which is carried into the third byte. */
#define STORE(low, high, third)                                                                    \
    "std Y+" #third "-2, " #low " \n std Y+" #third "-1, " #high " \n"                             \
    "ldd r19, Y+" #third " \n sbrc " #high ", 7 \n dec r19 \n std Y+" #third ", r19 \n"
/* The place of each sum: low, high, and the offset of its third byte. */
#define EACH(DO) \
    $each

NOINLINE static const int8_t *add_up(const uint8_t *pixel, const int8_t *weight, sum_t *sums) {
    __asm__ __volatile__(
        EACH(CLEAR)
        "1: lpm r18, Z+    \n" /* pixels to skip */
        "   clr r1         \n"
        "   add r26, r18   \n"
        "   adc r27, r1    \n"
        "   lpm r18, Z+    \n" /* pixels to take: counted down in r18 */
        "   tst r18        \n"
        "   brne 2f        \n"
        "   rjmp 4f        \n"
        "2: ld r16, X+     \n" /* the ink of a pixel; 9 cycles if there is none */
        "   tst r16        \n"
        "   brne 3f        \n"
        "   adiw r30, %[group] \n"
        "   dec r18        \n"
        "   brne 2b        \n"
        "   rjmp 1b        \n"
        "3:                \n"
        EACH(ADD)
        "   dec r18        \n"
        "   breq .+2       \n"
        "   rjmp 2b        \n"
        "   rjmp 1b        \n"
        "4:                \n"
        EACH(STORE)
        : "+x"(pixel), "+z"(weight)
        : "y"(sums), [group] "I"(GROUP)
        : "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
          "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "memory");
    return weight; /* the last run set r1 to 0 again, as the compiler expects */
}

#else

#define EACH(DO) $each_k
#define CLEAR(k) sums[k] = 0;

#if defined(__GNUC__) && defined(__thumb__)

/* The same as the C below, for ARMs. For the C, GCC saves one more register on the stack. */

#ifdef __thumb2__
#define LOAD_INK "ldrb %[ink], [%[pixel]], #1 \n"
#define ADD(k)                                                                                     \
    "ldrsb %[part], [%[weight], #" #k "] \n ldr %[sum], [%[sums], #4*" #k "] \n"                   \
    "mla %[sum], %[part], %[ink], %[sum] \n str %[sum], [%[sums], #4*" #k "] \n"
#else
#define LOAD_INK "ldrb %[ink], [%[pixel]] \n adds %[pixel], #1 \n"
#define ADD(k)                                                                                     \
    "movs %[part], #" #k " \n ldrsb %[part], [%[weight], %[part]] \n"                              \
    "muls %[part], %[ink], %[part] \n ldr %[sum], [%[sums], #4*" #k "] \n"                         \
    "adds %[sum], %[sum], %[part] \n str %[sum], [%[sums], #4*" #k "] \n"
#endif

NOINLINE static const int8_t *add_up(const uint8_t *pixel, const int8_t *weight, sum_t *sums) {
    uint32_t left, ink, part, sum;
    EACH(CLEAR)
    __asm__ __volatile__(
        "   .syntax unified                  \n"
        "1: ldrb %[left], [%[weight]]        \n" /* pixels to skip */
        "   adds %[pixel], %[pixel], %[left] \n"
        "   ldrb %[left], [%[weight], #1]    \n" /* pixels to take, counted down */
        "   adds %[weight], #2               \n"
        "   cmp %[left], #0                  \n"
        "   beq 5f                           \n"
        "2:                                  \n"
        LOAD_INK
        "   cmp %[ink], #0                   \n"
        "   bne 4f                           \n"
        "3: adds %[weight], %[group]         \n"
        "   subs %[left], #1                 \n"
        "   bne 2b                           \n"
        "   b 1b                             \n"
        "4:                                  \n"
        EACH(ADD)
        "   b 3b                             \n"
        "5:                                  \n"
        : [pixel] "+l"(pixel), [weight] "+l"(weight), [left] "=&l"(left), [ink] "=&l"(ink),
          [part] "=&l"(part), [sum] "=&l"(sum)
        : [sums] "l"(sums), [group] "i"(GROUP)
        : "cc", "memory");
    return weight;
}

#else

#define ADD(k) sums[k] += (int8_t)pgm_read_byte(weight + k) * ink;

/* Computes the sums of one group, from its first weight on. Returns the first weight of the next
 * group. */
NOINLINE static const int8_t *add_up(const uint8_t *pixel, const int8_t *weight, sum_t *sums) {
    EACH(CLEAR)
    for (;;) {
        const uint8_t *end;
        pixel += (uint8_t)pgm_read_byte(weight);
        end = pixel + (uint8_t)pgm_read_byte(weight + 1);
        weight += 2;
        if (pixel == end) return weight;
        do {
            const uint8_t ink = *pixel++;
            if (ink) { /* most of an image is paper */
                EACH(ADD)
            }
            weight += GROUP;
        } while (pixel != end);
    }
}

#endif
#endif

static void add_up_all(const uint8_t image[784], sum_t sums[GROUPS * GROUP]) {
    const int8_t *weight = WEIGHTS;
    uint8_t group;
    for (group = 0; group < GROUPS; group++) weight = add_up(image, weight, sums + group * GROUP);
}

static int32_t logit(uint8_t k, sum_t sum) {
    const int32_t scale = (uint8_t)pgm_read_byte(SCALES + k);
    return sum * scale + (int32_t)pgm_read_dword(BIASES + k);
}

$probability

#ifdef __AVR__
#define LOGIT(k) logit(k, sums[k])
#else
#define LOGIT(k) sums[k] /* `give` has replaced the sum by the logit: both have 32 bits here */
#endif

/* The class of the largest logit, the first of equal ones. */
NOINLINE static uint8_t decide(const sum_t *sums, uint8_t *probability) {
    int32_t best = LOGIT(0);
    uint8_t k, best_k = 0;
    for (k = 1; k < ${guard}_CLASSES; k++) {
        const int32_t next = LOGIT(k);
        if (next > best) {
            best = next;
            best_k = k;
        }
    }
    *probability = probability_of(best);
    return best_k;
}

NOINLINE static void give(const sum_t *sums, int32_t *logits) {
    uint8_t k;
    for (k = 0; k < ${guard}_CLASSES; k++) logits[k] = logit(k, sums[k]);
}

void ${name}_scores(const uint8_t image[784], int32_t logits[${guard}_CLASSES]) {
    sum_t sums[GROUPS * GROUP];
    add_up_all(image, sums);
    give(sums, logits);
}

uint8_t ${name}_classify(const uint8_t image[784], uint8_t *probability) {
    sum_t sums[GROUPS * GROUP];
    add_up_all(image, sums);
#ifndef __AVR__
    give(sums, sums);
#endif
    return decide(sums, probability);
}
