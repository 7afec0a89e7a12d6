/* conv: reads a handwritten digit from 28 x 28 pixels, in plain integers.
 *
 *     uint8_t image[784];                  28 rows of 28, ink bright: 0 is paper, 255 is ink
 *     uint8_t probability;                 its score: see below
 *     uint8_t digit = conv_classify(image, &probability);
 *
 * or row by row, if there is no room for an image:
 *
 *     conv_begin();
 *     for each of the 28 rows:  conv_push(row);
 *     uint8_t digit = conv_end(&probability);
 *
 * Model:    conv, 10 classes; exported from Keras by
 *           tinydigits 0.1.0, tensorflow 2.21.0, keras 3.15.1
 * Accuracy: 99.48% of the test images read right by the Keras model
 * Flash:    7913 bytes of tables, and about 4 kB of code
 * RAM:      1585 bytes of static variables, and 170 bytes of stack on an AVR, 400 on an ARM
 *
 * C99 without any library. It never allocates, prints or uses floats. It reads one image at a time.
 */
#ifndef CONV_H
#define CONV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CONV_CLASSES 10

/* The logit 1.0: conv_scores gives fixed-point numbers in units of 1 / CONV_ONE. */
#define CONV_ONE ((int32_t)1 << 18)

/* The names of the classes, in their order, to initialise an array of strings. */
#define CONV_LABELS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"

/* The logit of each class. The largest is the answer; the sigmoid of logit / CONV_ONE is its
 * score, which does not depend on the other classes. */
void conv_scores(const uint8_t image[784], int32_t logits[CONV_CLASSES]);

/* The class, 0 to 9, and its score, 0 to 255: 255 times the sigmoid of its logit. With
 * the recipe `dense`, a high score does not say that there is a digit. */
uint8_t conv_classify(const uint8_t image[784], uint8_t *probability);

/* The same, row by row. Most of the work is done as rows come. */
void conv_begin(void);
void conv_push(const uint8_t row[28]);
uint8_t conv_end(uint8_t *probability);

#ifdef __cplusplus
}
#endif

#endif
