/* A record as a line: JSON or CSV.
 *
 * Keys and values are bytes. Those that are UTF-8 stand as text, others as base64, and each line
 * says which, so that nothing is lost and nothing has to be guessed. */
#include "app/extract_row.h"

#include <string.h>

#include "app/extract_event.h"
#include "base/text.h"

struct bb_row_writer {
    bb_row_form form;
    bb_extract_events *events;
    const bb_slot_name *slots;
    uint32_t slot_count; /* 0: no fields */
};

static const char csv_head[] = "key,value,topic,partition,offset,timestamp,timestamp_type,"
                               "key_encoding,value_encoding";

bb_row_writer *bb_row_writer_new(bb_row_form form, const bb_event_type *fields)
{
    bb_row_writer *writer = g_new0(bb_row_writer, 1);
    writer->form = form;
    writer->events = bb_extract_events_new(fields);
    writer->slots = bb_extract_events_slots(writer->events, &writer->slot_count);
    return writer;
}

void bb_row_writer_free(bb_row_writer *writer)
{
    if (!writer)
        return;
    bb_extract_events_free(writer->events);
    g_free(writer);
}

/* In quotes where it has to be, and where it is empty: an empty cell without quotes is null. */
static void add_cell(GString *out, const char *text, gsize size)
{
    gboolean quoted = size == 0;
    for (gsize i = 0; i < size && !quoted; i++)
        quoted = memchr(",\"\r\n", text[i], 4) != NULL;
    if (!quoted) {
        g_string_append_len(out, text, (gssize)size);
        return;
    }
    g_string_append_c(out, '"');
    for (gsize i = 0; i < size; i++) {
        if (text[i] == '"')
            g_string_append_c(out, '"');
        g_string_append_c(out, text[i]);
    }
    g_string_append_c(out, '"');
}

void bb_row_writer_head(const bb_row_writer *writer, GString *out)
{
    if (writer->form != BB_ROW_CSV)
        return;
    g_string_append(out, csv_head);
    for (uint32_t i = 0; i < writer->slot_count; i++) {
        const busbar_bytes *slot = &writer->slots[i].name;
        g_autofree char *name = g_strdup_printf("value.%.*s", (int)slot->size, slot->data);
        g_string_append_c(out, ',');
        add_cell(out, name, strlen(name));
    }
    g_string_append_c(out, '\n');
}

static gboolean is_text(const void *bytes, gsize size)
{
    return g_utf8_validate_len(bytes ? bytes : "", size, NULL);
}

static void add_json_bytes(GString *out, const char *name, const void *bytes, gsize size)
{
    if (!bytes) {
        g_string_append_printf(out, "\"%s\":null", name);
    } else if (is_text(bytes, size)) {
        g_string_append_printf(out, "\"%s\":", name);
        bb_text_append_json(out, bytes, size);
    } else {
        g_autofree char *text = g_base64_encode(bytes, size);
        g_string_append_printf(out, "\"%s_base64\":\"%s\"", name, text);
    }
}

/* Line ends of a JSON text stand between its tokens only. */
static void add_on_one_line(GString *out, busbar_bytes json)
{
    gsize from = out->len;
    g_string_append_len(out, json.data, (gssize)json.size);
    for (gsize i = from; i < out->len; i++) {
        if (out->str[i] == '\n' || out->str[i] == '\r')
            out->str[i] = ' ';
    }
}

static void add_json_fields(bb_row_writer *writer, GString *out, const rd_kafka_message_t *message)
{
    busbar_event event;
    busbar_value value;
    const char *between = "";
    g_string_append(out, ",\"fields\":");
    if (!bb_extract_events_read(writer->events, message, &event)) {
        g_string_append(out, "null");
        return;
    }
    g_string_append_c(out, '{');
    for (uint32_t i = 0; i < writer->slot_count; i++) {
        uint32_t type = bb_event_get_original(&event, i, &value);
        if (type == BUSBAR_ABSENT)
            continue;
        g_string_append(out, between);
        g_string_append_len(out, writer->slots[i].quoted.data,
                            (gssize)writer->slots[i].quoted.size);
        g_string_append(out, type == BUSBAR_STRING ? ":\"" : ":");
        add_on_one_line(out, value.json);
        g_string_append(out, type == BUSBAR_STRING ? "\"" : "");
        between = ",";
    }
    g_string_append_c(out, '}');
}

static void add_json(bb_row_writer *writer, GString *out, const rd_kafka_message_t *message)
{
    const char *kind;
    gint64 time_ms = bb_extract_time(message, &kind);
    g_string_append_c(out, '{');
    add_json_bytes(out, "key", message->key, message->key_len);
    g_string_append_c(out, ',');
    add_json_bytes(out, "value", message->payload, message->len);
    g_string_append_printf(out,
                           ",\"topic\":\"%s\",\"partition\":%d,\"offset\":%" G_GINT64_FORMAT
                           ",\"timestamp\":%" G_GINT64_FORMAT ",\"timestamp_type\":\"%s\"",
                           rd_kafka_topic_name(message->rkt), message->partition, message->offset,
                           time_ms, kind);
    if (writer->slot_count)
        add_json_fields(writer, out, message);
    g_string_append(out, "}\n");
}

/* Returns the word for how it stands there; "" for null. */
static const char *add_csv_bytes(GString *out, const void *bytes, gsize size)
{
    if (!bytes)
        return "";
    if (is_text(bytes, size)) {
        add_cell(out, bytes, size);
        return "text";
    }
    g_autofree char *text = g_base64_encode(bytes, size);
    g_string_append(out, text);
    return "base64";
}

static void add_csv_fields(bb_row_writer *writer, GString *out, const rd_kafka_message_t *message)
{
    busbar_event event;
    busbar_value value;
    busbar_bytes text;
    gboolean good = bb_extract_events_read(writer->events, message, &event);
    for (uint32_t i = 0; i < writer->slot_count; i++) {
        g_string_append_c(out, ',');
        uint32_t type = good ? bb_event_get_original(&event, i, &value) : BUSBAR_ABSENT;
        if (type == BUSBAR_STRING && bb_event_text(&event, &value, &text))
            add_cell(out, text.data, text.size);
        else if (type > BUSBAR_NULL)
            add_cell(out, value.json.data, value.json.size);
    }
}

static void add_csv(bb_row_writer *writer, GString *out, const rd_kafka_message_t *message)
{
    const char *kind;
    gint64 time_ms = bb_extract_time(message, &kind);
    const char *key = add_csv_bytes(out, message->key, message->key_len);
    g_string_append_c(out, ',');
    const char *value = add_csv_bytes(out, message->payload, message->len);
    g_string_append_printf(out, ",%s,%d,%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%s,%s,%s",
                           rd_kafka_topic_name(message->rkt), message->partition, message->offset,
                           time_ms, kind, key, value);
    add_csv_fields(writer, out, message);
    g_string_append_c(out, '\n');
}

void bb_row_writer_add(bb_row_writer *writer, GString *out, const rd_kafka_message_t *message)
{
    if (writer->form == BB_ROW_CSV)
        add_csv(writer, out, message);
    else
        add_json(writer, out, message);
}
