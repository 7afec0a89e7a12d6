/* A board on this machine: the serial line is standard input and output, and each look at the touch
 * screen takes 10 ms. Only what the examples of a library call is declared, as the cores declare it.
 */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HIGH 1
#define OUTPUT 3
#define constrain(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))

inline unsigned long now = 0; /* ms */

inline long map(long x, long from, long to, long low, long high) {
    return (x - from) * (high - low) / (to - from) + low;
}
inline unsigned long millis() { return now; }
inline void delay(unsigned long ms) { now += ms; }
inline void pinMode(uint8_t, uint8_t) {}
inline void digitalWrite(uint8_t, uint8_t) {}

/* Reads from standard input. At its end nobody sends any more, and the board is switched off. */
inline size_t received(void *buffer, size_t size) {
    size_t count = 0;
    while (count < size) {
        const ssize_t more = read(0, (char *)buffer + count, size - count);
        if (more <= 0) exit(0);
        count += (size_t)more;
    }
    return count;
}

struct Line {
    void begin(unsigned long) {}
    void setTimeout(unsigned long) {}
    size_t readBytes(uint8_t *buffer, size_t size) { return received(buffer, size); }
    void print(const char *text) { if (write(1, text, strlen(text)) < 0) exit(1); }
    void print(char letter) { const char text[] = {letter, 0}; print(text); }
    void print(int number) { char text[12]; snprintf(text, sizeof text, "%d", number); print(text); }
    template <class Value> void println(Value value) { print(value); print("\r\n"); }
};
inline Line Serial;

void setup();
void loop();

int main() {
    setup();
    for (;;) loop();
}

#endif
