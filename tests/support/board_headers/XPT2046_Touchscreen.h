/* A touch screen that is touched where standard input says: two bytes for each look, x and y in px
 * of a square of 240; 255 and 255 where the pen is lifted. */
#include "SPI.h"

struct TS_Point {
    int16_t x, y, z;
};

class XPT2046_Touchscreen {
public:
    explicit XPT2046_Touchscreen(uint8_t, uint8_t = 255) {}
    bool begin(SPIClass &) { return true; }
    void setRotation(uint8_t) {}
    bool touched() {
        now += 10;
        received(at, sizeof at);
        return at[0] != 255;
    }
    TS_Point getPoint() {
        const int16_t x = (int16_t)(200 + at[0] * 3500 / 320), y = (int16_t)(240 + at[1] * 3560 / 240);
        return {x, y, 1000};
    }

private:
    uint8_t at[2] = {255, 255};
};
