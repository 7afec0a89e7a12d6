/* $name: reads a handwritten $what from 28 x 28 pixels that come one by one.
 *
 *     ${name}_begin();
 *     for each pixel, row by row:  ${name}_push(pixel);      0 is paper, 255 is ink
 *     uint8_t digit = ${name}_end();                         784 pixels later
 *
 * Model:    $recipe, $classes classes; exported from Keras by
 *           $created_by
 * Accuracy: $accuracy
 * Memory:   0.9 kB of flash, 42 bytes of variables and 8 of stack on an ATtiny13A, with avr-gcc -Os
 *
 * C99 without any library. Nothing here multiplies or divides. One image at a time.
 */
#ifndef ${guard}_H
#define ${guard}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ${guard}_CLASSES $classes

/* The labels of the classes, in order, as the initialiser of an array of strings. */
#define ${guard}_LABELS $labels

/* Begins a new image. */
void ${name}_begin(void);

/* Adds the next pixel: 28 rows of 28, ink bright. */
void ${name}_push(uint8_t pixel);

/* Returns the class, 0 to $last; the first, if several are equally likely. */
uint8_t ${name}_end(void);

#ifdef __cplusplus
}
#endif

#endif
