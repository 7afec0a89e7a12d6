/* light: from a grey frame to an answer. See light_read.h for how to call it. */
#include "light_read.h"

#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_word(address) (*(address))
#endif

#define LEAST -592050 /* the lowest logit whose score reaches min_score, 0.2443 */
#define RANGE (8 * LIGHT_ONE)

/* 255 * sigmoid(x) at x = 0, 1/4, 1/2, ... 8. */
static const uint8_t SIGMOID[33] PROGMEM = {
    128, 143, 159, 173, 186, 198, 208, 217, 225, 231, 236, 240, 243, 245, 248, 249, 250, 251, 252,
    253, 253, 254, 254, 254, 254, 255, 255, 255, 255, 255, 255, 255, 255,
};

/* 0 to 255: interpolated between two entries of the table; beyond 8 or -8, the last entry. */
static uint8_t probability_of(int32_t logit) {
    const int32_t size = (logit < 0 ? -logit : logit) >> (19 - 10);
    const uint16_t x = size < 8192 ? (uint16_t)size : 8191; /* 1024 to the one */
    const uint8_t *const entry = SIGMOID + (x >> 8);
    const uint8_t from = pgm_read_byte(entry), to = pgm_read_byte(entry + 1);
    const uint8_t result = (uint8_t)(from + (((uint16_t)(to - from) * (x & 255)) >> 8));
    return logit < 0 ? (uint8_t)(255 - result) : result;
}

/* At best = -8, -31/4, ... 8: the logit whose score is max_ratio, 0.8566, times that of best. In
 * units of 1/1024. */
static const int16_t RIVALS[65] PROGMEM = {
    -8351, -8095, -7839, -7583, -7327, -7071, -6815, -6559, -6303, -6047, -5791, -5535, -5279,
    -5024, -4768, -4513, -4257, -4002, -3747, -3492, -3238, -2984, -2730, -2478, -2226, -1976,
    -1727, -1480, -1235, -994, -756, -523, -296, -76, 136, 338, 528, 706, 869, 1017, 1150, 1266,
    1367, 1453, 1525, 1585, 1635, 1675, 1707, 1733, 1754, 1770, 1783, 1793, 1801, 1808, 1813, 1817,
    1820, 1822, 1824, 1825, 1826, 1827, 1828,
};

/* Tells whether a second class comes too near: interpolated between two entries of the table. Beyond
 * 8, scores grow no more; below -8, both shrink alike. */
static uint8_t is_near(int32_t best, int32_t second) {
    const int32_t within = best > RANGE ? RANGE : best < -RANGE ? -RANGE : best;
    const int32_t x = (within + RANGE) >> (19 - 10); /* 1024 to the one */
    const int16_t *const entry = RIVALS + (x < 16384 ? x >> 8 : 63);
    const int32_t from = (int16_t)pgm_read_word(entry), to = (int16_t)pgm_read_word(entry + 1);
    const int32_t rival = from + (((to - from) * (x - (int32_t)(entry - RIVALS) * 256)) >> 8);
    if (best < within) second += within - best; /* second is at most best */
    if (second > RANGE) second = RANGE;
    return second > rival * (LIGHT_ONE >> 10);
}

/* The space is free again. A logit takes 4 bytes of it. */
static void judge(const uint8_t *image, void *space, light_answer *answer) {
    int32_t *logits = (int32_t *)space, best, second;
    uint8_t k;
    light_scores(image, logits);
    best = logits[0];
    second = INT32_MIN;
    for (k = 1; k < LIGHT_CLASSES; k++) {
        if (logits[k] > best) {
            second = best;
            best = logits[k];
            answer->digit = k;
        } else if (logits[k] > second) {
            second = logits[k];
        }
    }
    answer->probability = probability_of(best);
    if (answer->status != LIGHT_OK) return;
    if (best < LEAST) answer->status = LIGHT_LOW_SCORE;
    else if (is_near(best, second)) answer->status = LIGHT_AMBIGUOUS;
}

light_answer light_read(const uint8_t *frame, int32_t width, int32_t height, size_t stride,
        void *workspace) {
    uint8_t *start = (uint8_t *)workspace + (4 - (uintptr_t)workspace % 4) % 4;
    fit_result *fitted = (fit_result *)(void *)start;
    light_answer answer = {0, 0, LIGHT_REFUSED, 0};
    start += sizeof *fitted; /* a multiple of 4 */
    if (!fit_digit(frame, width, height, 1, stride, FIT_AUTO, FIT_DETECT, start, fitted)) return answer;
    answer.status = fitted->doubt; /* FIT_BLANK is LIGHT_BLANK, and so on */
    answer.fitted = fitted;
    if (answer.status != LIGHT_BLANK) judge(fitted->pixels, start, &answer);
    return answer;
}
