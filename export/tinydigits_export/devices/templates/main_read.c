/* Answers what the network reads in a grey frame, and the pixels that it was given. */
#include "device.h"
#include "${name}_read.h"
int main(void) {
    static uint8_t frame[$width * $height], workspace[${guard}_WORKSPACE($width, $height)];
    for (;;) {
        uint32_t i;
        ${name}_answer answer;
        for (i = 0; i < sizeof frame; i++) frame[i] = device_read();
        device_start();
        answer = ${name}_read(frame, $width, $height, $width, workspace);
        device_stop();
        device_write(answer.digit);
        device_write(answer.probability);
        device_write(answer.status);
        for (i = 0; i < 784; i++) device_write(answer.fitted->pixels[i]);
    }
}
