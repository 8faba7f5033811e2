/* Values as plugins see them: their type, their text, their numbers. */
#include "event/value.h"

#include <string.h>

#include "event/event.h"
#include "event/scan.h"

static uint32_t type_of(char first)
{
    switch (first) {
    case '"':
        return BUSBAR_STRING;
    case '{':
        return BUSBAR_OBJECT;
    case '[':
        return BUSBAR_ARRAY;
    case 't':
        return BUSBAR_TRUE;
    case 'f':
        return BUSBAR_FALSE;
    case 'n':
        return BUSBAR_NULL;
    default:
        return BUSBAR_NUMBER;
    }
}

uint32_t bb_value_of_json(busbar_bytes json, busbar_value *ret_value)
{
    while (json.size && bb_is_space(json.data[0])) {
        json.data++;
        json.size--;
    }
    while (json.size && bb_is_space(json.data[json.size - 1]))
        json.size--;
    if (json.size == 0)
        return bb_value_absent(ret_value);
    *ret_value = (busbar_value){.type = type_of(json.data[0]), .json = json};
    if (ret_value->type == BUSBAR_STRING && json.size >= 2) {
        ret_value->json = (busbar_bytes){json.data + 1, json.size - 2};
        ret_value->escaped = memchr(json.data, '\\', json.size) != NULL;
    }
    return ret_value->type;
}

bool bb_event_text(const busbar_event *event, const busbar_value *value, busbar_bytes *ret_text)
{
    if (value->type != BUSBAR_STRING)
        return false;
    *ret_text = value->json;
    if (!value->escaped)
        return true;
    char *decoded = bb_arena_alloc(event->arena, value->json.size);
    ret_text->size = bb_unescape(value->json.data, value->json.size, decoded);
    ret_text->data = decoded;
    return true;
}

static bb_token number_token(const busbar_value *value)
{
    return (bb_token){.size = (uint32_t)value->json.size,
                      .type = value->type == BUSBAR_NUMBER ? BB_NUMBER : 0};
}

bool bb_value_integer(const busbar_value *value, int64_t *ret_integer)
{
    bb_token token = number_token(value);
    return bb_token_integer(value->json.data, &token, ret_integer);
}

bool bb_value_double(const busbar_value *value, double *ret_double)
{
    bb_token token = number_token(value);
    return bb_token_double(value->json.data, &token, ret_double);
}
