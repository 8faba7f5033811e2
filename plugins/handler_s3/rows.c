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

#ifdef S3_HAVE_PARQUET
static const char *check_parquet(s3_rows *rows, busbar_call *call)
{
    rows->compression = rows->settings->compression ? rows->settings->compression : S3_ZSTD;
    return s3_cells_init(&rows->cells, rows->settings, call) ? NULL : "out of memory";
}

static int take(void *user, const void *data, size_t size)
{
    return handler_buffer_add(user, data, size) ? 1 : 0;
}

/* NULL, or what went wrong. */
static const char *write_parquet(s3_rows *rows, const arrow_parquet_rows *data, handler_buffer *out)
{
    static const char *const names[] = {
        [S3_PLAIN] = "none", [S3_GZIP] = "gzip", [S3_ZSTD] = "zstd", [S3_SNAPPY] = "snappy"};
    return arrow_parquet_write(rows->cells.columns, rows->cells.count, data,
                               names[rows->compression], take, out, rows->problem)
               ? NULL
               : rows->problem;
}
#else
static const char *check_parquet(s3_rows *rows, busbar_call *call)
{
    (void)rows;
    (void)call;
    return "`format`: this handler was built without Parquet, for there was no Apache Arrow C++; "
           "build it where python3 has pyarrow or with -DBUSBAR_ARROW_DIR=..., or choose "
           "`format: lines`";
}

static const char *write_parquet(s3_rows *rows, const arrow_parquet_rows *data, handler_buffer *out)
{
    (void)rows;
    (void)data;
    (void)out;
    return "this handler was built without Parquet";
}
#endif

const char *s3_rows_init(s3_rows *rows, const s3_settings *settings, busbar_call *call,
                         busbar_bytes event_name)
{
    rows->settings = settings;
    rows->event_name = event_name;
    return settings->format == S3_LINES ? check_lines(rows) : check_parquet(rows, call);
}

void s3_rows_clear(s3_rows *rows)
{
    s3_cells_clear(&rows->cells);
    *rows = (s3_rows){.settings = NULL};
}

const char *s3_rows_suffix(const s3_rows *rows)
{
    return rows->settings->format != S3_LINES ? ".parquet"
           : rows->compression == S3_GZIP     ? ".jsonl.gz"
           : rows->compression == S3_ZSTD     ? ".jsonl.zst"
                                              : ".jsonl";
}

static int add_cells(s3_rows *rows, busbar_call *call, busbar_event *event, handler_buffer *out,
                     const char **ret_column, const char **ret_problem)
{
    *ret_column = NULL;
    if (s3_cells_add(&rows->cells, call, event, out, ret_column))
        return S3_ROW_DONE;
    *ret_problem = rows->cells.problem;
    return *ret_column ? S3_ROW_REFUSED : S3_ROW_NO_MEMORY;
}

int s3_rows_add(s3_rows *rows, busbar_call *call, busbar_event *event, handler_buffer *out,
                const char **ret_column, const char **ret_problem)
{
    size_t before = out->size;
    if (rows->settings->format != S3_LINES)
        return add_cells(rows, call, event, out, ret_column, ret_problem);
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
    const arrow_parquet_rows data = {object->raw.data, object->raw.size, object->rows};
    object->body.size = 0;
    if (rows->settings->format != S3_LINES)
        return write_parquet(rows, &data, &object->body);
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
    const arrow_parquet_rows none = {"", 0, 0};
    if (ends_with(key, ".parquet"))
        return write_parquet(user, &none, out) == NULL;
    int compression = ends_with(key, ".gz") ? S3_GZIP : ends_with(key, ".zst") ? S3_ZSTD : S3_PLAIN;
    return pack(compression, &nothing, out);
}
