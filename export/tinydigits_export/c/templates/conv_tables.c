/* The features: row by row, place by place, a weight for each map. */
static const int8_t PLACES[QUARTER * QUARTER * MAPS_5] PROGMEM = {
$places
};
static const int32_t PLACE_BIASES[MAPS_5] PROGMEM = {
$place_biases
};

/* For each class, a weight for each feature. */
static const int16_t HEAD[${guard}_CLASSES * MAPS_5] PROGMEM = {
$head
};
static const int32_t BIASES[${guard}_CLASSES] PROGMEM = {
$biases
};
