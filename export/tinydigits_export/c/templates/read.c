/* $name: from a grey frame to an answer. See ${name}_read.h for how to call it. */
#include "${name}_read.h"

$judge

${name}_answer ${name}_read(const uint8_t *frame, int32_t width, int32_t height, size_t stride,
        void *workspace) {
    uint8_t *start = (uint8_t *)workspace + (4 - (uintptr_t)workspace % 4) % 4;
    fit_result *fitted = (fit_result *)(void *)start;
    ${name}_answer answer = {0, 0, ${guard}_REFUSED, 0};
    start += sizeof *fitted; /* a multiple of 4 */
    if (!fit_digit(frame, width, height, 1, stride, $how, FIT_DETECT, start, fitted)) return answer;
    answer.status = fitted->doubt; /* FIT_BLANK is ${guard}_BLANK, and so on */
    answer.fitted = fitted;
    if (answer.status != ${guard}_BLANK) judge(fitted->pixels, start, &answer);
    return answer;
}
