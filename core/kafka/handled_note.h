/* The note of the last record that handlers had made durable when an offset was committed.
 *
 * Text in front of the metadata of a commit: "h:" and the offset; a space and the map (ackmap.h)
 * where there is one. Pure. */
#ifndef BB_HANDLED_NOTE_H
#define BB_HANDLED_NOTE_H

#include <glib.h>

/* At most so many bytes in front of a map. */
#define BB_HANDLED_NOTE_BYTES 24

/* `map` may be NULL. */
char *bb_handled_note_write(gint64 handled, const char *map);
/* -1 when there is none; `*ret_map` (may be NULL) is what is behind it. */
gint64 bb_handled_note_read(const char *metadata, gsize size, const char **ret_map,
                            gsize *ret_map_size);

#endif
