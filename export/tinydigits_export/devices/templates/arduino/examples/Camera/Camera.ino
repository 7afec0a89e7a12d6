/* $name on an ESP32-CAM (AI-Thinker): hold a $what before the camera. The answer comes over the
 * serial line at 115,200 baud, with its score (0 to 255).
 * Choose the board "AI Thinker ESP32-CAM". Other boards with a camera have other pins. */
#include <esp_camera.h>

#include <${name}_read.h>

static const char *const LABELS[] = {${guard}_LABELS};
static uint8_t workspace[${guard}_WORKSPACE(96, 96)];

void setup() {
    camera_config_t config = {};
    Serial.begin(115200);
    config.pin_pwdn = 32;
    config.pin_reset = -1; /* is not connected */
    config.pin_xclk = 0;
    config.pin_sccb_sda = 26;
    config.pin_sccb_scl = 27;
    config.pin_d7 = 35;
    config.pin_d6 = 34;
    config.pin_d5 = 39;
    config.pin_d4 = 36;
    config.pin_d3 = 21;
    config.pin_d2 = 19;
    config.pin_d1 = 18;
    config.pin_d0 = 5;
    config.pin_vsync = 25;
    config.pin_href = 23;
    config.pin_pclk = 22;
    config.xclk_freq_hz = 20000000;
    config.ledc_timer = LEDC_TIMER_0;
    config.ledc_channel = LEDC_CHANNEL_0;
    config.pixel_format = PIXFORMAT_GRAYSCALE;
    config.frame_size = FRAMESIZE_96X96;
    config.fb_count = 2;
    config.fb_location = CAMERA_FB_IN_DRAM; /* 9 kB each */
    config.grab_mode = CAMERA_GRAB_LATEST;
    while (esp_camera_init(&config) != ESP_OK) {
        Serial.println("The camera does not answer: is its cable in its socket?");
        delay(5000);
    }
}

void loop() {
    camera_fb_t *frame = esp_camera_fb_get();
    if (!frame) return;
    ${name}_answer seen =
        ${name}_read(frame->buf, frame->width, frame->height, frame->width, workspace);
    esp_camera_fb_return(frame);
    if (seen.status != ${guard}_OK) return; /* nothing is there, or the answer is in doubt */
    Serial.print(LABELS[seen.digit]);
    Serial.print(' ');
    Serial.println(seen.probability);
}
