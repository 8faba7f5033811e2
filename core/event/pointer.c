/* JSON pointers (RFC 6901): from a pointer to a token, and back. */
#include <string.h>

#include "event/event.h"
#include "event/value.h"

/* Decodes ~0 and ~1 of a reference token; false when a ~ stands alone. */
static bool decode_reference(busbar_bytes reference, char *out, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < reference.size; i++) {
        char c = reference.data[i];
        if (c == '~') {
            if (++i == reference.size || (reference.data[i] != '0' && reference.data[i] != '1'))
                return false;
            c = reference.data[i] == '0' ? '~' : '/';
        }
        out[size++] = c;
    }
    *ret_size = size;
    return true;
}

static bool find_member(const busbar_event *event, uint32_t object, busbar_bytes reference,
                        uint32_t *ret_token)
{
    const bb_token *tokens = event->tokens;
    busbar_bytes name = reference;
    if (reference.size && memchr(reference.data, '~', reference.size)) {
        char *decoded = bb_arena_alloc(event->arena, reference.size);
        if (!decode_reference(reference, decoded, &name.size))
            return false;
        name.data = decoded;
    }
    uint16_t hash = bb_name_hash(name.data, name.size);
    for (uint32_t at = object + 1; at < tokens[object].next; at = tokens[at + 1].next) {
        if (tokens[at].hash == hash &&
            bb_token_equals(event->text, &tokens[at], name.data, name.size)) {
            *ret_token = at + 1;
            return true;
        }
    }
    return false;
}

/* An index without sign and leading zeros. */
static bool read_index(busbar_bytes reference, uint32_t *ret_index)
{
    uint32_t index = 0;
    if (reference.size == 0 || reference.size > 9 ||
        (reference.data[0] == '0' && reference.size > 1))
        return false;
    for (size_t i = 0; i < reference.size; i++) {
        if (reference.data[i] < '0' || reference.data[i] > '9')
            return false;
        index = index * 10 + (uint32_t)(reference.data[i] - '0');
    }
    *ret_index = index;
    return true;
}

static bool find_element(const busbar_event *event, uint32_t array, busbar_bytes reference,
                         uint32_t *ret_token)
{
    const bb_token *tokens = event->tokens;
    uint32_t index = 0;
    if (!read_index(reference, &index))
        return false;
    uint32_t at = array + 1;
    for (; at < tokens[array].next && index > 0; index--)
        at = tokens[at].next;
    *ret_token = at;
    return at < tokens[array].next;
}

bool bb_event_find_token(const busbar_event *event, busbar_bytes pointer, uint32_t *ret_token)
{
    uint32_t token = 0;
    while (pointer.size) {
        if (pointer.data[0] != '/')
            return false;
        pointer.data++;
        pointer.size--;
        const char *slash = pointer.size ? memchr(pointer.data, '/', pointer.size) : NULL;
        busbar_bytes reference = {pointer.data,
                                  slash ? (size_t)(slash - pointer.data) : pointer.size};
        uint8_t type = event->tokens[token].type;
        bool found = type == BB_OBJECT  ? find_member(event, token, reference, &token)
                     : type == BB_ARRAY ? find_element(event, token, reference, &token)
                                        : false;
        if (!found)
            return false;
        pointer.data += reference.size;
        pointer.size -= reference.size;
    }
    *ret_token = token;
    return true;
}

uint32_t bb_event_find(const busbar_event *event, busbar_bytes pointer, busbar_value *ret_value)
{
    uint32_t token = 0;
    if (!bb_event_find_token(event, pointer, &token))
        return bb_value_absent(ret_value);
    return bb_value_of_token(event->text, &event->tokens[token], ret_value);
}

static void append_reference(GString *pointer, const busbar_event *event, const bb_token *name)
{
    busbar_value value;
    busbar_bytes text = {NULL, 0};
    bb_value_of_token(event->text, name, &value);
    bb_event_text(event, &value, &text);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '~')
            g_string_append(pointer, "~0");
        else if (text.data[i] == '/')
            g_string_append(pointer, "~1");
        else
            g_string_append_c(pointer, text.data[i]);
    }
}

/* Appends the step from a container towards `token` and returns the child that was taken. */
static uint32_t step_into(GString *pointer, const busbar_event *event, uint32_t container,
                          uint32_t token)
{
    const bb_token *tokens = event->tokens;
    bool object = tokens[container].type == BB_OBJECT;
    uint32_t index = 0;
    uint32_t at = container + 1;
    while (tokens[at + object].next <= token) {
        at = tokens[at + object].next;
        index++;
    }
    g_string_append_c(pointer, '/');
    if (object)
        append_reference(pointer, event, &tokens[at]);
    else
        g_string_append_printf(pointer, "%u", index);
    return at + object;
}

busbar_bytes bb_event_pointer(const busbar_event *event, uint32_t token)
{
    g_autoptr(GString) pointer = g_string_new(NULL);
    if (token >= event->token_count)
        token = 0;
    if (event->tokens[token].flags & BB_TOKEN_KEY)
        token++; /* of a name: its value */
    for (uint32_t at = 0; at != token;)
        at = step_into(pointer, event, at, token);
    return (busbar_bytes){bb_arena_copy(event->arena, pointer->str, pointer->len), pointer->len};
}
