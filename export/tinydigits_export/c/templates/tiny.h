/* tiny: reads a handwritten $what from 28 x 28 pixels that come one by one.
 *
 *     tiny_begin();
 *     for each pixel, row by row:  tiny_push(pixel);      0 is paper, 255 is ink
 *     uint8_t digit = tiny_end();                         784 pixels later
 *
 * Classes:  $classes ($label_list)
 * Model:    a little network of its own, trained by $created_by
 * Accuracy: $accuracy of training digits that were set aside
 * Memory:   0.9 kB of flash, 42 bytes of variables and 8 of stack on an ATtiny13A, with avr-gcc -Os
 *
 * C99 without any library. Nothing here multiplies or divides. One image at a time.
 */
#ifndef TINY_H
#define TINY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TINY_CLASSES $classes

/* A new image. */
void tiny_begin(void);

/* Its next pixel: 28 rows of 28, ink bright. */
void tiny_push(uint8_t pixel);

/* The class, 0 to $last. */
uint8_t tiny_end(void);

#ifdef __cplusplus
}
#endif

#endif
