/* The features: row by row, place by place, a weight for each map. */
static const int8_t PLACES[QUARTER * QUARTER * FEATURES] PROGMEM = {
$places
};
static const int32_t PLACE_BIASES[FEATURES] PROGMEM = {
$place_biases
};

/* For each class, a weight for each feature. */
static const int16_t HEAD[${guard}_CLASSES * FEATURES] PROGMEM = {
$head
};
static const int32_t BIASES[${guard}_CLASSES] PROGMEM = {
$biases
};
