#pragma once

#include "Arduino.h"

enum { HSPI = 2, VSPI = 3 };

struct SPIClass {
    explicit SPIClass(uint8_t) {}
    void begin(int8_t, int8_t, int8_t, int8_t) {}
};
