/* Writing and reading the note of the last record that was made durable. */
#include "kafka/handled_note.h"

#include <string.h>

char *bb_handled_note_write(gint64 handled, const char *map)
{
    return g_strdup_printf("h:%" G_GINT64_FORMAT "%s%s", handled, map ? " " : "", map ? map : "");
}

gint64 bb_handled_note_read(const char *metadata, gsize size, const char **ret_map,
                            gsize *ret_map_size)
{
    gint64 handled = 0;
    gsize at = 2;
    if (ret_map) {
        *ret_map = metadata;
        *ret_map_size = size;
    }
    if (!metadata || size < 3 || memcmp(metadata, "h:", 2) != 0)
        return -1;
    for (; at < size && at < 2 + 18 && g_ascii_isdigit(metadata[at]); at++)
        handled = handled * 10 + (metadata[at] - '0');
    if (at == 2 || (at < size && metadata[at] != ' '))
        return -1;
    at += at < size; /* the space */
    if (ret_map) {
        *ret_map = metadata + at;
        *ret_map_size = size - at;
    }
    return handled;
}
