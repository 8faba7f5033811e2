/* The actions of a Delta commit, as JSON. */
#include "delta_actions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static bool add_line(handler_buffer *out, json_t *action)
{
    char *text = action ? json_dumps(action, JSON_COMPACT) : NULL;
    bool good = text && handler_buffer_format(out, "%s\n", text);
    free(text);
    json_decref(action);
    return good;
}

static const char *type_name(int32_t type)
{
    static const char *const names[] = {
        [ARROW_PARQUET_BOOL] = "boolean",     [ARROW_PARQUET_INT32] = "integer",
        [ARROW_PARQUET_INT64] = "long",       [ARROW_PARQUET_DOUBLE] = "double",
        [ARROW_PARQUET_TEXT] = "string",      [ARROW_PARQUET_DATE] = "date",
        [ARROW_PARQUET_INSTANT] = "timestamp"};
    return names[type];
}

static json_t *field_of(const arrow_parquet_column *column)
{
    const char *name = type_name(column->type);
    json_t *type = column->is_list ? json_pack("{s:s,s:s,s:b}", "type", "array", "elementType",
                                               name, "containsNull", 1)
                                   : json_string(name);
    return type ? json_pack("{s:s,s:o,s:b,s:{}}", "name", column->name, "type", type, "nullable", 1,
                            "metadata")
                : NULL;
}

json_t *s3_delta_schema(const s3_cells *cells, const char *column)
{
    json_t *fields = json_array();
    bool good = fields != NULL;
    for (size_t i = 0; good && i < cells->count; i++)
        good = json_array_append_new(fields, field_of(&cells->columns[i])) == 0;
    const arrow_parquet_column date = {.name = column, .type = ARROW_PARQUET_DATE};
    if (good && column)
        good = json_array_append_new(fields, field_of(&date)) == 0;
    if (good)
        return json_pack("{s:s,s:o}", "type", "struct", "fields", fields);
    json_decref(fields);
    return NULL;
}

/* A random UUID, version 4. */
static void make_id(char ret_id[37])
{
    unsigned char bytes[16] = {0};
    (void)getrandom(bytes, sizeof(bytes), 0); /* 16 bytes come whole; it only names the table */
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    size_t at = 0;
    for (unsigned i = 0; i < 16; i++)
        at += (size_t)snprintf(ret_id + at, 37 - at, "%02x%s", bytes[i],
                               i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
}

bool s3_delta_add_creation(handler_buffer *out, const s3_delta *delta, int64_t now_ms)
{
    char id[37];
    make_id(id);
    json_t *schema = s3_delta_schema(delta->cells, delta->settings->column);
    char *text = schema ? json_dumps(schema, JSON_COMPACT) : NULL;
    json_t *partition =
        delta->settings->column ? json_pack("[s]", delta->settings->column) : json_array();
    bool good = text && partition && s3_delta_add_info(out, true, now_ms) &&
                add_line(out, json_pack("{s:{s:i,s:i}}", "protocol", "minReaderVersion", 1,
                                        "minWriterVersion", 2)) &&
                add_line(out, json_pack("{s:{s:s,s:{s:s,s:{}},s:s,s:O,s:{},s:I}}", "metaData", "id",
                                        id, "format", "provider", "parquet", "options",
                                        "schemaString", text, "partitionColumns", partition,
                                        "configuration", "createdTime", (json_int_t)now_ms));
    json_decref(partition);
    json_decref(schema);
    free(text);
    return good;
}

bool s3_delta_add_info(handler_buffer *out, bool creates, int64_t now_ms)
{
    return add_line(out,
                    json_pack("{s:{s:I,s:s,s:{s:s},s:b,s:s}}", "commitInfo", "timestamp",
                              (json_int_t)now_ms, "operation", creates ? "CREATE TABLE" : "WRITE",
                              "operationParameters", "mode", "Append", "isBlindAppend", 1,
                              "engineInfo", "busbar/0.1.0"));
}

bool s3_delta_add_txn(handler_buffer *out, const s3_delta *delta, int32_t partition, int64_t offset,
                      int64_t now_ms)
{
    handler_buffer application = {.data = NULL};
    bool good =
        handler_buffer_format(&application, "%s%d", delta->application, (int)partition) &&
        add_line(out, json_pack("{s:{s:s,s:I,s:I}}", "txn", "appId", application.data, "version",
                                (json_int_t)offset, "lastUpdated", (json_int_t)now_ms));
    handler_buffer_clear(&application);
    return good;
}

bool s3_delta_add_file(handler_buffer *out, const s3_delta *delta, const s3_object *object,
                       int64_t now_ms)
{
    char stats[64];
    const char *column = delta->settings->column;
    const char *path = object->key + strlen(delta->settings->path) + 1;
    (void)snprintf(stats, sizeof(stats), "{\"numRecords\":%" PRIu64 "}", object->rows);
    json_t *values = json_object();
    if (column && json_object_set_new(values, column,
                                      *object->date ? json_string(object->date) : json_null()))
        return false;
    return add_line(out, json_pack("{s:{s:s,s:o,s:I,s:I,s:b,s:s}}", "add", "path", path,
                                   "partitionValues", values, "size", (json_int_t)object->body.size,
                                   "modificationTime", (json_int_t)now_ms, "dataChange", 1, "stats",
                                   stats));
}
