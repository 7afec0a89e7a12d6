/* $name with a camera: reads a handwritten $what anywhere in a grey frame, in plain integers.
 *
 *     static uint8_t frame[96 * 96];       row by row, 0 is black; ink may be dark or bright
 *     static uint8_t workspace[${guard}_WORKSPACE(96, 96)];
 *     ${name}_answer answer = ${name}_read(frame, 96, 96, 96, workspace);
 *     if (answer.status == ${guard}_OK) show(answer.digit);
 *
 * It finds the ink, makes 28 x 28 pixels of it (fit.c) and lets the network read these ($name.c).
 * Compile all three files. A program that has 28 x 28 pixels already needs $name.c alone.
 */
#ifndef ${guard}_READ_H
#define ${guard}_READ_H

#include "$name.h"
#include "fit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why an answer is in doubt. The first of them that holds counts. */
enum {
    ${guard}_OK,
    ${guard}_BLANK,     /* there is no ink */
    ${guard}_SEVERAL,   /* there plainly is more than one sign */
    ${guard}_TOO_SMALL, /* the ink is less than 8 pixels long */
    ${guard}_LOW_SCORE, /* the best score is low: below the model's min_score */
    ${guard}_AMBIGUOUS, /* the second best comes near it: above max_ratio of it */
    ${guard}_REFUSED    /* the size is none that fit_digit takes */
};

typedef struct {
    uint8_t digit;       /* the class, 0 to $last; 0 if the frame is blank or refused */
    uint8_t probability; /* $probability_note */
    uint8_t status;      /* ${guard}_OK, or why the answer is in doubt */
    /* The 28 x 28 pixels that the network read, and the box of the ink in the frame. They lie in the
     * workspace, until it is used again. 0 if the frame is refused. */
    const fit_result *fitted;
} ${name}_answer;

/* Bytes of the workspace for a frame of that size. */
#define ${guard}_WORKSPACE(width, height) (FIT_WORKSPACE(width, height, 1) + sizeof(fit_result) + 4)

/* Reads a frame: rows of `width` grey pixels, `stride` bytes from one row to the next. The
 * workspace may have any address. The frame is left as it is. */
${name}_answer ${name}_read(const uint8_t *frame, int32_t width, int32_t height, size_t stride,
        void *workspace);

#ifdef __cplusplus
}
#endif

#endif
