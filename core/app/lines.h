/* Lines of a file or of standard input, with a bounded buffer. */
#ifndef BB_LINES_H
#define BB_LINES_H

#include <glib.h>

#include "base/error.h"

typedef struct bb_lines bb_lines;

enum { BB_LINES_MAX_BYTES = 16 * 1024 * 1024 };

typedef struct bb_line {
    const char *text; /* without its end; until the next line */
    gsize size;
    guint64 number;    /* from 1 */
    gboolean too_long; /* longer than BB_LINES_MAX_BYTES: text is its beginning, the rest is gone */
} bb_line;

/* `path` NULL or "-": standard input. BB_ERROR_IO. */
bb_lines *bb_lines_open(const char *path, GError **error);
/* The next line; FALSE at the end, or with an error when reading failed. LF and CRLF end a line. */
gboolean bb_lines_next(bb_lines *lines, bb_line *ret_line, GError **error);
void bb_lines_free(bb_lines *lines);

/* Name for messages: the path, or "standard input". */
const char *bb_lines_name(const bb_lines *lines);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_lines, bb_lines_free)

#endif
