/* The camera of an ESP32-CAM (AI-Thinker): its frames come on standard input. */
#include "Arduino.h"

enum pixformat_t { PIXFORMAT_RGB565, PIXFORMAT_GRAYSCALE = 3 };
enum framesize_t { FRAMESIZE_96X96, FRAMESIZE_QQVGA };
enum camera_fb_location_t { CAMERA_FB_IN_PSRAM, CAMERA_FB_IN_DRAM };
enum camera_grab_mode_t { CAMERA_GRAB_WHEN_EMPTY, CAMERA_GRAB_LATEST };
enum ledc_timer_t { LEDC_TIMER_0 };
enum ledc_channel_t { LEDC_CHANNEL_0 };
typedef int esp_err_t;
#define ESP_OK 0

struct camera_config_t {
    int pin_pwdn, pin_reset, pin_xclk, pin_sccb_sda, pin_sccb_scl;
    int pin_d7, pin_d6, pin_d5, pin_d4, pin_d3, pin_d2, pin_d1, pin_d0;
    int pin_vsync, pin_href, pin_pclk, xclk_freq_hz;
    ledc_timer_t ledc_timer;
    ledc_channel_t ledc_channel;
    pixformat_t pixel_format;
    framesize_t frame_size;
    int jpeg_quality;
    size_t fb_count;
    camera_fb_location_t fb_location;
    camera_grab_mode_t grab_mode;
};

struct camera_fb_t {
    uint8_t *buf;
    size_t len, width, height;
    pixformat_t format;
};

/* Does not answer at first, nor where it is wired otherwise than the board is. */
inline esp_err_t esp_camera_init(const camera_config_t *config) {
    static const int wires[] = {32, -1, 0, 26, 27, 35, 34, 39, 36, 21, 19, 18, 5, 25, 23, 22};
    static bool is_warm;
    const bool is_right = !memcmp(config, wires, sizeof wires) &&
                          config->pixel_format == PIXFORMAT_GRAYSCALE &&
                          config->frame_size == FRAMESIZE_96X96;
    if (is_warm && is_right) return ESP_OK;
    if (is_warm) exit(1);
    is_warm = true;
    return 0x105;
}

inline bool is_lent;

inline camera_fb_t *esp_camera_fb_get() {
    static uint8_t pixels[96 * 96];
    static camera_fb_t frame = {pixels, sizeof pixels, 96, 96, PIXFORMAT_GRAYSCALE};
    if (is_lent) exit(1);
    received(pixels, sizeof pixels);
    is_lent = true;
    return &frame;
}

inline void esp_camera_fb_return(camera_fb_t *) { is_lent = false; }
