#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_word(address) (*(address))
#endif

#define LEAST $least /* the lowest logit whose score reaches min_score, $min_score */
#define RANGE (8 * ${guard}_ONE)

$probability

/* At best = -8, -31/4, ... 8: the logit whose score is max_ratio, $max_ratio, times that of best. In
 * units of 1/1024. */
static const int16_t RIVALS[65] PROGMEM = {
$rivals
};

/* Tells whether a second class comes too near: interpolated between two entries of the table. Beyond
 * 8, scores grow no more; below -8, both shrink alike. */
static uint8_t is_near(int32_t best, int32_t second) {
    const int32_t within = best > RANGE ? RANGE : best < -RANGE ? -RANGE : best;
    const int32_t x = (within + RANGE) >> ($fraction - 10); /* 1024 to the one */
    const int16_t *const entry = RIVALS + (x < 16384 ? x >> 8 : 63);
    const int32_t from = (int16_t)pgm_read_word(entry), to = (int16_t)pgm_read_word(entry + 1);
    const int32_t rival = from + (((to - from) * (x - (int32_t)(entry - RIVALS) * 256)) >> 8);
    if (best < within) second += within - best; /* second is at most best */
    if (second > RANGE) second = RANGE;
    return second > rival * (${guard}_ONE >> 10);
}

/* The space is free again. A logit takes 4 bytes of it. */
static void judge(const uint8_t *image, void *space, ${name}_answer *answer) {
    int32_t *logits = (int32_t *)space, best, second;
    uint8_t k;
    ${name}_scores(image, logits);
    best = logits[0];
    second = INT32_MIN;
    for (k = 1; k < ${guard}_CLASSES; k++) {
        if (logits[k] > best) {
            second = best;
            best = logits[k];
            answer->digit = k;
        } else if (logits[k] > second) {
            second = logits[k];
        }
    }
    answer->probability = probability_of(best);
    if (answer->status != ${guard}_OK) return;
    if (best < LEAST) answer->status = ${guard}_LOW_SCORE;
    else if (is_near(best, second)) answer->status = ${guard}_AMBIGUOUS;
}
