/* Small helpers for text that people read: escaping, excerpts, nearest names, sizes. */
#ifndef BB_TEXT_H
#define BB_TEXT_H

#include <glib.h>
#include <string.h>

/* Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void bb_text_append_json(GString *out, const char *text, gsize size);

/* A short, printable excerpt of `text` for messages: at most `limit` bytes, control and non-ASCII
 * bytes escaped, "..." where it was cut. Writes into `buffer` (of `buffer_size`, at least limit +
 * 4) and returns it. */
const char *bb_text_excerpt(const char *text, gsize size, gsize limit, char *buffer,
                            gsize buffer_size);

/* Edit distance (Damerau-Levenshtein, adjacent swaps count 1), case ignored. */
guint bb_text_distance(const char *a, const char *b);

/* The name nearest to `wanted` within a third of its length, or NULL. `names` ends with NULL. @owns
 * names */
const char *bb_text_nearest(const char *wanted, const char *const *names);

/* Bytes from a text such as "64KiB", "10 MB", "1048576". FALSE when it is not one. */
gboolean bb_text_parse_size(const char *text, guint64 *ret_bytes);

/* Milliseconds from "500ms", "2s", "1m30s", "1h"; a bare number is milliseconds. FALSE when it is
 * not one. */
gboolean bb_text_parse_duration_ms(const char *text, gint64 *ret_ms);

#endif
