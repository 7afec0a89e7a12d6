/* Answers class, score and logits; the class alone is counted. */
#include "device.h"
#include "$name.h"
int main(void) {
    static uint8_t image[784], answer[2];
    static int32_t logits[$classes];
    for (;;) {
        uint16_t i;
        for (i = 0; i < 784; i++) image[i] = device_read();
        device_start();
        answer[0] = ${name}_classify(image, &answer[1]);
        device_stop();
        ${name}_scores(image, logits);
        for (i = 0; i < 2; i++) device_write(answer[i]);
        for (i = 0; i < sizeof logits; i++) device_write(((uint8_t *)logits)[i]);
    }
}
