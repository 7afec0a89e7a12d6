/* Reads 300 images of 784 bytes and then frames of 96 x 96 from standard input. Writes what three
 * networks make of each, in the same bytes on every processor. */
#include <stdio.h>

#include "conv_read.h"
#include "digits_read.h"
#include "tiny_read.h"

static uint8_t image[784], frame[96 * 96], workspace[CONV_WORKSPACE(96, 96)];

static void put(int32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        putchar((int)((uint32_t)value >> shift & 255));
}

static void put_answer(uint8_t digit, uint8_t probability, uint8_t status, const fit_result *fitted)
{
    putchar(digit);
    putchar(probability);
    putchar(status);
    fwrite(fitted->pixels, 784, 1, stdout);
    for (int at = 0; at < 4; at++)
        put(fitted->box[at]);
    putchar(fitted->doubt);
    putchar(fitted->inverted);
}

int main(void)
{
    for (int count = 0; count < 300 && fread(image, 784, 1, stdin) == 1; count++) {
        int32_t logits[10];
        digits_scores(image, logits);
        for (int k = 0; k < 10; k++)
            put(logits[k]);
        conv_scores(image, logits);
        for (int k = 0; k < 10; k++)
            put(logits[k]);
        tiny_begin();
        for (int at = 0; at < 784; at++)
            tiny_push(image[at]);
        putchar(tiny_end());
    }
    while (fread(frame, sizeof frame, 1, stdin) == 1) {
        digits_answer by_dense = digits_read(frame, 96, 96, 96, workspace);
        put_answer(by_dense.digit, by_dense.probability, by_dense.status, by_dense.fitted);
        conv_answer by_conv = conv_read(frame, 96, 96, 96, workspace);
        put_answer(by_conv.digit, by_conv.probability, by_conv.status, by_conv.fitted);
        tiny_answer by_tiny = tiny_read(frame, 96, 96, 96, workspace);
        put_answer(by_tiny.digit, by_tiny.probability, by_tiny.status, by_tiny.fitted);
    }
    return 0;
}
