/* light: reads a handwritten digit from 28 x 28 pixels, in plain integers.
 *
 *     uint8_t image[784];                  28 rows of 28, ink bright: 0 is paper, 255 is ink
 *     uint8_t probability;                 its score: see below
 *     uint8_t digit = light_classify(image, &probability);
 *
 * or row by row, if there is no room for an image:
 *
 *     light_begin();
 *     for each of the 28 rows:  light_push(row);
 *     uint8_t digit = light_end(&probability);
 *
 * Model:    light, 10 classes; exported from Keras by
 *           tinydigits 0.1.0, tensorflow 2.21.0, keras 3.15.1
 * Accuracy: 99.46% of the test images read right by the Keras model
 * Flash:    7873 bytes of tables, and about 4 kB of code
 * RAM:      1274 bytes of static variables, and 150 bytes of stack on an AVR, 430 on an ARM
 *
 * C99 without any library. It never allocates, prints or uses floats. It reads one image at a time.
 */
#ifndef LIGHT_H
#define LIGHT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LIGHT_CLASSES 10

/* The logit 1.0: light_scores gives fixed-point numbers in units of 1 / LIGHT_ONE. */
#define LIGHT_ONE ((int32_t)1 << 19)

/* The names of the classes, in their order, to initialise an array of strings. */
#define LIGHT_LABELS "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"

/* The logit of each class. The largest is the answer; the sigmoid of logit / LIGHT_ONE is its
 * score, which does not depend on the other classes. */
void light_scores(const uint8_t image[784], int32_t logits[LIGHT_CLASSES]);

/* The class, 0 to 9, and its score, 0 to 255: 255 times the sigmoid of its logit. With
 * the recipe `dense`, a high score does not say that there is a digit. */
uint8_t light_classify(const uint8_t image[784], uint8_t *probability);

/* The same, row by row. Most of the work is done as rows come. */
void light_begin(void);
void light_push(const uint8_t row[28]);
uint8_t light_end(uint8_t *probability);

#ifdef __cplusplus
}
#endif

#endif
