/* What a program that is measured in a simulator talks through (see devices.py).
 *
 * A read beyond the last input byte ends the run. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdint.h>

#ifdef __AVR__
/* I/O addresses 0 to 2: reserved, without a function, on ATmega328P and ATtiny13A alike. */
#define DEVICE_PORT(n) (*(volatile uint8_t *)(0x20 + (n)))
#else
#define DEVICE_PORT(n) (*(volatile uint8_t *)(0x40000000 + (n)))
#endif

/* The next byte of the input. */
static inline uint8_t device_read(void) {
    return DEVICE_PORT(0);
}

/* One more byte of the output. */
static inline void device_write(uint8_t value) {
    DEVICE_PORT(1) = value;
}

/* What runs between these two is what is counted: cycles or instructions, and stack. */
static inline void device_start(void) {
    DEVICE_PORT(2) = 1;
}

static inline void device_stop(void) {
    DEVICE_PORT(2) = 0;
}

#endif
