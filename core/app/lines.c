/* Reading lines with a bounded buffer. */
#include "app/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024 };

struct bb_lines {
    char *name;
    int fd;
    gboolean own_fd;
    gboolean ended;
    char *buffer;
    gsize capacity;
    gsize begin, end; /* what is unread in the buffer */
    guint64 number;
};

bb_lines *bb_lines_open(const char *path, GError **error)
{
    gboolean standard = !path || strcmp(path, "-") == 0;
    struct stat info;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: is a folder, expected a file of JSON lines",
                    standard ? "standard input" : path);
        if (!standard)
            (void)close(fd); /* nothing was written */
        return NULL;
    }
    bb_lines *lines = g_new0(bb_lines, 1);
    lines->name = g_strdup(standard ? "standard input" : path);
    lines->fd = fd;
    lines->own_fd = !standard;
    lines->capacity = CHUNK_BYTES;
    lines->buffer = g_malloc(lines->capacity);
    return lines;
}

const char *bb_lines_name(const bb_lines *lines)
{
    return lines->name;
}

/* Makes room behind `end`. */
static void make_room(bb_lines *lines)
{
    if (lines->begin > 0) {
        memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    if (lines->end == lines->capacity) {
        lines->capacity *= 2;
        lines->buffer = g_realloc(lines->buffer, lines->capacity);
    }
}

/* Reads more; FALSE with an error when reading failed. At the end sets `ended`. */
static gboolean fill(bb_lines *lines, GError **error)
{
    ssize_t got;
    make_room(lines);
    do {
        got = read(lines->fd, lines->buffer + lines->end, lines->capacity - lines->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", lines->name, g_strerror(errno));
        return FALSE;
    }
    lines->ended = got == 0;
    lines->end += (gsize)got;
    return TRUE;
}

/* Drops bytes up to and with the next LF. */
static gboolean skip_rest(bb_lines *lines, GError **error)
{
    for (;;) {
        char *unread = lines->buffer + lines->begin;
        char *found = memchr(unread, '\n', lines->end - lines->begin);
        if (found) {
            lines->begin += (gsize)(found - unread) + 1;
            return TRUE;
        }
        lines->begin = lines->end = 0;
        if (lines->ended)
            return TRUE;
        if (!fill(lines, error))
            return FALSE;
    }
}

static void give_line(bb_lines *lines, gsize size, gsize taken, bb_line *ret_line)
{
    const char *text = lines->buffer + lines->begin;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    *ret_line = (bb_line){text, size, ++lines->number, FALSE};
    lines->begin += taken;
}

/* A line that does not fit: keeps a short beginning of it and skips the rest. */
static gboolean give_long_line(bb_lines *lines, bb_line *ret_line, GError **error)
{
    enum { BEGINNING_BYTES = 256 };
    char beginning[BEGINNING_BYTES];
    memcpy(beginning, lines->buffer + lines->begin, sizeof(beginning));
    if (!skip_rest(lines, error))
        return FALSE;
    /* The beginning goes in front of what is unread, where there is room for it. */
    if (lines->begin < BEGINNING_BYTES) {
        while (lines->capacity - lines->end < BEGINNING_BYTES)
            lines->buffer = g_realloc(lines->buffer, lines->capacity *= 2);
        memmove(lines->buffer + BEGINNING_BYTES, lines->buffer + lines->begin,
                lines->end - lines->begin);
        lines->end = BEGINNING_BYTES + lines->end - lines->begin;
        lines->begin = BEGINNING_BYTES;
    }
    char *text = lines->buffer + lines->begin - BEGINNING_BYTES;
    memcpy(text, beginning, sizeof(beginning));
    *ret_line = (bb_line){text, sizeof(beginning), ++lines->number, TRUE};
    return TRUE;
}

gboolean bb_lines_next(bb_lines *lines, bb_line *ret_line, GError **error)
{
    gsize seen = 0;
    for (;;) {
        char *unread = lines->buffer + lines->begin;
        gsize size = lines->end - lines->begin;
        char *found = memchr(unread + seen, '\n', size - seen);
        gsize length = found ? (gsize)(found - unread) : size;
        if (found && length <= BB_LINES_MAX_BYTES) {
            give_line(lines, length, length + 1, ret_line);
            return TRUE;
        }
        if (length > BB_LINES_MAX_BYTES)
            return give_long_line(lines, ret_line, error);
        if (lines->ended && size == 0)
            return FALSE;
        if (lines->ended) {
            give_line(lines, size, size, ret_line);
            return TRUE;
        }
        seen = size;
        if (!fill(lines, error))
            return FALSE;
    }
}

void bb_lines_free(bb_lines *lines)
{
    if (!lines)
        return;
    if (lines->own_fd)
        (void)close(lines->fd); /* only read from */
    g_free(lines->buffer);
    g_free(lines->name);
    g_free(lines);
}
