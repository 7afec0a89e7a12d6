/* light on an Arduino Uno or Nano: send 28 rows of 28 bytes, bright ink, over the serial line at
 * 115,200 baud. It answers each row with a dot: wait for it before you send the next row. After
 * the last dot it sends a line: the class, a space and its score (0 to 255).
 * Put light.c and light.h in the folder of this sketch. */
#include "light.h"

void setup() {
    Serial.begin(115200);
    Serial.setTimeout(1000); /* ms: an image that pauses for longer is dropped */
}

void loop() {
    uint8_t row[28], rows, probability;
    light_begin();
    for (rows = 0; rows < 28; rows++) {
        if (Serial.readBytes(row, sizeof row) < sizeof row) return;
        light_push(row);
        Serial.print('.');
    }
    Serial.print(light_end(&probability));
    Serial.print(' ');
    Serial.println(probability);
}
