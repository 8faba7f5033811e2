/* The metadata of published events, in body or headers. */
#include "pipeline/metadata.h"

#include <string.h>

#include "base/text.h"
#include "contract/canonical.h"

#define NAME "_metadata"
#define BODY_HEAD "{\"produced_at\":\""

struct bb_metadata {
    char *producer;
    char *version;
    char *tail; /* of the body, behind the time */
    gsize tail_size;
    gint64 second;  /* that `stamp` begins with; G_MININT64: none yet */
    char stamp[32]; /* "YYYY-MM-DDTHH:MM:SS" and room for a fraction and "Z" */
    gsize stamp_size;
    busbar_header headers[BB_METADATA_HEADERS];
};

static char *make_tail(const bb_metadata *metadata)
{
    GString *tail = g_string_new("\",\"producer\":");
    bb_text_append_json(tail, metadata->producer, strlen(metadata->producer));
    g_string_append(tail, ",\"version\":");
    bb_text_append_json(tail, metadata->version, strlen(metadata->version));
    g_string_append_c(tail, '}');
    return g_string_free(tail, FALSE);
}

static busbar_header make_header(const char *name, const char *value)
{
    return (busbar_header){{name, strlen(name)}, {value, strlen(value)}};
}

bb_metadata *bb_metadata_new(const char *producer, const char *version)
{
    bb_metadata *metadata = g_new0(bb_metadata, 1);
    metadata->producer = g_strdup(producer ? producer : "busbar");
    metadata->version = g_strdup(version ? version : "1.0");
    metadata->tail = make_tail(metadata);
    metadata->tail_size = strlen(metadata->tail);
    metadata->second = G_MININT64;
    metadata->headers[0] = make_header("busbar.produced_at", "");
    metadata->headers[1] = make_header("busbar.producer", metadata->producer);
    metadata->headers[2] = make_header("busbar.version", metadata->version);
    return metadata;
}

void bb_metadata_free(bb_metadata *metadata)
{
    if (!metadata)
        return;
    g_free(metadata->producer);
    g_free(metadata->version);
    g_free(metadata->tail);
    g_free(metadata);
}

/* Brings `stamp` to `now_us`, without offset. Date and time of day are kept for the whole second:
 * breaking an instant down is what costs. */
static void update_stamp(bb_metadata *metadata, gint64 now_us)
{
    gint64 second = now_us / G_USEC_PER_SEC;
    guint micros = (guint)(now_us - second * G_USEC_PER_SEC);
    if (second != metadata->second || now_us < 0) {
        bb_instant_format_naive(second * G_USEC_PER_SEC, metadata->stamp);
        metadata->second = second;
    }
    metadata->stamp_size = 19;
    if (!micros)
        return;
    metadata->stamp[19] = '.';
    for (int i = 25; i >= 20; i--, micros /= 10)
        metadata->stamp[i] = (char)('0' + micros % 10);
    metadata->stamp_size = 26;
}

/* Appends the member. A member of this name that stands elsewhere goes: on the wire `_metadata` is
 * last. */
static void append_member(busbar_event *event, busbar_bytes json)
{
    static const busbar_bytes name = {NAME, sizeof(NAME) - 1};
    static const busbar_bytes quoted = {"\"" NAME "\"", sizeof(NAME) + 1};
    (void)bb_event_remove_name(event, name); /* usually there is none */
    bb_event_set_token(event, 0, json);      /* with token 0 always an edit of its own */
    event->edits[event->edit_count - 1].name = quoted;
}

void bb_metadata_put_body(bb_metadata *metadata, busbar_event *event, gint64 now_us)
{
    const gsize head_size = sizeof(BODY_HEAD) - 1;
    if (event->tokens[0].type != BB_OBJECT)
        return;
    update_stamp(metadata, now_us);
    gsize size = head_size + metadata->stamp_size + metadata->tail_size;
    char *body = bb_arena_alloc(event->arena, size);
    memcpy(body, BODY_HEAD, head_size);
    memcpy(body + head_size, metadata->stamp, metadata->stamp_size);
    memcpy(body + head_size + metadata->stamp_size, metadata->tail, metadata->tail_size);
    append_member(event, (busbar_bytes){body, size});
}

uint32_t bb_metadata_headers(bb_metadata *metadata, gint64 now_us,
                             const busbar_header **ret_headers)
{
    update_stamp(metadata, now_us);
    metadata->stamp[metadata->stamp_size] = 'Z';
    metadata->headers[0].value = (busbar_bytes){metadata->stamp, metadata->stamp_size + 1};
    *ret_headers = metadata->headers;
    return BB_METADATA_HEADERS;
}
