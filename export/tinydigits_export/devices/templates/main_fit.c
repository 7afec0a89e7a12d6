/* Answers the pixels that the fit makes of a grey frame. */
#include "device.h"
#include "fit.h"
int main(void) {
    static uint8_t frame[$width * $height], workspace[FIT_WORKSPACE($width, $height, 1)];
    static fit_result result;
    for (;;) {
        uint32_t i;
        for (i = 0; i < sizeof frame; i++) frame[i] = device_read();
        device_start();
        fit_digit(frame, $width, $height, 1, $width, FIT_AUTO, FIT_DETECT, workspace, &result);
        device_stop();
        for (i = 0; i < 784; i++) device_write(result.pixels[i]);
    }
}
