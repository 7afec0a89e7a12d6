/* Answers the class; pixels come one by one. */
#include "device.h"
#include "$name.h"
int main(void) {
    for (;;) {
        uint16_t left = 784;
        uint8_t digit;
        device_start();
        ${name}_begin();
        do ${name}_push(device_read());
        while (--left);
        digit = ${name}_end();
        device_stop();
        device_write(digit);
    }
}
