/* Reads frames from standard input and writes what NAME_read answers: digit, probability, status and
 * whether there is a fit_result, and that. Each frame is three int32_t (width, height, stride) and
 * its rows, of which the last ends with its pixels. NAME and its header are given as macros.
 *
 * Frame and workspace have exactly the bytes that are asked for, and the workspace is at an odd
 * address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include HEADER

int main(void)
{
    int32_t header[3];
    while (fread(header, sizeof header, 1, stdin) == 1) {
        size_t bytes = (size_t)header[2] * (size_t)(header[1] - 1) + (size_t)header[0];
        uint8_t *frame = (uint8_t *)malloc(bytes);
        uint8_t *workspace = (uint8_t *)malloc(WORKSPACE(header[0], header[1]) + 1);
        if (!frame || !workspace || fread(frame, 1, bytes, stdin) != bytes)
            return 3;
        ANSWER answer = READ(frame, header[0], header[1], (size_t)header[2], workspace + 1);
        const uint8_t head[4] = {answer.digit, answer.probability, answer.status,
                                 answer.fitted != 0};
        fit_result result;
        memset(&result, 0, sizeof result);
        if (answer.fitted)
            result = *answer.fitted;
        fwrite(head, sizeof head, 1, stdout);
        fwrite(&result, sizeof result, 1, stdout);
        free(frame);
        free(workspace);
    }
    return 0;
}
