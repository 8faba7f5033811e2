/* Columns of Parquet by the members of a contract, and members as their cells.
 *
 * The types are those of handler_s3, so that both files of an event can be read as one table. What
 * is in a topic need not keep its contract: a value of another type is null here. */
#include "app/extract_column.h"

#include <arrow_parquet/column_type.h>
#include <string.h>

#include "contract/calendar.h"

/* The one type of a member that is not null; "" where there are several, or none. */
static const char *type_name(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    const char *found = json_is_string(type) ? json_string_value(type) : "";
    size_t i;
    json_t *item;
    json_array_foreach(type, i, item)
    {
        const char *name = json_string_value(item);
        if (!name || strcmp(name, "null") == 0)
            continue;
        if (*found)
            return "";
        found = name;
    }
    return found;
}

static int32_t scalar_type(const json_t *schema)
{
    return arrow_parquet_type_of(type_name(schema),
                                 json_string_value(json_object_get(schema, "format")));
}

void bb_extract_column_type(const json_t *schema, arrow_parquet_column *column)
{
    gboolean is_list = strcmp(type_name(schema), "array") == 0;
    int32_t type = scalar_type(is_list ? json_object_get(schema, "items") : schema);
    column->type = type ? type : ARROW_PARQUET_TEXT; /* its JSON */
    column->is_list = is_list && type;
}

static void add(GByteArray *cells, const void *data, gsize size)
{
    g_byte_array_append(cells, data, (guint)size);
}

static void add_present(GByteArray *cells, gboolean present)
{
    const guint8 byte = present ? 1 : 0;
    add(cells, &byte, 1);
}

void bb_extract_column_bytes(GByteArray *cells, const void *data, gsize size)
{
    const guint32 length = (guint32)size;
    add_present(cells, data != NULL);
    if (!data)
        return;
    add(cells, &length, sizeof(length));
    add(cells, data, size);
}

/* A string as it is; everything else as JSON. */
static void add_text(GByteArray *cells, const char *text, const bb_token *token)
{
    gsize before = cells->len + 1;
    bb_extract_column_bytes(cells, text + token->start, token->size);
    if (token->type != BB_STRING || !(token->flags & BB_TOKEN_ESCAPED))
        return;
    char *out = (char *)cells->data + before + sizeof(guint32);
    guint32 size = (guint32)bb_unescape(text + token->start, token->size, out);
    memcpy(cells->data + before, &size, sizeof(size)); /* decoded it is not longer */
    g_byte_array_set_size(cells, (guint)(before + sizeof(size) + size));
}

static gboolean read_civil(const char *text, const bb_token *token, bb_civil *ret_civil)
{
    return token->type == BB_STRING && bb_civil_parse(text + token->start, token->size, ret_civil);
}

static gboolean add_time(GByteArray *cells, int32_t type, const char *text, const bb_token *token)
{
    bb_civil civil;
    gboolean good = read_civil(text, token, &civil);
    add_present(cells, good);
    if (!good)
        return FALSE;
    gint64 micros = bb_civil_to_unix_us(&civil);
    gint32 days = (gint32)bb_days_from_date(civil.year, civil.month, civil.day);
    if (type == ARROW_PARQUET_DATE)
        add(cells, &days, sizeof(days));
    else
        add(cells, &micros, sizeof(micros));
    return TRUE;
}

static gboolean add_number(GByteArray *cells, int32_t type, const char *text, const bb_token *token)
{
    gint64 integer = 0;
    double real = 0;
    gboolean whole = type == ARROW_PARQUET_INT64;
    gboolean good = token->type == BB_NUMBER && (whole ? bb_token_integer(text, token, &integer)
                                                       : bb_token_double(text, token, &real));
    add_present(cells, good);
    if (good && whole)
        add(cells, &integer, sizeof(integer));
    else if (good)
        add(cells, &real, sizeof(real));
    return good;
}

static gboolean add_truth(GByteArray *cells, const bb_token *token)
{
    gboolean good = token->type == BB_TRUE || token->type == BB_FALSE;
    add_present(cells, good);
    if (good)
        add_present(cells, token->type == BB_TRUE);
    return good;
}

static gboolean add_value(GByteArray *cells, int32_t type, const char *text, const bb_token *token)
{
    if (token->type == BB_NULL) {
        add_present(cells, FALSE);
        return TRUE;
    }
    switch (type) {
    case ARROW_PARQUET_BOOL:
        return add_truth(cells, token);
    case ARROW_PARQUET_INT64:
    case ARROW_PARQUET_DOUBLE:
        return add_number(cells, type, text, token);
    case ARROW_PARQUET_DATE:
    case ARROW_PARQUET_INSTANT:
        return add_time(cells, type, text, token);
    default:
        add_text(cells, text, token);
        return TRUE;
    }
}

static gboolean add_list(GByteArray *cells, int32_t type, const busbar_event *event, uint32_t list)
{
    const bb_token *tokens = event->tokens;
    guint32 count = 0;
    gboolean good = TRUE, is_list = tokens[list].type == BB_ARRAY;
    add_present(cells, is_list);
    if (!is_list)
        return tokens[list].type == BB_NULL;
    gsize count_at = cells->len;
    add(cells, &count, sizeof(count));
    for (uint32_t i = list + 1; i < tokens[list].next; i = tokens[i].next, count++)
        good = add_value(cells, type, event->text, &tokens[i]) && good;
    memcpy(cells->data + count_at, &count, sizeof(count));
    return good;
}

gboolean bb_extract_column_add(const arrow_parquet_column *column, const busbar_event *event,
                               uint32_t token, GByteArray *cells)
{
    if (token == 0) {
        add_present(cells, FALSE);
        return TRUE;
    }
    return column->is_list ? add_list(cells, column->type, event, token)
                           : add_value(cells, column->type, event->text, &event->tokens[token]);
}
