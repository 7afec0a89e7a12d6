/* Answers class and score; rows come one by one, and what reading them takes is counted too. */
#include "device.h"
#include "$name.h"
int main(void) {
    static uint8_t row[28], answer[2];
    for (;;) {
        uint8_t x, y;
        device_start();
        ${name}_begin();
        for (y = 0; y < 28; y++) {
            for (x = 0; x < 28; x++) row[x] = device_read();
            ${name}_push(row);
        }
        answer[0] = ${name}_end(&answer[1]);
        device_stop();
        device_write(answer[0]);
        device_write(answer[1]);
    }
}
