/* JSON arrays in the binary form of PostgreSQL's arrays. */
#include "encode.h"

/* A walk over the elements of a JSON array. Its grammar has been checked before. */
typedef struct elements {
    const char *at;
    const char *end;
} elements;

static bool is_between(char sign)
{
    return sign == ' ' || sign == '\t' || sign == '\n' || sign == '\r' || sign == ',';
}

/* Behind the string that begins at `at`, its first quote. */
static const char *skip_string(const char *at, const char *end, uint32_t *ret_escaped)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\') {
            *ret_escaped = 1;
            at++;
        }
    }
    return at < end ? at + 1 : end;
}

/* Behind the array or object that begins at `at`. */
static const char *skip_nested(const char *at, const char *end)
{
    uint32_t ignored = 0;
    int depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end, &ignored);
            continue;
        }
        depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
        at++;
        if (depth == 0)
            break;
    }
    return at;
}

static uint32_t type_of(char first)
{
    switch (first) {
    case 'n':
        return BUSBAR_NULL;
    case 't':
        return BUSBAR_TRUE;
    case 'f':
        return BUSBAR_FALSE;
    case '[':
        return BUSBAR_ARRAY;
    case '{':
        return BUSBAR_OBJECT;
    default:
        return BUSBAR_NUMBER;
    }
}

/* False at the end. */
static bool next(elements *list, busbar_value *ret_value)
{
    while (list->at < list->end && is_between(*list->at))
        list->at++;
    if (list->at >= list->end)
        return false;
    const char *from = list->at;
    *ret_value = (busbar_value){type_of(*from), 0, {from, 0}};
    if (*from == '"') {
        list->at = skip_string(from, list->end, &ret_value->escaped);
        ret_value->type = BUSBAR_STRING;
        ret_value->json = (busbar_bytes){from + 1, (size_t)(list->at - from) - 2};
        return true;
    }
    if (*from == '[' || *from == '{') {
        list->at = skip_nested(from, list->end);
    } else {
        while (list->at < list->end && !is_between(*list->at))
            list->at++;
    }
    ret_value->json.size = (size_t)(list->at - from);
    return true;
}

static void note_element(pg_cell *cell, int32_t number)
{
    char reason[sizeof(cell->problem)];
    memcpy(reason, cell->problem, sizeof(reason));
    (void)pg_refuse(cell, "element %d: %.120s", number, reason);
}

bool pg_encode_array(pg_cell *cell, const busbar_value *value, pg_encoder element)
{
    if (value->type != BUSBAR_ARRAY)
        return pg_refuse(cell, "expected a list");
    elements list = {value->json.data + 1, value->json.data + value->json.size - 1};
    busbar_value item;
    size_t length_at = cell->out->size, head = length_at + 4, nulls_at = head + 4;
    int32_t count = 0, nulls = 0;
    pg_buffer_add_int32(cell->out, 0); /* the length, set at the end, as are the next two */
    pg_buffer_add_int32(cell->out, 0); /* dimensions */
    pg_buffer_add_int32(cell->out, 0); /* whether there are nulls */
    pg_buffer_add_int32(cell->out, (int32_t)cell->type);
    size_t size_at = cell->out->size;
    pg_buffer_add_int32(cell->out, 0);
    pg_buffer_add_int32(cell->out, 1); /* the first element has number 1 */
    while (next(&list, &item)) {
        if (item.type == BUSBAR_NULL) {
            pg_buffer_add_int32(cell->out, -1);
            nulls = 1;
        } else if (!element(cell, &item)) {
            note_element(cell, count);
            return false;
        }
        count++;
    }
    if (count == 0 && !cell->out->failed)
        cell->out->size = size_at; /* an empty array has no dimension */
    pg_buffer_set_int32(cell->out, head, count ? 1 : 0);
    pg_buffer_set_int32(cell->out, nulls_at, nulls);
    if (count)
        pg_buffer_set_int32(cell->out, size_at, count);
    pg_buffer_set_int32(cell->out, length_at, (int32_t)(cell->out->size - head));
    return true;
}
