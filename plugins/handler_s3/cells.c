/* The columns of an event type in Parquet files, and events as their rows. */
#include "cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../arrow_parquet/column_type.h"
#include "../handler_common/columns.h"
#include "../handler_common/elements.h"
#include "../handler_common/instant.h"

/* What is added to, while columns are visited. */
typedef struct visiting {
    s3_cells *cells;
    const s3_settings *settings;
    busbar_call *call;
} visiting;

/* 0: it has no type of its own. */
static int32_t scalar_type(const json_t *schema, const char *type)
{
    return arrow_parquet_type_of(type, json_string_value(json_object_get(schema, "format")));
}

void s3_cells_type(const json_t *schema, arrow_parquet_column *column)
{
    bool nullable = true, ignored;
    const char *type = handler_schema_type(schema, &nullable);
    column->is_list = strcmp(type, "array") == 0;
    if (column->is_list) {
        const json_t *items = json_object_get(schema, "items");
        column->type = scalar_type(items, handler_schema_type(items, &ignored));
    } else {
        column->type = scalar_type(schema, type);
    }
    if (column->type)
        return;
    column->type = ARROW_PARQUET_TEXT; /* its JSON */
    column->is_list = 0;
}

static void visit_column(const handler_column *wanted, void *user)
{
    visiting *at = user;
    s3_cells *cells = at->cells;
    if (at->settings->column && strcmp(wanted->name, at->settings->column) == 0)
        return; /* the directory says it */
    arrow_parquet_column *column = &cells->columns[cells->count];
    *column = (arrow_parquet_column){.name = wanted->name, .nullable = 1};
    s3_cells_type(wanted->schema, column);
    cells->fields[cells->count++] =
        busbar_field_of(at->call, wanted->from ? wanted->from : wanted->name);
}

static void add_origin_columns(s3_cells *cells)
{
    static const arrow_parquet_column columns[] = {
        {.name = "_partition", .type = ARROW_PARQUET_INT32},
        {.name = "_offset", .type = ARROW_PARQUET_INT64},
        {.name = "_timestamp", .type = ARROW_PARQUET_INSTANT, .nullable = 1}};
    memcpy(&cells->columns[cells->count], columns, sizeof(columns));
    cells->count += sizeof(columns) / sizeof(columns[0]);
}

bool s3_cells_init(s3_cells *cells, const s3_settings *settings, busbar_call *call)
{
    visiting at = {cells, settings, call};
    size_t most = json_object_size(json_object_get(settings->contract, "properties")) +
                  json_object_size(json_object_get(settings->annotation, "columns"));
    *cells = (s3_cells){.columns = calloc(most + 3, sizeof(*cells->columns)),
                        .fields = calloc(most + 1, sizeof(*cells->fields))};
    if (!cells->columns || !cells->fields)
        return false;
    handler_columns_visit(settings->contract, settings->annotation, visit_column, &at);
    cells->own = cells->count;
    if (settings->envelope)
        add_origin_columns(cells);
    return true;
}

void s3_cells_clear(s3_cells *cells)
{
    free(cells->columns);
    free(cells->fields);
    *cells = (s3_cells){.count = 0};
}

/* One value on its way to a cell. */
typedef struct cell {
    busbar_call *call;
    const busbar_event *event;
    handler_buffer *out;
    char *problem; /* stays empty where memory is out */
} cell;

static bool refuse(cell *to, const char *problem)
{
    (void)snprintf(to->problem, S3_PROBLEM_SIZE, "%s", problem);
    return false;
}

static bool add_sized(cell *to, const char *data, size_t size)
{
    uint32_t length = (uint32_t)size;
    return size < UINT32_MAX && handler_buffer_add(to->out, &length, sizeof(length)) &&
           handler_buffer_add(to->out, data, size);
}

/* A string as it is; everything else as JSON. */
static bool add_text(cell *to, const busbar_value *value)
{
    busbar_bytes text = value->json;
    if (value->type == BUSBAR_STRING && !to->call->host->text(to->call, to->event, value, &text))
        return refuse(to, "it is no text");
    return add_sized(to, text.data ? text.data : "", text.size);
}

static bool add_integer(cell *to, const busbar_value *value)
{
    int64_t number;
    if (value->type != BUSBAR_NUMBER || !to->call->host->integer(value, &number))
        return refuse(to, "expected a whole number of 64 bits");
    return handler_buffer_add(to->out, &number, sizeof(number));
}

