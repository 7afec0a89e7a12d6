/* dense: reads a handwritten digit from 28 x 28 pixels, in plain integers.
 *
 *     uint8_t image[784];                  28 rows of 28, ink bright: 0 is paper, 255 is ink
 *     uint8_t probability;                 its score: see below
 *     uint8_t digit = dense_classify(image, &probability);
 *
 * Model:    dense, 10 classes; exported from Keras by
 *           tinydigits 0.1.0, tensorflow 2.21.0, keras 3.15.1
 * Accuracy: 92.74% of the test images read right by the Keras model
 * Flash:    7287 bytes of tables, and 0.5 to 1.2 kB of code
 * RAM:      no variables; about 64 bytes of stack beside the image and the logits
 *
 * C99 without any library. It never allocates, prints or divides, and uses no floats.
 */
#ifndef DENSE_H
#define DENSE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DENSE_CLASSES 10

/* The logit 1.0: dense_scores gives fixed-point numbers in units of 1 / DENSE_ONE. */
#define DENSE_ONE ((int32_t)1 << 22)

/* The names of the classes, in their order, to initialise an array of strings. */
#define DENSE_LABELS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"

/* The logit of each class. The largest is the answer; the sigmoid of logit / DENSE_ONE is its
 * score, which does not depend on the other classes. */
void dense_scores(const uint8_t image[784], int32_t logits[DENSE_CLASSES]);

/* The class, 0 to 9, and its score, 0 to 255: 255 times the sigmoid of its logit. With
 * the recipe `dense`, a high score does not say that there is a digit. */
uint8_t dense_classify(const uint8_t image[784], uint8_t *probability);

#ifdef __cplusplus
}
#endif

#endif
