/* Reads many images in one call: a call from Python for each would take most of the time. */
#include "$name.h"

void ${name}_classify_each(const uint8_t (*image)[784], uint32_t images, uint8_t (*answer)[2]);
void ${name}_classify_each(const uint8_t (*image)[784], uint32_t images, uint8_t (*answer)[2]) {
    for (; images; images--, image++, answer++) {
        (*answer)[0] = ${name}_classify(*image, &(*answer)[1]);
    }
}

void ${name}_scores_each(const uint8_t (*image)[784], uint32_t images, int32_t (*logits)[$classes]);
void ${name}_scores_each(const uint8_t (*image)[784], uint32_t images, int32_t (*logits)[$classes]) {
    for (; images; images--) ${name}_scores(*image++, *logits++);
}