static bool add_double(cell *to, const busbar_value *value)
{
    double number;
    if (value->type != BUSBAR_NUMBER || !to->call->host->number(value, &number))
        return refuse(to, "expected a number that is finite as a double");
    return handler_buffer_add(to->out, &number, sizeof(number));
}

static bool add_bool(cell *to, const busbar_value *value)
{
    uint8_t truth = value->type == BUSBAR_TRUE;
    if (!truth && value->type != BUSBAR_FALSE)
        return refuse(to, "expected true or false");
    return handler_buffer_add(to->out, &truth, sizeof(truth));
}

static bool add_date(cell *to, const busbar_value *value)
{
    int64_t days;
    if (value->type != BUSBAR_STRING || !handler_read_day(value->json, &days))
        return refuse(to, "expected a date such as 2026-01-02");
    int32_t number = (int32_t)days;
    return handler_buffer_add(to->out, &number, sizeof(number));
}

static bool add_instant(cell *to, const busbar_value *value)
{
    int64_t micros;
    if (value->type != BUSBAR_STRING || !handler_read_instant(value->json, &micros))
        return refuse(to, "expected an instant such as 2026-01-02T03:04:05Z");
    return handler_buffer_add(to->out, &micros, sizeof(micros));
}

static bool add_value(cell *to, int32_t type, const busbar_value *value)
{
    uint8_t present = value->type != BUSBAR_NULL && value->type != BUSBAR_ABSENT;
    if (!handler_buffer_add(to->out, &present, sizeof(present)))
        return false;
    if (!present)
        return true;
    switch (type) {
    case ARROW_PARQUET_BOOL:
        return add_bool(to, value);
    case ARROW_PARQUET_INT64:
        return add_integer(to, value);
    case ARROW_PARQUET_DOUBLE:
        return add_double(to, value);
    case ARROW_PARQUET_DATE:
        return add_date(to, value);
    case ARROW_PARQUET_INSTANT:
        return add_instant(to, value);
    default:
        return add_text(to, value);
    }
}

static bool add_list(cell *to, int32_t type, const busbar_value *value)
{
    uint8_t present = value->type != BUSBAR_NULL && value->type != BUSBAR_ABSENT;
    uint32_t count = 0;
    busbar_value item;
    if (!handler_buffer_add(to->out, &present, sizeof(present)))
        return false;
    if (!present)
        return true;
    if (value->type != BUSBAR_ARRAY)
        return refuse(to, "expected a list");
    size_t count_at = to->out->size;
    if (!handler_buffer_add(to->out, &count, sizeof(count)))
        return false;
    handler_elements list = handler_elements_of(value);
    for (; handler_elements_next(&list, &item); count++) {
        if (!add_value(to, type, &item))
            return false;
    }
    memcpy(to->out->data + count_at, &count, sizeof(count));
    return true;
}

static bool add_origin(cell *to, const busbar_origin *origin)
{
    const uint8_t present = 1, has_time = origin->timestamp_ms >= 0;
    const int64_t micros = origin->timestamp_ms * 1000;
    return handler_buffer_add(to->out, &present, 1) &&
           handler_buffer_add(to->out, &origin->partition, sizeof(origin->partition)) &&
           handler_buffer_add(to->out, &present, 1) &&
           handler_buffer_add(to->out, &origin->offset, sizeof(origin->offset)) &&
           handler_buffer_add(to->out, &has_time, 1) &&
           (!has_time || handler_buffer_add(to->out, &micros, sizeof(micros)));
}

bool s3_cells_add(s3_cells *cells, busbar_call *call, busbar_event *event, handler_buffer *out,
                  const char **ret_column)
{
    cell to = {call, event, out, cells->problem};
    size_t before = out->size;
    cells->problem[0] = '\0';
    for (size_t i = 0; i < cells->own; i++) {
        busbar_value value = {.type = BUSBAR_ABSENT};
        if (cells->fields[i] >= 0)
            (void)call->host->get(event, cells->fields[i], &value);
        const arrow_parquet_column *column = &cells->columns[i];
        if (column->is_list ? add_list(&to, column->type, &value)
                            : add_value(&to, column->type, &value))
            continue;
        out->size = before;
        *ret_column = cells->problem[0] ? column->name : NULL;
        return false;
    }
    *ret_column = NULL;
    if (cells->own == cells->count || add_origin(&to, call->host->origin(event)))
        return true;
    out->size = before;
    return false;
}
