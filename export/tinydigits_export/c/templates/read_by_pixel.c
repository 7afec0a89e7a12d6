static void judge(const uint8_t *image, void *space, ${name}_answer *answer) {
    uint16_t at;
    (void)space;
    ${name}_begin();
    for (at = 0; at < 784; at++) ${name}_push(image[at]);
    answer->digit = ${name}_end();
}
