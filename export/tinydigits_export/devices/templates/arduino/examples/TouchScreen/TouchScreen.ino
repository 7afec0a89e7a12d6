/* $name on a touch screen: draw a $what on the left and lift the pen. The answer appears on the
 * right, in green; in red if it is in doubt. It goes over the serial line too, at 115,200 baud.
 * The board is an ESP32-2432S028R ("Cheap Yellow Display"): choose "ESP32 Dev Module", and install
 * the libraries Adafruit ILI9341 and XPT2046_Touchscreen. */
#include <Adafruit_ILI9341.h>
#include <SPI.h>
#include <XPT2046_Touchscreen.h>

#include <${name}_read.h>

enum {
    SIDE = 96,    /* px of the frame that the network's fit takes */
    SCREEN = 240, /* px of the square on the screen to draw in; the answer has the other 80 */
    PEN = 6,      /* px on the screen: half a stroke */
    PAUSE = 700   /* ms without a touch that end a drawing */
};

static const char *const LABELS[] = {${guard}_LABELS};
static uint8_t frame[SIDE * SIDE], workspace[${guard}_WORKSPACE(SIDE, SIDE)];
static SPIClass screen_line(HSPI), touch_line(VSPI);
static Adafruit_ILI9341 screen(&screen_line, 2, 15); /* DC, CS */
static XPT2046_Touchscreen touch(33);                /* CS */
static bool is_down, has_ink;
static int last_x, last_y;
static unsigned long touched_at;

static void clear() {
    memset(frame, 0, sizeof frame);
    screen.fillRect(0, 0, SCREEN, SCREEN, ILI9341_BLACK);
    has_ink = false;
}

/* Puts ink on the screen and into the frame. */
static void dot(int x, int y) {
    screen.fillCircle(x, y, PEN, ILI9341_WHITE);
    for (int row = (y - PEN) * SIDE / SCREEN; row <= (y + PEN) * SIDE / SCREEN; row++)
        for (int column = (x - PEN) * SIDE / SCREEN; column <= (x + PEN) * SIDE / SCREEN; column++)
            if (row >= 0 && row < SIDE && column >= 0 && column < SIDE)
                frame[row * SIDE + column] = 255;
}

/* Draws from the last point to this one: a quick pen skips what is between. */
static void stroke(int x, int y) {
    const int steps = 1 + (abs(x - last_x) + abs(y - last_y)) / PEN;
    for (int i = 1; i <= steps; i++)
        dot(last_x + (x - last_x) * i / steps, last_y + (y - last_y) * i / steps);
    last_x = x;
    last_y = y;
}

static void answer() {
    ${name}_answer seen = ${name}_read(frame, SIDE, SIDE, SIDE, workspace);
    screen.fillRect(SCREEN + 1, 0, 319 - SCREEN, SCREEN, ILI9341_BLACK);
    screen.setCursor(SCREEN + 16, 90);
    screen.setTextColor(seen.status == ${guard}_OK ? ILI9341_GREEN : ILI9341_RED);
    screen.print(LABELS[seen.digit]);
    Serial.print(LABELS[seen.digit]);
    Serial.print(' ');
    Serial.println(seen.probability);
}

void setup() {
    Serial.begin(115200);
    pinMode(21, OUTPUT); /* the light of the screen */
    digitalWrite(21, HIGH);
    screen.begin();
    screen.setRotation(1);
    screen.fillScreen(ILI9341_BLACK);
    screen.setTextSize(8);
    screen.fillRect(SCREEN, 0, 1, SCREEN, ILI9341_WHITE);
    touch_line.begin(25, 39, 32, 33); /* clock, from the touch screen, to it, CS */
    touch.begin(touch_line);
    touch.setRotation(1);
    clear();
}

void loop() {
    if (touch.touched()) {
        const TS_Point at = touch.getPoint();
        /* Screens differ a little: these are the values at the edges of most. */
        const int x = constrain(map(at.x, 200, 3700, 0, 320), 0, SCREEN - 1);
        const int y = constrain(map(at.y, 240, 3800, 0, 240), 0, SCREEN - 1);
        if (!is_down) {
            last_x = x;
            last_y = y;
        }
        stroke(x, y);
        is_down = has_ink = true;
        touched_at = millis();
    } else {
        is_down = false;
        if (has_ink && millis() - touched_at > PAUSE) {
            answer();
            clear();
        }
    }
}
