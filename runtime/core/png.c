/* The filters of PNG, undone: RFC 2083, section 6. C99 without any library. */

#include <stdint.h>

#if defined(__cplusplus)
#define RESTRICT
extern "C"
#else
#define RESTRICT restrict
#endif
int png_unfilter(const uint8_t *filtered, int32_t height, int32_t count, int32_t step, uint8_t *to);

static int distance(int one, int other) { return one < other ? other - one : one - other; }

static uint8_t paeth(int left, int above, int corner)
{
    int guess = left + above - corner;
    int to_left = distance(guess, left), to_above = distance(guess, above);
    int nearest = to_left <= to_above ? left : above;
    int least = to_left <= to_above ? to_left : to_above;
    return (uint8_t)(least <= distance(guess, corner) ? nearest : corner);
}

/* Undo the filter of Paeth in a row below another, for pixels of `step` bytes, which is known where
 * this is compiled: each channel then has its left and its corner in registers. */
static inline void paeth_row(const uint8_t *RESTRICT from, const uint8_t *RESTRICT above,
                             int32_t count, int32_t step, uint8_t *RESTRICT to)
{
    uint8_t left[4] = {0, 0, 0, 0}, corner[4] = {0, 0, 0, 0};
    for (int32_t at = 0; at + step <= count; at += step) {
        for (int32_t band = 0; band < step; band++) {
            uint8_t guess = paeth(left[band], above[at + band], corner[band]);
            left[band] = (uint8_t)(from[at + band] + guess);
            corner[band] = above[at + band];
            to[at + band] = left[band];
        }
    }
}

/* Write [height, count] bytes: filtered has one more at the start of each row, which names its
 * filter. step: bytes from pixel to pixel, 1, 3 or 4, of which `count` is a multiple above 0. Return
 * 0 where a row has no known filter. */
int png_unfilter(const uint8_t *filtered, int32_t height, int32_t count, int32_t step, uint8_t *to)
{
    for (int32_t y = 0; y < height; y++, filtered += count, to += count) {
        int filter = *filtered++;
        const uint8_t *above = to - (y > 0 ? count : 0); /* read where y > 0 alone */
        if (filter > 4)
            return 0;
        /* Above the first row, all is 0: there, Paeth's guess is what is at the left. */
        if (y == 0)
            filter = filter == 2 ? 0 : filter == 4 ? 1 : filter;
        int32_t first = filter == 4 ? count : filter == 1 || filter == 3 ? step : 0;
        for (int32_t at = 0; at < first && filter != 4; at++)
            to[at] = (uint8_t)(filtered[at] + (filter == 3 && y > 0 ? above[at] >> 1 : 0));
        if (filter == 0)
            for (int32_t at = 0; at < count; at++)
                to[at] = filtered[at];
        else if (filter == 1)
            for (int32_t at = step; at < count; at++)
                to[at] = (uint8_t)(filtered[at] + to[at - step]);
        else if (filter == 2)
            for (int32_t at = 0; at < count; at++)
                to[at] = (uint8_t)(filtered[at] + above[at]);
        else if (filter == 3)
            for (int32_t at = step; at < count; at++)
                to[at] = (uint8_t)(filtered[at] + ((to[at - step] + (y > 0 ? above[at] : 0)) >> 1));
        else if (step == 1)
            paeth_row(filtered, above, count, 1, to);
        else if (step == 3)
            paeth_row(filtered, above, count, 3, to);
        else
            paeth_row(filtered, above, count, 4, to);
    }
    return 1;
}
