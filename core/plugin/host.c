/* The table of services that every plugin gets. */
#include "plugin/host.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "plugin/registry.h"

#define REASON_MAX 1000
#define ALLOC_MAX (64u * 1024 * 1024)

/* Size of `text` cut to at most `limit` bytes, not inside a UTF-8 character. */
static size_t cut(busbar_bytes text, size_t limit)
{
    if (text.size <= limit)
        return text.size;
    size_t size = limit;
    while (size && ((unsigned char)text.data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

/* A copy on one line: what a plugin says must not forge lines of the log. */
static char *one_line(bb_arena *arena, busbar_bytes text)
{
    size_t size = text.data ? cut(text, REASON_MAX) : 0;
    char *copy = bb_arena_copy(arena, text.data, size);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
            copy[i] = ' ';
    }
    return copy;
}

/* " topic/partition@offset" of the only event in hand, or "". */
static void describe_place(const bb_call *call, char *out, size_t out_size)
{
    out[0] = '\0';
    if (!call->events || call->statement_count != 1 || !call->events[0]->origin)
        return;
    const busbar_origin *origin = call->events[0]->origin;
    if (origin->offset >= 0)
        g_snprintf(out, out_size, " %.*s/%d@%" G_GINT64_FORMAT, (int)MIN(origin->topic.size, 249),
                   origin->topic.data, origin->partition, origin->offset);
}

static void write_log(busbar_call *call, int32_t level, busbar_bytes text)
{
    const bb_call *own = bb_call_of(call);
    char place[320];
    describe_place(own, place, sizeof(place));
    level = CLAMP(level, BUSBAR_LOG_ERROR, BUSBAR_LOG_DEBUG);
    bb_log(level, "%s%s%s%s: %s", own->who, own->type ? " " : "",
           own->type ? own->type->full_name : "", place, one_line(own->scratch, text));
}

static int32_t fail(busbar_call *call, uint32_t index, int32_t verdict, uint32_t scope,
                    busbar_bytes pointer, busbar_bytes text)
{
    bb_call *own = bb_call_of(call);
    if (own->statements && index < own->statement_count)
        own->statements[index] =
            (bb_statement){verdict, scope ? scope : (uint32_t)BUSBAR_SCOPE_RECORD,
                           one_line(own->scratch, pointer), one_line(own->scratch, text)};
    return verdict;
}

/* States `verdict` for every event for which nothing was stated yet: a failed `emit` is not tied to
 * one of them. */
static int32_t fail_all(busbar_call *call, int32_t verdict, uint32_t scope, const char *text)
{
    bb_call *own = bb_call_of(call);
    for (uint32_t i = 0; i < own->statement_count; i++) {
        if (own->statements && !own->statements[i].verdict)
            fail(call, i, verdict, scope, busbar_text(NULL), busbar_text(text));
    }
    return verdict;
}

static int32_t emit(busbar_call *call, const busbar_record *record)
{
    bb_emitter *emitter = bb_call_of(call)->emitter;
    if (call->stage != BUSBAR_STAGE_HANDLE && call->stage != BUSBAR_STAGE_SINK &&
        call->stage != BUSBAR_STAGE_FLUSH)
        return fail_all(call, BUSBAR_FATAL, BUSBAR_SCOPE_RECORD,
                        "the plugin called emit outside of handle and flush");
    if (!emitter)
        return fail_all(call, BUSBAR_FATAL, BUSBAR_SCOPE_RECORD,
                        "the plugin called emit, and this host has no Kafka to send to here");
    if (!record->topic.data || !record->topic.size)
        return fail_all(call, BUSBAR_FATAL, BUSBAR_SCOPE_RECORD,
                        "the plugin called emit with a record that names no topic");
    g_autofree char *reason = NULL;
    int32_t verdict = emitter->send(emitter, record, &reason);
    if (verdict == BUSBAR_PASS)
        return verdict;
    uint32_t scope = verdict == BUSBAR_RETRY ? BUSBAR_SCOPE_INFRASTRUCTURE : BUSBAR_SCOPE_RECORD;
    return fail_all(call, verdict, scope, reason ? reason : "the record could not be sent");
}

static void *alloc(busbar_call *call, size_t size_bytes)
{
    return size_bytes <= ALLOC_MAX ? bb_arena_alloc(bb_call_of(call)->scratch, size_bytes) : NULL;
}

static char *labels_of(const bb_call *call)
{
    if (!call->type)
        return g_strdup_printf("plugin=\"%s\"", call->who);
    return g_strdup_printf("plugin=\"%s\",event=\"%s\"", call->who, call->type->full_name);
}

static int32_t metric(busbar_call *call, uint32_t kind, busbar_bytes name, busbar_bytes help)
{
    const bb_call *own = bb_call_of(call);
    if (!own->metrics || !name.size || name.size > 100)
        return -1;
    for (size_t i = 0; i < name.size; i++) {
        if (!g_ascii_islower(name.data[i]) && name.data[i] != '_')
            return -1;
    }
    g_autofree char *full = g_strdup_printf("busbar_plugin_%.*s", (int)name.size, name.data);
    g_autofree char *labels = labels_of(own);
    const char *line = one_line(own->scratch, help);
    return bb_metric_number(bb_metrics_get(own->metrics, kind, full, labels, line));
}

static void record_metric(busbar_call *call, int32_t number, double value)
{
    const bb_call *own = bb_call_of(call);
    if (own->metrics)
        bb_metric_record(bb_metrics_at(own->metrics, number), value);
}

static busbar_bytes event_name(busbar_call *call)
{
    const bb_event_type *type = bb_call_of(call)->type;
    return busbar_text(type ? type->full_name : NULL);
}

static const busbar_source_v1 source_extension = {
    .struct_size = sizeof(busbar_source_v1),
    .reserved = 0,
    .event_name = event_name,
};

static const void *get_extension(const char *id)
{
    if (id && strcmp(id, BUSBAR_JSON_EXTENSION) == 0)
        return &bb_json_extension;
    if (id && strcmp(id, BUSBAR_STORAGE_EXTENSION) == 0)
        return &bb_storage_extension;
    return id && strcmp(id, BUSBAR_SOURCE_EXTENSION) == 0 ? &source_extension : NULL;
}

const busbar_host *bb_host_table(void)
{
    static const busbar_host table = {
        .struct_size = sizeof(busbar_host),
        .abi_major = BUSBAR_ABI_MAJOR,
        .abi_minor = BUSBAR_ABI_MINOR,
        .version = BB_VERSION,
        .log = write_log,
        .fail = fail,
        .field = bb_host_field,
        .get = bb_host_get,
        .get_original = bb_host_get_original,
        .find = bb_host_find,
        .text = bb_host_text,
        .integer = bb_host_integer,
        .number = bb_host_number,
        .set_json = bb_host_set_json,
        .set_text = bb_host_set_text,
        .json = bb_host_json,
        .origin = bb_host_origin,
        .emit = emit,
        .now_ms = bb_clock_monotonic_ms,
        .wall_us = bb_clock_wall_us,
        .alloc = alloc,
        .metric = metric,
        .record_metric = record_metric,
        .get_extension = get_extension,
    };
    return &table;
}
