/* Reads lines without ever waiting long. */
#include "app/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 * 1024, WAIT_MS = 20 };

struct bb_line_reader {
    char *name;
    int fd;
    gboolean own_fd;
    gboolean ended;
    char *buffer;
    gsize capacity;
    gsize max_bytes;
    gsize begin, seen, end; /* unread from begin; no LF before seen */
    guint64 number;
};

bb_line_reader *bb_line_reader_open(const char *path, gsize max_bytes, GError **error)
{
    gboolean standard = !path || strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", standard ? "standard input" : path,
                    fd < 0 ? g_strerror(errno) : "is a folder, expected a file of JSON lines");
        if (fd >= 0 && !standard)
            (void)close(fd); /* nothing was written */
        return NULL;
    }
    bb_line_reader *reader = g_new0(bb_line_reader, 1);
    reader->name = g_strdup(standard ? "standard input" : path);
    reader->fd = fd;
    reader->own_fd = !standard;
    reader->max_bytes = max_bytes;
    reader->capacity = max_bytes + CHUNK_BYTES; /* holds the longest line and a chunk behind it */
    reader->buffer = g_malloc(reader->capacity);
    return reader;
}

void bb_line_reader_free(bb_line_reader *reader)
{
    if (!reader)
        return;
    if (reader->own_fd)
        (void)close(reader->fd); /* only read from */
    g_free(reader->buffer);
    g_free(reader->name);
    g_free(reader);
}

guint64 bb_line_reader_number(const bb_line_reader *reader)
{
    return reader->number;
}

const char *bb_line_reader_name(const bb_line_reader *reader)
{
    return reader->name;
}

/* Makes room and reads once. LINE: something came. */
static bb_read_state fill(bb_line_reader *reader, GError **error)
{
    struct pollfd input = {.fd = reader->fd, .events = POLLIN};
    if (reader->begin > 0) {
        memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
        reader->seen -= reader->begin;
        reader->end -= reader->begin;
        reader->begin = 0;
    }
    int ready = poll(&input, 1, WAIT_MS);
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return BB_READ_WAIT;
    gsize room = MIN(reader->capacity - reader->end, (gsize)CHUNK_BYTES);
    ssize_t got = read(reader->fd, reader->buffer + reader->end, room);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return BB_READ_WAIT;
    if (got < 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", reader->name, g_strerror(errno));
        return BB_READ_FAILED;
    }
    reader->ended = got == 0;
    reader->end += (gsize)got;
    return BB_READ_LINE;
}

static gboolean is_blank(const char *text, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return FALSE;
    }
    return TRUE;
}

/* Finds the end of the line that begins at `begin`; FALSE when it is not in the buffer. */
static gboolean find_end(bb_line_reader *reader, gsize *ret_size)
{
    char *from = reader->buffer + reader->seen;
    char *found = memchr(from, '\n', reader->end - reader->seen);
    *ret_size = (found ? (gsize)(found - reader->buffer) : reader->end) - reader->begin;
    reader->seen = found ? (gsize)(found - reader->buffer) : reader->end;
    return found != NULL;
}

bb_read_state bb_line_reader_next(bb_line_reader *reader, const char **ret_text, gsize *ret_size,
                                  GError **error)
{
    gboolean found;
    while (!(found = find_end(reader, ret_size)) && !reader->ended &&
           *ret_size <= reader->max_bytes) {
        bb_read_state state = fill(reader, error);
        if (state != BB_READ_LINE)
            return state;
    }
    if (!found && *ret_size == 0)
        return BB_READ_END;
    reader->number++;
    *ret_text = reader->buffer + reader->begin;
    if (*ret_size > reader->max_bytes) {
        reader->seen = reader->begin; /* skip looks at the line from its start */
        return BB_READ_LONG;
    }
    reader->begin += *ret_size + (found ? 1 : 0);
    reader->seen = reader->begin;
    return is_blank(*ret_text, *ret_size) ? BB_READ_EMPTY : BB_READ_LINE;
}

gboolean bb_line_reader_skip(bb_line_reader *reader,
                             void (*sink)(const char *text, gsize size, void *user), void *user,
                             const gint *stop, GError **error)
{
    for (;;) {
        gsize size;
        gboolean found = find_end(reader, &size);
        if (sink && size > 0)
            sink(reader->buffer + reader->begin, size, user);
        reader->begin += size + (found ? 1 : 0);
        reader->seen = reader->begin;
        if (found || reader->ended)
            return TRUE;
        bb_read_state state;
        while ((state = fill(reader, error)) == BB_READ_WAIT) {
            if (stop && g_atomic_int_get(stop))
                return TRUE;
        }
        if (state == BB_READ_FAILED)
            return FALSE;
    }
}
