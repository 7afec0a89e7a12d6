/* Fit: from any picture of a digit to a model input of 28×28.
 *
 * This is runtime/tinydigits/fitting.py in C99, and gives the same bytes and the same decisions.
 * It needs no library, allocates nothing, and keeps no state: any number of threads may call it,
 * each with its own workspace.
 */
#ifndef TINYDIGITS_FIT_H
#define TINYDIGITS_FIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FIT_MODEL_SIDE 28            /* px: width and height of a model input */
#define FIT_MOST_SIDE (1L << 24)     /* px: the longest side that is taken */
#define FIT_MOST_PIXELS (1L << 28)   /* the most pixels that are taken */

enum { FIT_AUTO, FIT_MNIST, FIT_RESIZE, FIT_NONE };         /* how */
enum { FIT_NO, FIT_YES, FIT_DETECT };                       /* invert, inverted */
enum { FIT_CLEAR, FIT_BLANK, FIT_SEVERAL, FIT_TOO_SMALL };  /* doubt */

/* One model input, and the decisions that led to it. */
typedef struct {
    uint8_t pixels[FIT_MODEL_SIDE * FIT_MODEL_SIDE]; /* ink bright on dark */
    int32_t box[4];   /* left, top, right, bottom of the ink in px, the latter two exclusive;
                         all 0 where the box was not detected */
    uint8_t doubt;    /* FIT_BLANK: no ink; FIT_SEVERAL: plainly more than one sign;
                         FIT_TOO_SMALL: a digit of fewer than 8 px; FIT_CLEAR: none of these */
    uint8_t inverted; /* whether the ink is darker than its background: FIT_YES or FIT_NO;
                         FIT_DETECT where that was not detected */
} fit_result;

/* Turn a picture into a model input.
 *
 * pixels: rows of `stride` bytes; each pixel has `channels` bytes: 1 for grey, 3 for RGB, 4 for
 * RGBA. how: FIT_MNIST finds the ink, scales it into 20×20 and centres it by mass. FIT_AUTO does
 * the same, but leaves a picture that already is a model input as it is. FIT_RESIZE only scales to
 * 28×28. FIT_NONE takes 28×28 only. invert: whether the ink is darker than its background, or
 * FIT_DETECT. workspace: FIT_WORKSPACE(width, height, channels) bytes, at any address.
 *
 * Returns 1, or 0 for what it does not take, and then leaves the result as it was: no pixels, more
 * than FIT_MOST_PIXELS or a longer side than FIT_MOST_SIDE, other channels, a stride below
 * width × channels, an unknown `how` or `invert`, and with FIT_NONE any other size than 28×28.
 */
int fit_digit(const uint8_t *pixels, int32_t width, int32_t height, int32_t channels,
              size_t stride, int how, int invert, void *workspace, fit_result *result);

/* FIT_WORKSPACE for a size that is known only when the program runs. */
size_t fit_workspace(int32_t width, int32_t height, int32_t channels);

/* Bytes of the workspace. The picture is worked on in at most 255 × 255 px, and its ink is divided
 * into at most 64 × 64 cells. fit.c says at each step what of this it takes.
 */
#define FIT_WORKSPACE(width, height, channels)                                                  \
    (FIT_ROWS_(width, channels) +                                                               \
     FIT_SPACE_(FIT_WORK_(width), FIT_WORK_(height), (channels) > 1 ? 3 : 1))

#define FIT_MAX_(a, b) ((a) > (b) ? (a) : (b))
#define FIT_MIN_(a, b) ((a) < (b) ? (a) : (b))
#define FIT_WORK_(side) FIT_MIN_((size_t)(side), (size_t)255)
/* One row of column sums (uint32_t): four a pixel, or a row of pixels, where there are colours. */
#define FIT_ROWS_(width, channels) ((size_t)(width) * ((channels) > 1 ? 16 : 4))
/* The grey picture, and the largest of: the picture in colours, padded for the widest window, and
 * divided into cells. 4096 bytes are for counts of levels, single rows, and rounding up. */
#define FIT_SPACE_(w, h, bands)                                                                 \
    ((w) * (h) + 4096 +                                                                         \
     FIT_MAX_((w) * (h) * ((bands) > 1 ? 3 : 0),                                                \
              FIT_MAX_(FIT_PADDED_(w, h, FIT_MAX_(w, h)),                                       \
                       FIT_PIECES_(FIT_CELLS_(w, FIT_MAX_(w, h)), FIT_CELLS_(h, FIT_MAX_(w, h))))))
/* A closing pads 5/32 of the longer side above and below, and at least 3 px. Strokes are thickened
 * by 1/16 of it, rounded to the nearest, with four times as much added above and below together, and
 * twice as much at the sides. */
#define FIT_PADDED_(w, h, longer)                                                               \
    FIT_MAX_(((h) + (longer) * 5 / 16 + 6) * (w),                                               \
             ((h) + (longer) / 4 + 2) * ((w) + (longer) / 8 + 1))
/* Cells are as many pixels wide as makes at most 64 of them. A side of 255 may be that of a picture
 * which is larger: then a part of it may have smaller cells. */
#define FIT_CELLS_(side, longer)                                                                \
    ((longer) < 255 ? ((side) + ((longer) + 63) / 64 - 1) / (((longer) + 63) / 64)              \
                    : FIT_MIN_(side, (size_t)64))
/* Four grids, and the larger of: runs and pieces, and the neighbourhood of one, padded by 30/100 of
 * the longer side above and below; or two grids and the counts of two times 21 · 104 lines. */
#define FIT_PIECES_(w, h)                                                                       \
    (4 * (w) * (h) +                                                                            \
     FIT_MAX_(4 * ((w) + 1) * ((h) + 1) + (w) * ((h) + FIT_MAX_(w, h) * 6 / 10 + 2),            \
              2 * (w) * (h) + 4608))

#ifdef __cplusplus
}
#endif

#endif
