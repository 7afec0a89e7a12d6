/* conv with a camera: reads a handwritten digit anywhere in a grey frame, in plain integers.
 *
 *     static uint8_t frame[96 * 96];       row by row, 0 is black; ink may be dark or bright
 *     static uint8_t workspace[CONV_WORKSPACE(96, 96)];
 *     conv_answer answer = conv_read(frame, 96, 96, 96, workspace);
 *     if (answer.status == CONV_OK) show(answer.digit);
 *
 * It finds the ink, makes 28 x 28 pixels of it (fit.c) and lets the network read these (conv.c).
 * Compile all three files. A program that has 28 x 28 pixels already needs conv.c alone.
 */
#ifndef CONV_READ_H
#define CONV_READ_H

#include "conv.h"
#include "fit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why an answer is in doubt. The first of them that holds counts. */
enum {
    CONV_OK,
    CONV_BLANK,     /* there is no ink */
    CONV_SEVERAL,   /* there plainly is more than one sign */
    CONV_TOO_SMALL, /* the ink is less than 8 pixels long */
    CONV_LOW_SCORE, /* the best score is low: below the model's min_score */
    CONV_AMBIGUOUS, /* the second best comes near it: above max_ratio of it */
    CONV_REFUSED    /* the size is none that fit_digit takes */
};

typedef struct {
    uint8_t digit;       /* the class, 0 to 9; 0 if the frame is blank or refused */
    uint8_t probability; /* 255 times its score, the sigmoid of its logit */
    uint8_t status;      /* CONV_OK, or why the answer is in doubt */
    /* The 28 x 28 pixels that the network read, and the box of the ink in the frame. They lie in the
     * workspace, until it is used again. 0 if the frame is refused. */
    const fit_result *fitted;
} conv_answer;

/* Bytes of the workspace for a frame of that size. */
#define CONV_WORKSPACE(width, height) (FIT_WORKSPACE(width, height, 1) + sizeof(fit_result) + 4)

/* Reads a frame: rows of `width` grey pixels, `stride` bytes from one row to the next. The
 * workspace may have any address. The frame is left as it is. */
conv_answer conv_read(const uint8_t *frame, int32_t width, int32_t height, size_t stride,
        void *workspace);

#ifdef __cplusplus
}
#endif

#endif
