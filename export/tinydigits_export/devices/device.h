/* The ports through which a program talks to the simulator that measures it (see simulation.py).
 *
 * A read after the last input byte ends the program. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdint.h>

#ifdef __AVR__
/* I/O addresses 0 to 2 are reserved and have no function, on the ATmega328P and the ATtiny13A. */
#define DEVICE_PORT(n) (*(volatile uint8_t *)(0x20 + (n)))
#else
#define DEVICE_PORT(n) (*(volatile uint8_t *)(0x40000000 + (n)))
#endif

/* Returns the next byte of the input. */
static inline uint8_t device_read(void) {
    return DEVICE_PORT(0);
}

/* Appends a byte to the output. */
static inline void device_write(uint8_t value) {
    DEVICE_PORT(1) = value;
}

/* The simulator counts cycles or instructions, and stack, between these two calls. */
static inline void device_start(void) {
    DEVICE_PORT(2) = 1;
}

static inline void device_stop(void) {
    DEVICE_PORT(2) = 0;
}

#endif
