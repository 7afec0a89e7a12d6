/* Reads many images in one call: 784 calls from Python for each would take most of the time. */
#include "$name.h"

void ${name}_classify_each(const uint8_t *pixel, uint32_t images, uint8_t (*answer)[2]);
void ${name}_classify_each(const uint8_t *pixel, uint32_t images, uint8_t (*answer)[2]) {
    for (; images; images--) {
        const uint8_t *const end = pixel + 784;
        ${name}_begin();
        while (pixel < end) ${name}_push(*pixel++);
        (*answer++)[0] = ${name}_end();
    }
}
