/* A walk over the elements of a JSON array. */
#include "elements.h"

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

handler_elements handler_elements_of(const busbar_value *value)
{
    return (handler_elements){value->json.data + 1, value->json.data + value->json.size - 1};
}

bool handler_elements_next(handler_elements *list, busbar_value *ret_value)
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
