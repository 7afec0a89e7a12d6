#ifndef ${guard}_H
#define ${guard}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${guard}_CLASSES $classes

/* The logit 1.0: ${name}_scores gives fixed-point numbers in units of 1 / ${guard}_ONE. */
#define ${guard}_ONE ((int32_t)1 << $fraction)

/* The names of the classes, in their order, to initialise an array of strings. */
#define ${guard}_LABELS $labels

/* The logit of each class. The largest is the answer; the sigmoid of logit / ${guard}_ONE is its
 * score, which does not depend on the other classes. */
void ${name}_scores(const uint8_t image[784], int32_t logits[${guard}_CLASSES]);

/* The class, 0 to $last, and its score, 0 to 255: 255 times the sigmoid of its logit. With
 * the recipe `dense`, a high score does not say that there is a $what. */
uint8_t ${name}_classify(const uint8_t image[784], uint8_t *probability);
