/* A screen of 320x240. It tells on standard output what is printed on it, and in which colour. */
#include "SPI.h"

enum { ILI9341_BLACK = 0, ILI9341_GREEN = 0x07E0, ILI9341_RED = 0xF800, ILI9341_WHITE = 0xFFFF };

class Adafruit_ILI9341 {
public:
    Adafruit_ILI9341(SPIClass *, int8_t, int8_t = -1, int8_t = -1) {}
    void begin(uint32_t = 0) {}
    void setRotation(uint8_t) {}
    void fillScreen(uint16_t) {}
    void fillRect(int16_t, int16_t, int16_t, int16_t, uint16_t) {}
    void fillCircle(int16_t, int16_t, int16_t, uint16_t) {}
    void setCursor(int16_t, int16_t) {}
    void setTextSize(uint8_t) {}
    void setTextColor(uint16_t chosen) { colour = chosen; }
    void print(const char *text) {
        Serial.print(colour == ILI9341_GREEN ? "green " : "red ");
        Serial.println(text);
    }

private:
    uint16_t colour = ILI9341_WHITE;
};
