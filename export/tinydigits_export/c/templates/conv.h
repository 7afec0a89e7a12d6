/* $name: reads a handwritten $what from 28 x 28 pixels, in plain integers.
 *
 *     uint8_t image[784];                  28 rows of 28, ink bright: 0 is paper, 255 is ink
 *     uint8_t probability;                 its score: see below
 *     uint8_t digit = ${name}_classify(image, &probability);
 *
 * or row by row, if there is no room for an image:
 *
 *     ${name}_begin();
 *     for each of the 28 rows:  ${name}_push(row);
 *     uint8_t digit = ${name}_end(&probability);
 *
 * Model:    $recipe, $classes classes; exported from Keras by
 *           $created_by
 * Accuracy: $accuracy
 * Flash:    $table_bytes bytes of tables, and about $code_size of code
 * RAM:      $state_bytes bytes of static variables, and $stack
 *
 * C99 without any library. It never allocates, prints or uses floats. It reads one image at a time.
 */
$api

/* The same, row by row. Most of the work is done as rows come. */
void ${name}_begin(void);
void ${name}_push(const uint8_t row[28]);
uint8_t ${name}_end(uint8_t *probability);

#ifdef __cplusplus
}
#endif

#endif
