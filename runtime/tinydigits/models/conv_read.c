/* conv: from a grey frame to an answer. See conv_read.h for how to call it. */
#include "conv_read.h"

#ifdef __AVR__
#include <avr/pgmspace.h>
#else
#define PROGMEM
#define pgm_read_byte(address) (*(address))
#define pgm_read_word(address) (*(address))
#endif

#define LEAST -311012 /* the lowest logit whose score reaches min_score, 0.2339 */
#define RANGE (8 * CONV_ONE)

/* 255 * sigmoid(x) at x = 0, 1/4, 1/2, ... 8. */
static const uint8_t SIGMOID[33] PROGMEM = {
    128, 143, 159, 173, 186, 198, 208, 217, 225, 231, 236, 240, 243, 245, 248, 249, 250, 251, 252,
    253, 253, 254, 254, 254, 254, 255, 255, 255, 255, 255, 255, 255, 255,
};

/* 0 to 255: interpolated between two entries of the table; beyond 8 or -8, the last entry. */
static uint8_t probability_of(int32_t logit) {
    const int32_t size = (logit < 0 ? -logit : logit) >> (18 - 10);
    const uint16_t x = size < 8192 ? (uint16_t)size : 8191; /* 1024 to the one */
    const uint8_t *const entry = SIGMOID + (x >> 8);
    const uint8_t from = pgm_read_byte(entry), to = pgm_read_byte(entry + 1);
    const uint8_t result = (uint8_t)(from + (((uint16_t)(to - from) * (x & 255)) >> 8));
    return logit < 0 ? (uint8_t)(255 - result) : result;
}

/* At best = -8, -31/4, ... 8: the logit whose score is max_ratio, 0.7037, times that of best. In
 * units of 1/1024. */
static const int16_t RIVALS[65] PROGMEM = {
    -8552, -8296, -8040, -7784, -7528, -7272, -7016, -6760, -6505, -6249, -5993, -5737, -5482,
    -5226, -4971, -4716, -4461, -4207, -3953, -3700, -3447, -3195, -2944, -2695, -2448, -2203,
    -1961, -1723, -1490, -1262, -1041, -828, -626, -434, -255, -90, 59, 193, 311, 413, 501, 574,
    635, 686, 727, 760, 786, 808, 824, 838, 848, 856, 863, 868, 872, 875, 877, 879, 881, 882, 883,
    883, 884, 884, 885,
};

/* Tells whether a second class comes too near: interpolated between two entries of the table. Beyond
 * 8, scores grow no more; below -8, both shrink alike. */
static uint8_t is_near(int32_t best, int32_t second) {
    const int32_t within = best > RANGE ? RANGE : best < -RANGE ? -RANGE : best;
    const int32_t x = (within + RANGE) >> (18 - 10); /* 1024 to the one */
    const int16_t *const entry = RIVALS + (x < 16384 ? x >> 8 : 63);
    const int32_t from = (int16_t)pgm_read_word(entry), to = (int16_t)pgm_read_word(entry + 1);
    const int32_t rival = from + (((to - from) * (x - (int32_t)(entry - RIVALS) * 256)) >> 8);
    if (best < within) second += within - best; /* second is at most best */
    if (second > RANGE) second = RANGE;
    return second > rival * (CONV_ONE >> 10);
}

/* The space is free again. A logit takes 4 bytes of it. */
static void judge(const uint8_t *image, void *space, conv_answer *answer) {
    int32_t *logits = (int32_t *)space, best, second;
    uint8_t k;
    conv_scores(image, logits);
    best = logits[0];
    second = INT32_MIN;
    for (k = 1; k < CONV_CLASSES; k++) {
        if (logits[k] > best) {
            second = best;
            best = logits[k];
            answer->digit = k;
        } else if (logits[k] > second) {
            second = logits[k];
        }
    }
    answer->probability = probability_of(best);
    if (answer->status != CONV_OK) return;
    if (best < LEAST) answer->status = CONV_LOW_SCORE;
    else if (is_near(best, second)) answer->status = CONV_AMBIGUOUS;
}

conv_answer conv_read(const uint8_t *frame, int32_t width, int32_t height, size_t stride,
        void *workspace) {
    uint8_t *start = (uint8_t *)workspace + (4 - (uintptr_t)workspace % 4) % 4;
    fit_result *fitted = (fit_result *)(void *)start;
    conv_answer answer = {0, 0, CONV_REFUSED, 0};
    start += sizeof *fitted; /* a multiple of 4 */
    if (!fit_digit(frame, width, height, 1, stride, FIT_AUTO, FIT_DETECT, start, fitted)) return answer;
    answer.status = fitted->doubt; /* FIT_BLANK is CONV_BLANK, and so on */
    answer.fitted = fitted;
    if (answer.status != CONV_BLANK) judge(fitted->pixels, start, &answer);
    return answer;
}
