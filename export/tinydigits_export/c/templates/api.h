#ifndef ${guard}_H
#define ${guard}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${guard}_CLASSES $classes

/* The logit 1.0: what ${name}_scores gives are fixed-point numbers with this many to the one. */
#define ${guard}_ONE ((int32_t)1 << $fraction)

/* What the classes are called, in their order, to fill an array of strings with. */
#define ${guard}_LABELS $labels

/* The logit of each class. The largest is the answer; the sigmoid of logit / ${guard}_ONE is its
 * score, whatever that of the other classes is. */
void ${name}_scores(const uint8_t image[784], int32_t logits[${guard}_CLASSES]);

/* The class, 0 to $last, and its score, 0 to 255: 255 times the sigmoid of its logit. A high score
 * of the recipe `dense` does not say that there is a $what. */
uint8_t ${name}_classify(const uint8_t image[784], uint8_t *probability);
