/* Events as rows in the form of the chosen format, and rows as the bytes of an object. */
#include "rows.h"

#include <string.h>

#include "../handler_common/envelope.h"

static const char *check_lines(s3_rows *rows)
{
    const s3_settings *settings = rows->settings;
    rows->compression = settings->compression  ? settings->compression
                        : s3_pack_can(S3_ZSTD) ? S3_ZSTD
                                               : S3_GZIP;
    if (s3_pack_can(rows->compression))
        return NULL;
    return rows->compression == S3_ZSTD
               ? "`compression: zstd`: this handler was built without libzstd; build it with "
                 "libzstd-dev installed, or choose gzip or none"
               : "`compression: gzip`: this handler was built without zlib; build it with "
                 "zlib1g-dev installed, or choose zstd or none";
}

const char *s3_rows_init(s3_rows *rows, const s3_settings *settings, busbar_call *call,
                         busbar_bytes event_name)
{
    (void)call; /* JSON lines need no member resolved */
    rows->settings = settings;
    rows->event_name = event_name;
    if (settings->format == S3_LINES)
        return check_lines(rows);
    return "`format`: this build writes \"lines\" only";
}

void s3_rows_clear(s3_rows *rows)
{
    *rows = (s3_rows){.settings = NULL};
}

const char *s3_rows_suffix(const s3_rows *rows)
{
    return rows->compression == S3_GZIP   ? ".jsonl.gz"
           : rows->compression == S3_ZSTD ? ".jsonl.zst"
                                          : ".jsonl";
}

int s3_rows_add(s3_rows *rows, busbar_call *call, busbar_event *event, handler_buffer *out,
                const char **ret_column, const char **ret_problem)
{
    size_t before = out->size;
    busbar_bytes json = call->host->json(call, event);
    bool good = rows->settings->envelope
                    ? handler_add_envelope(out, rows->event_name, call->host->origin(event), json)
                    : handler_add_value(out, json);
    *ret_column = *ret_problem = NULL;
    if (good && handler_buffer_add(out, "\n", 1))
        return S3_ROW_DONE;
    out->size = before;
    return S3_ROW_NO_MEMORY;
}

static bool pack(int compression, const handler_buffer *raw, handler_buffer *out)
{
    s3_pack *packer = s3_pack_new(compression, out);
    bool good = packer && s3_pack_add(packer, raw->data, raw->size) && s3_pack_end(packer);
    s3_pack_free(packer);
    return good;
}

const char *s3_rows_finish(s3_rows *rows, s3_object *object)
{
    object->body.size = 0;
    return pack(rows->compression, &object->raw, &object->body) ? NULL : "out of memory";
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

bool s3_rows_empty(void *user, const char *key, handler_buffer *out)
{
    const handler_buffer nothing = {.data = NULL};
    (void)user; /* lines are the same for every event type */
    int compression = ends_with(key, ".gz") ? S3_GZIP : ends_with(key, ".zst") ? S3_ZSTD : S3_PLAIN;
    return pack(compression, &nothing, out);
}
