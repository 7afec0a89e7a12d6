/* $name on an ATtiny13A, an ATtiny85 or an Arduino: send 784 bytes, 28 rows of 28 pixels with bright
 * ink, over the serial line at 9,600 baud; a line with the class comes back. Nothing may be sent
 * between the last pixel and the end of that line. After a pause a new image begins.
 *
 * An ATtiny has no serial port: this sketch reads bytes at PB1 and sends them at PB0, with 8 bits,
 * no parity, idle high. There it has its own `main` and needs no Arduino core.
 */
#include "$name.h"

enum { BAUD = 9600, PIXELS = 784 };

#if defined(__AVR_ATtiny13__) || defined(__AVR_ATtiny13A__) || defined(__AVR_ATtiny25__) || \
    defined(__AVR_ATtiny45__) || defined(__AVR_ATtiny85__)

#include <avr/io.h>

#ifndef F_CPU
#define F_CPU 9600000UL
#endif
#if F_CPU < 8000000 || F_CPU > 9600000
#error "$name.ino times its bits for a clock of 8 to 9.6 MHz: choose the internal one of that speed"
#endif

#define IN _BV(PB1)
#define OUT _BV(PB0)
#define BIT (F_CPU / BAUD) /* cycles */

/* Takes 4 cycles a turn, 1,020 at most. */
#define WAIT(cycles)                                                                               \
    do {                                                                                           \
        uint8_t left_;                                                                             \
        __asm__ __volatile__("ldi %0, %1 \n 1: nop \n dec %0 \n brne 1b"                           \
                             : "=&d"(left_) : "M"((cycles) / 4));                                  \
    } while (0)

static void send(uint8_t byte) {
    uint8_t left = 10; /* bits: a 0, the byte, a 1 */
    PORTB &= (uint8_t)~OUT;
    do {
        WAIT(BIT - 8);
        if (byte & 1) PORTB |= OUT;
        else PORTB &= (uint8_t)~OUT;
        byte = (uint8_t)(byte >> 1 | 0x80);
    } while (--left);
}

/* Reads an image; returns false if a pause of over 45 ms cut it short. From the middle of a pixel's
 * last bit to the next pixel there are at least 1,250 cycles; adding a pixel takes 650 at most. */
static bool receive(void) {
    uint16_t left = PIXELS;
    ${name}_begin();
    do {
        uint8_t pixel = 0, bits = 8;
        uint16_t patience = 0;
        while (!(PINB & IN)) {}
        while (PINB & IN)
            if (!--patience && left != PIXELS) return false;
        WAIT(BIT / 2);
        do {
            WAIT(BIT - 8);
            pixel /= 2;
            if (PINB & IN) pixel |= 0x80;
        } while (--bits);
        ${name}_push(pixel);
    } while (--left);
    return true;
}

int main(void) {
    CLKPR = _BV(CLKPCE); /* full speed, where a fuse divides by 8 */
    CLKPR = 0;
    PORTB |= OUT;
    PORTB |= IN; /* pulled up */
    DDRB |= OUT;
    for (;;) {
        uint8_t answer;
        if (!receive()) continue;
        answer = ${name}_end();
#if ${guard}_CLASSES > 10
        if (answer > 9) {
            send('1');
            answer = (uint8_t)(answer - 10);
        }
#endif
        send((uint8_t)('0' + answer));
        send('\r');
        send('\n');
    }
}

#else

void setup() {
    Serial.begin(BAUD);
    Serial.setTimeout(1000); /* ms: an image that stops coming for so long is dropped */
}

void loop() {
    uint16_t left;
    uint8_t pixel;
    ${name}_begin();
    for (left = PIXELS; left; left--) {
        if (!Serial.readBytes(&pixel, 1)) return;
        ${name}_push(pixel);
    }
    Serial.println(${name}_end());
}

#endif
