static int32_t logit(uint8_t k) {
    const int16_t *weight = HEAD + (uint16_t)k * FEATURES;
    int32_t sum = (int32_t)pgm_read_dword(BIASES + k);
    uint8_t feature;
    for (feature = 0; feature < FEATURES; feature++) {
        sum += (int32_t)state.features[feature] * (int16_t)pgm_read_word(weight);
        weight++;
    }
    return sum;
}

$probability

uint8_t ${name}_end(uint8_t *probability) {
    int32_t best;
    uint8_t k, best_k = 0;
    finish();
    best = logit(0);
    for (k = 1; k < ${guard}_CLASSES; k++) {
        const int32_t next = logit(k);
        if (next > best) {
            best = next;
            best_k = k;
        }
    }
    *probability = probability_of(best);
    return best_k;
}

static void push_all(const uint8_t image[784]) {
    uint8_t y;
    ${name}_begin();
    for (y = 0; y < SIDE; y++) ${name}_push(image + y * SIDE);
}

void ${name}_scores(const uint8_t image[784], int32_t logits[${guard}_CLASSES]) {
    uint8_t k;
    push_all(image);
    finish();
    for (k = 0; k < ${guard}_CLASSES; k++) logits[k] = logit(k);
}

uint8_t ${name}_classify(const uint8_t image[784], uint8_t *probability) {
    push_all(image);
    return ${name}_end(probability);
}
