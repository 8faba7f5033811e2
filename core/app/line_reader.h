/* Lines of a file or of standard input, without ever waiting long: `busbar publish` serves outcomes
 * and obeys Ctrl-C while its input is silent. Who has nothing else to do uses app/lines.h. */
#ifndef BB_LINE_READER_H
#define BB_LINE_READER_H

#include <glib.h>

#include "base/error.h"

typedef struct bb_line_reader bb_line_reader;

typedef enum {
    BB_READ_LINE,
    BB_READ_EMPTY, /* a line of blanks only */
    BB_READ_LONG,  /* longer than the bound; the line is taken with bb_line_reader_skip */
    BB_READ_WAIT,  /* nothing has come within a moment */
    BB_READ_END,
    BB_READ_FAILED
} bb_read_state;

/* `path` NULL or "-": standard input. `max_bytes`: longest line. */
bb_line_reader *bb_line_reader_open(const char *path, gsize max_bytes, GError **error);
void bb_line_reader_free(bb_line_reader *reader);

/* The next line without its LF; lives until the next call. */
bb_read_state bb_line_reader_next(bb_line_reader *reader, const char **ret_text, gsize *ret_size,
                                  GError **error);
/* Takes an over-long line: hands piece after piece to `sink` (may be NULL), waiting for input
 * unless `stop` is set. FALSE when reading failed. */
gboolean bb_line_reader_skip(bb_line_reader *reader,
                             void (*sink)(const char *text, gsize size, void *user), void *user,
                             const gint *stop, GError **error);
/* Number of the last line, from 1. */
guint64 bb_line_reader_number(const bb_line_reader *reader);
const char *bb_line_reader_name(const bb_line_reader *reader);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_line_reader, bb_line_reader_free)

#endif
