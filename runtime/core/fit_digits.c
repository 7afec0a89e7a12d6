/* The fit of many pictures of one size. C99 without any library. */

#include "fit.h"

#if defined(__cplusplus)
extern "C"
#endif
int fit_digits(const uint8_t *pixels, int32_t count, int32_t width, int32_t height,
               int32_t channels, int how, int invert, void *workspace, fit_result *results);

/* Fit `count` pictures, one behind the other, as fit_digit does. Return 0 where it takes none. */
int fit_digits(const uint8_t *pixels, int32_t count, int32_t width, int32_t height,
               int32_t channels, int how, int invert, void *workspace, fit_result *results)
{
    size_t row = (size_t)width * (size_t)channels;
    for (int32_t at = 0; at < count; at++, pixels += row * (size_t)height)
        if (!fit_digit(pixels, width, height, channels, row, how, invert, workspace, results + at))
            return 0;
    return 1;
}
