/* $name: reads a handwritten $what from 28 x 28 pixels, in plain integers of few bits.
 *
 *     uint8_t image[784];                  28 rows of 28, ink bright: 0 is paper, 255 is ink
 *     uint8_t probability;                 its score, see below
 *     uint8_t digit = ${prefix}_classify(image, &probability);
 *
 * Model:    $recipe, $classes classes; 4-bit weights, trained on after rounding from the Keras model
 *           that $created_by exported
 * Flash:    $table_bytes bytes of tables, and 0.5 to 1.2 kB of code
 * RAM:      no variables; 60 bytes of stack on an AVR, 130 on an ARM, beside the image and the logits
 *
 * C99 without any library. Nothing here allocates, prints or divides, or knows of floats.
 */
#include "api.h"

#ifdef __cplusplus
}
#endif

#endif
