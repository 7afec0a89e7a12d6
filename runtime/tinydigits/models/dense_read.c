/* dense: from a grey frame to an answer. See dense_read.h for how to call it. */
#include "dense_read.h"

#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_word(address) (*(address))
#endif

#define LEAST 850149 /* the lowest logit whose score reaches min_score, 0.5505 */
#define RANGE (8 * DENSE_ONE)

/* 255 * sigmoid(x) at x = 0, 1/4, 1/2, ... 8. */
static const uint8_t SIGMOID[33] PROGMEM = {
    128, 143, 159, 173, 186, 198, 208, 217, 225, 231, 236, 240, 243, 245, 248, 249, 250, 251, 252,
    253, 253, 254, 254, 254, 254, 255, 255, 255, 255, 255, 255, 255, 255,
};

/* 0 to 255: interpolated between two entries of the table; beyond 8 or -8, the last entry. */
static uint8_t probability_of(int32_t logit) {
    const int32_t size = (logit < 0 ? -logit : logit) >> (22 - 10);
    const uint16_t x = size < 8192 ? (uint16_t)size : 8191; /* 1024 to the one */
    const uint8_t *const entry = SIGMOID + (x >> 8);
    const uint8_t from = pgm_read_byte(entry), to = pgm_read_byte(entry + 1);
    const uint8_t result = (uint8_t)(from + (((uint16_t)(to - from) * (x & 255)) >> 8));
    return logit < 0 ? (uint8_t)(255 - result) : result;
}

/* At best = -8, -31/4, ... 8: the logit whose score is max_ratio, 0.9981, times that of best. In
 * units of 1/1024. */
static const int16_t RIVALS[65] PROGMEM = {
    -8194, -7938, -7682, -7426, -7170, -6914, -6658, -6402, -6146, -5890, -5634, -5378, -5122,
    -4866, -4610, -4354, -4098, -3842, -3586, -3330, -3074, -2818, -2562, -2306, -2050, -1794,
    -1538, -1283, -1027, -771, -515, -259, -4, 252, 507, 762, 1017, 1271, 1525, 1779, 2032, 2284,
    2535, 2784, 3032, 3277, 3520, 3758, 3993, 4222, 4444, 4659, 4864, 5058, 5239, 5407, 5559, 5696,
    5817, 5923, 6013, 6089, 6153, 6205, 6248,
};

/* Tells whether a second class comes too near: interpolated between two entries of the table. Beyond
 * 8, scores grow no more; below -8, both shrink alike. */
static uint8_t is_near(int32_t best, int32_t second) {
    const int32_t within = best > RANGE ? RANGE : best < -RANGE ? -RANGE : best;
    const int32_t x = (within + RANGE) >> (22 - 10); /* 1024 to the one */
    const int16_t *const entry = RIVALS + (x < 16384 ? x >> 8 : 63);
    const int32_t from = (int16_t)pgm_read_word(entry), to = (int16_t)pgm_read_word(entry + 1);
    const int32_t rival = from + (((to - from) * (x - (int32_t)(entry - RIVALS) * 256)) >> 8);
    if (best < within) second += within - best; /* second is at most best */
    if (second > RANGE) second = RANGE;
    return second > rival * (DENSE_ONE >> 10);
}

/* The space is free again. A logit takes 4 bytes of it. */
static void judge(const uint8_t *image, void *space, dense_answer *answer) {
    int32_t *logits = (int32_t *)space, best, second;
    uint8_t k;
    dense_scores(image, logits);
    best = logits[0];
    second = INT32_MIN;
    for (k = 1; k < DENSE_CLASSES; k++) {
        if (logits[k] > best) {
            second = best;
            best = logits[k];
            answer->digit = k;
        } else if (logits[k] > second) {
            second = logits[k];
        }
    }
    answer->probability = probability_of(best);
    if (answer->status != DENSE_OK) return;
    if (best < LEAST) answer->status = DENSE_LOW_SCORE;
    else if (is_near(best, second)) answer->status = DENSE_AMBIGUOUS;
}

dense_answer dense_read(const uint8_t *frame, int32_t width, int32_t height, size_t stride,
        void *workspace) {
    uint8_t *start = (uint8_t *)workspace + (4 - (uintptr_t)workspace % 4) % 4;
    fit_result *fitted = (fit_result *)(void *)start;
    dense_answer answer = {0, 0, DENSE_REFUSED, 0};
    start += sizeof *fitted; /* a multiple of 4 */
    if (!fit_digit(frame, width, height, 1, stride, FIT_AUTO, FIT_DETECT, start, fitted)) return answer;
    answer.status = fitted->doubt; /* FIT_BLANK is DENSE_BLANK, and so on */
    answer.fitted = fitted;
    if (answer.status != DENSE_BLANK) judge(fitted->pixels, start, &answer);
    return answer;
}
