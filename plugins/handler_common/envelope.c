/* An event as one line of JSON: bare, or in an envelope that says where it came from. */
#include "envelope.h"

#include <string.h>

#include <jansson.h>

bool handler_add_string(handler_buffer *buffer, busbar_bytes bytes, bool *ret_out_of_memory)
{
    *ret_out_of_memory = false;
    if (!bytes.data)
        return !(*ret_out_of_memory = !handler_buffer_add_text(buffer, "null"));
    json_t *text = json_stringn(bytes.data, bytes.size); /* NULL for what is no UTF-8 */
    if (!text)
        return false;
    size_t size = json_dumpb(text, NULL, 0, JSON_ENCODE_ANY);
    bool good = handler_buffer_reserve(buffer, size);
    if (good)
        buffer->size += json_dumpb(text, buffer->data + buffer->size, size, JSON_ENCODE_ANY);
    json_decref(text);
    *ret_out_of_memory = !good;
    return good;
}

bool handler_add_value(handler_buffer *buffer, busbar_bytes json)
{
    size_t from = buffer->size;
    if (!handler_buffer_add(buffer, json.data, json.size))
        return false;
    char *at = buffer->data + from, *end = buffer->data + buffer->size;
    for (char *feed = at; (feed = memchr(feed, '\n', (size_t)(end - feed))); feed++)
        *feed = ' ';
    for (char *feed = at; (feed = memchr(feed, '\r', (size_t)(end - feed))); feed++)
        *feed = ' ';
    return true;
}

bool handler_add_base64(handler_buffer *buffer, busbar_bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!handler_buffer_reserve(buffer, (bytes.size + 2) / 3 * 4))
        return false;
    char *out = buffer->data + buffer->size;
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        unsigned bits = (unsigned)(unsigned char)bytes.data[i] << 16;
        bits |= left > 1 ? (unsigned)(unsigned char)bytes.data[i + 1] << 8 : 0;
        bits |= left > 2 ? (unsigned)(unsigned char)bytes.data[i + 2] : 0;
        *out++ = digits[bits >> 18 & 63];
        *out++ = digits[bits >> 12 & 63];
        *out++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[bits & 63] : '=';
    }
    buffer->size = (size_t)(out - buffer->data);
    return true;
}

static bool add_key(handler_buffer *buffer, busbar_bytes key)
{
    bool out_of_memory = false;
    size_t before = buffer->size;
    if (!handler_buffer_add_text(buffer, ",\"key\":"))
        return false;
    if (handler_add_string(buffer, key, &out_of_memory))
        return true;
    buffer->size = before;
    return !out_of_memory && handler_buffer_add_text(buffer, ",\"key_base64\":\"") &&
           handler_add_base64(buffer, key) && handler_buffer_add_text(buffer, "\"");
}

bool handler_add_envelope(handler_buffer *buffer, busbar_bytes event_name,
                          const busbar_origin *origin, busbar_bytes json)
{
    return handler_buffer_format(buffer,
                                 "{\"event\":\"%.*s\",\"topic\":\"%.*s\",\"partition\":%d,"
                                 "\"offset\":%lld",
                                 (int)event_name.size, event_name.data ? event_name.data : "",
                                 (int)origin->topic.size, origin->topic.data,
                                 (int)origin->partition, (long long)origin->offset) &&
           add_key(buffer, origin->key) &&
           handler_buffer_format(buffer, ",\"timestamp\":%lld,\"attempt\":%u,\"value\":",
                                 (long long)origin->timestamp_ms, origin->attempt) &&
           handler_add_value(buffer, json) && handler_buffer_add_text(buffer, "}");
}
