/* Lines for those who wait for the next one. */
#include "app/lines.h"

#include <string.h>

#include "app/line_reader.h"

enum { BEGINNING_BYTES = 256 };

struct bb_lines {
    bb_line_reader *reader;
    char beginning[BEGINNING_BYTES]; /* of a line that is too long */
    gsize kept;
};

bb_lines *bb_lines_open(const char *path, GError **error)
{
    bb_line_reader *reader = bb_line_reader_open(path, BB_LINES_MAX_BYTES, error);
    if (!reader)
        return NULL;
    bb_lines *lines = g_new0(bb_lines, 1);
    lines->reader = reader;
    return lines;
}

const char *bb_lines_name(const bb_lines *lines)
{
    return bb_line_reader_name(lines->reader);
}

static void keep_beginning(const char *text, gsize size, void *user)
{
    bb_lines *lines = user;
    gsize part = MIN(size, BEGINNING_BYTES - lines->kept);
    memcpy(lines->beginning + lines->kept, text, part);
    lines->kept += part;
}

static gboolean take_long(bb_lines *lines, bb_line *ret_line, GError **error)
{
    lines->kept = 0;
    if (!bb_line_reader_skip(lines->reader, keep_beginning, lines, NULL, error))
        return FALSE;
    *ret_line =
        (bb_line){lines->beginning, lines->kept, bb_line_reader_number(lines->reader), TRUE};
    return TRUE;
}

gboolean bb_lines_next(bb_lines *lines, bb_line *ret_line, GError **error)
{
    const char *text;
    gsize size;
    bb_read_state state;
    do {
        state = bb_line_reader_next(lines->reader, &text, &size, error);
    } while (state == BB_READ_WAIT);
    if (state == BB_READ_LONG)
        return take_long(lines, ret_line, error);
    if (state == BB_READ_END || state == BB_READ_FAILED)
        return FALSE;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    *ret_line = (bb_line){text, size, bb_line_reader_number(lines->reader), FALSE};
    return TRUE;
}

void bb_lines_free(bb_lines *lines)
{
    if (!lines)
        return;
    bb_line_reader_free(lines->reader);
    g_free(lines);
}
