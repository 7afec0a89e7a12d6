/* dense on an Arduino Uno or Nano: send 784 bytes, 28 rows of 28 pixels with bright ink, over the
 * serial line at 115,200 baud. It answers with a line: the class, a space and its score (0 to
 * 255). Put dense.c and dense.h in the folder of this sketch. */
#include "dense.h"

static uint8_t image[784];

void setup() {
    Serial.begin(115200);
    Serial.setTimeout(1000); /* ms: an image that pauses for longer is dropped */
}

void loop() {
    uint8_t probability;
    if (Serial.readBytes(image, sizeof image) < sizeof image) return;
    Serial.print(dense_classify(image, &probability));
    Serial.print(' ');
    Serial.println(probability);
}
