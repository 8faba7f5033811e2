/* Events as the body of a request. */
#include "body.h"

#include <stdlib.h>
#include <time.h>

#if HTTP_ZLIB
#include <zlib.h>
#endif

#include "../handler_common/envelope.h"
#include "../handler_common/sha256.h"

static bool add_quoted(handler_buffer *out, const char *name, busbar_bytes value)
{
    bool out_of_memory = false;
    size_t before = out->size;
    if (!value.data)
        return true;
    if (!handler_buffer_format(out, ",\"%s\":", name))
        return false;
    if (!handler_add_string(out, value, &out_of_memory))
        out->size = before; /* a key that is no text: CloudEvents has no place for it */
    return !out_of_memory;
}

static bool add_time(handler_buffer *out, int64_t timestamp_ms)
{
    time_t seconds = (time_t)(timestamp_ms / 1000);
    struct tm parts;
    if (timestamp_ms < 0 || !gmtime_r(&seconds, &parts) || parts.tm_year > 9999 - 1900)
        return true;
    return handler_buffer_format(out, ",\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                                 parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                                 parts.tm_hour, parts.tm_min, parts.tm_sec,
                                 (int)(timestamp_ms % 1000));
}

static bool add_source(handler_buffer *out, const http_settings *settings,
                       const busbar_origin *origin)
{
    if (settings->source)
        return add_quoted(out, "source", busbar_text(settings->source));
    return handler_buffer_format(out, ",\"source\":\"/busbar/%.*s\"", (int)origin->topic.size,
                                 origin->topic.data);
}

static bool add_cloudevent(handler_buffer *out, const http_settings *settings,
                           busbar_bytes event_name, const busbar_origin *origin, busbar_bytes json)
{
    return handler_buffer_format(out, "{\"specversion\":\"1.0\",\"id\":\"%.*s/%d/%lld\"",
                                 (int)origin->topic.size, origin->topic.data,
                                 (int)origin->partition, (long long)origin->offset) &&
           add_source(out, settings, origin) &&
           add_quoted(out, "type", event_name.size ? event_name : busbar_text("busbar.event")) &&
           add_time(out, origin->timestamp_ms) && add_quoted(out, "partitionkey", origin->key) &&
           handler_buffer_add_text(out, ",\"datacontenttype\":\"application/json\",\"data\":") &&
           handler_add_value(out, json) && handler_buffer_add_text(out, "}");
}

static bool add_piece(http_pieces *pieces, const http_settings *settings, busbar_bytes event_name,
                      busbar_call *call, busbar_event *event)
{
    const busbar_origin *origin = call->host->origin(event);
    busbar_bytes json = call->host->json(call, event);
    if (settings->format >= HTTP_FORMAT_CLOUDEVENT)
        return add_cloudevent(&pieces->text, settings, event_name, origin, json);
    if (settings->envelope)
        return handler_add_envelope(&pieces->text, event_name, origin, json);
    return handler_add_value(&pieces->text, json);
}

bool http_pieces_fill(http_pieces *pieces, const http_settings *settings, busbar_bytes event_name,
                      busbar_call *call, const busbar_batch *batch)
{
    if (pieces->capacity < batch->count) {
        size_t *ends = realloc(pieces->ends, batch->count * sizeof(*ends));
        if (!ends)
            return false;
        pieces->ends = ends;
        pieces->capacity = batch->count;
    }
    pieces->text.size = 0;
    pieces->count = batch->count;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!add_piece(pieces, settings, event_name, call, batch->events[i]))
            return false;
        pieces->ends[i] = pieces->text.size;
    }
    return true;
}

void http_pieces_clear(http_pieces *pieces)
{
    handler_buffer_clear(&pieces->text);
    free(pieces->ends);
    pieces->ends = NULL;
}

static size_t begin_of(const http_pieces *pieces, uint32_t index)
{
    return index ? pieces->ends[index - 1] : 0;
}

size_t http_pieces_size(const http_pieces *pieces, uint32_t first, uint32_t count)
{
    return pieces->ends[first + count - 1] - begin_of(pieces, first);
}

bool http_body_make(handler_buffer *body, const http_pieces *pieces, http_format format,
                    uint32_t first, uint32_t count)
{
    bool array = format == HTTP_FORMAT_JSON || format == HTTP_FORMAT_CLOUDEVENTS;
    bool good = true;
    body->size = 0;
    for (uint32_t i = first; good && i < first + count; i++) {
        const char *before = !array ? "" : i == first ? "[" : ",";
        size_t begin = begin_of(pieces, i);
        good = handler_buffer_add_text(body, before) &&
               handler_buffer_add(body, pieces->text.data + begin, pieces->ends[i] - begin) &&
               handler_buffer_add_text(body, format == HTTP_FORMAT_LINES ? "\n" : "");
    }
    return good && handler_buffer_add_text(body, array ? "]" : "");
}

const char *http_body_type(http_format format)
{
    static const char *const types[HTTP_FORMATS] = {
        "application/json", "application/json", "application/x-ndjson",
        "application/cloudevents+json", "application/cloudevents-batch+json"};
    return types[format];
}

static int name_event(const busbar_origin *origin, char *text, size_t size)
{
    return snprintf(text, size, "%.*s/%d/%lld", (int)origin->topic.size, origin->topic.data,
                    (int)origin->partition, (long long)origin->offset);
}

bool http_body_key(const busbar_host *host, busbar_event *const *events, uint32_t count,
                   char ret_key[320])
{
    char line[320], digest[HANDLER_SHA256_TEXT];
    handler_buffer lines = {.data = NULL};
    bool good = true;
    if (count == 1) {
        (void)name_event(host->origin(events[0]), ret_key, 320);
        return true;
    }
    for (uint32_t i = 0; good && i < count; i++) {
        int size = name_event(host->origin(events[i]), line, sizeof(line) - 1);
        line[size] = '\n';
        good = handler_buffer_add(&lines, line, (size_t)size + 1);
    }
    good = good && handler_sha256(lines.data, lines.size, digest);
    if (good)
        (void)snprintf(ret_key, 320, "%.32s", digest);
    handler_buffer_clear(&lines);
    return good;
}

#if HTTP_ZLIB
bool http_body_can_gzip(void)
{
    return true;
}

bool http_body_gzip(handler_buffer *body, handler_buffer *scratch)
{
    enum { GZIP = 16 }; /* added to the window: a gzip header around it */
    z_stream stream = {.next_in = (Bytef *)body->data, .avail_in = (uInt)body->size};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    scratch->size = 0;
    bool good = handler_buffer_reserve(scratch, deflateBound(&stream, (uLong)body->size));
    if (good) {
        stream.next_out = (Bytef *)scratch->data;
        stream.avail_out = (uInt)scratch->capacity;
        good = deflate(&stream, Z_FINISH) == Z_STREAM_END;
        scratch->size = stream.total_out;
    }
    (void)deflateEnd(&stream); /* what was written is in `scratch` */
    if (good) {
        handler_buffer plain = *body;
        *body = *scratch;
        *scratch = plain;
    }
    return good;
}
#else
bool http_body_can_gzip(void)
{
    return false;
}

bool http_body_gzip(handler_buffer *body, handler_buffer *scratch)
{
    (void)body;
    (void)scratch;
    return false;
}
#endif
