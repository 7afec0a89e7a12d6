/* $name: reads a handwritten $what from 28 x 28 pixels, in plain integers.
 *
 *     uint8_t image[784];                  28 rows of 28, ink bright: 0 is paper, 255 is ink
 *     uint8_t probability;                 its score: see below
 *     uint8_t digit = ${name}_classify(image, &probability);
 *
 * Model:    $recipe, $classes classes; exported from Keras by
 *           $created_by
 * Accuracy: $accuracy
 * Flash:    $table_bytes bytes of tables, and 0.5 to 1.2 kB of code
 * RAM:      no variables; about $stack bytes of stack beside the image and the logits
 *
 * C99 without any library. It never allocates, prints or divides, and uses no floats.
 */
$api

#ifdef __cplusplus
}
#endif

#endif
