/* Commits to a Delta table. */
#include "delta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "delta_actions.h"
#include "store.h"

enum { TRIES = 100 };

bool s3_delta_init(s3_delta *delta, const s3_settings *settings, const s3_cells *cells,
                   s3_client *client, const busbar_binding *binding)
{
    handler_buffer name = {.data = NULL};
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return false;
    *delta = (s3_delta){.settings = settings, .cells = cells, .client = client, .version = -1};
    (void)snprintf(delta->writer, sizeof(delta->writer), "%016" PRIx64, random);
    bool good = handler_buffer_format(&name, "busbar/%.*s/%.*s/%.*s/", (int)binding->group.size,
                                      binding->group.data, (int)binding->handler.size,
                                      binding->handler.data, (int)binding->topic.size,
                                      binding->topic.data) &&
                handler_buffer_add(&name, "", 1);
    delta->application = name.data; /* freed even where it is cut */
    return good;
}

void s3_delta_clear(s3_delta *delta)
{
    free(delta->application);
    free(delta->txns);
    json_decref(delta->protocol);
    json_decref(delta->metadata);
    *delta = (s3_delta){.version = -1};
}

/* Puts the commit that follows. */
static int put_commit(s3_delta *delta, const handler_buffer *lines, s3_fault *fault)
{
    char name[40], key[S3_KEY_MAX];
    s3_reply reply;
    (void)snprintf(name, sizeof(name), "%020" PRId64 ".json", delta->version + 1);
    s3_delta_name_log(delta, name, key);
    int put = s3_store_put(delta->client, key, lines->data, lines->size, UINT64_MAX, &reply);
    if (put == S3_PUT_FAILED)
        s3_fault_reply(fault, &reply);
    return put;
}

static bool create(s3_delta *delta, int64_t now_ms, s3_fault *fault)
{
    handler_buffer lines = {.data = NULL};
    int put = S3_PUT_FAILED;
    s3_fault_set(fault, false, "out of memory");
    if (s3_delta_add_creation(&lines, delta, now_ms))
        put = put_commit(delta, &lines, fault);
    handler_buffer_clear(&lines);
    return put != S3_PUT_FAILED && s3_delta_refresh(delta, fault); /* whoever made it */
}

bool s3_delta_open(s3_delta *delta, int64_t now_ms, s3_fault *fault)
{
    char text[512];
    if (!s3_delta_refresh(delta, fault) || (delta->version < 0 && !create(delta, now_ms, fault)))
        return false;
    const char *problem = s3_delta_check(delta, text);
    if (problem)
        s3_fault_set(fault, true, problem);
    return !problem;
}

bool s3_delta_take(s3_delta *delta, s3_place *place, int64_t assignment, s3_fault *fault)
{
    if (assignment != place->assignment)
        place->told = false;
    place->assignment = assignment;
    place->taken = false;
    if (!s3_delta_refresh(delta, fault))
        return false;
    place->base = s3_delta_offset(delta, place->partition);
    handler_ranges_reset(&place->known);
    if (place->base >= 0 && !handler_ranges_add(&place->known, 0, place->base)) {
        s3_fault_set(fault, false, "out of memory");
        return false;
    }
    place->taken = true;
    return true;
}

bool s3_delta_name(s3_delta *delta, s3_object *objects, const char *topic, s3_fault *fault)
{
    char suffix[80];
    for (s3_object *at = objects; at; at = at->next) {
        (void)snprintf(suffix, sizeof(suffix), "-%s-%06" PRIu64 ".parquet", delta->writer,
                       ++delta->files);
        if (s3_object_name(at, delta->settings, topic, 0, suffix))
            continue;
        s3_fault_set(fault, true, "the name of an object is too long: shorten `path`");
        return false;
    }
    return true;
}

/* The last offset of the partition's objects; -1: it has none. */
static int64_t last_offset(const s3_object *objects, int32_t partition)
{
    int64_t last = -1;
    for (const s3_object *at = objects; at; at = at->next) {
        const handler_ranges *offsets = &at->offsets;
        if (at->partition == partition && offsets->count &&
            offsets->list[offsets->count - 1].last > last)
            last = offsets->list[offsets->count - 1].last;
    }
    return last;
}

static bool write_lines(s3_delta *delta, const s3_places *places, const s3_object *objects,
                        int64_t now_ms, handler_buffer *out)
{
    bool good = s3_delta_add_info(out, false, now_ms);
    for (size_t i = 0; good && i < places->count; i++) {
        int32_t partition = places->list[i].partition;
        int64_t last = last_offset(objects, partition);
        good = last < 0 || s3_delta_add_txn(out, delta, partition, last, now_ms);
    }
    for (const s3_object *at = objects; good && at; at = at->next)
        good = s3_delta_add_file(out, delta, at, now_ms);
    return good;
}

/* Others have committed: whether that leaves ours as it is. */
static bool still_stands(s3_delta *delta, s3_places *places, const s3_object *objects,
                         s3_fault *fault)
{
    char text[512];
    const char *problem = s3_delta_check(delta, text);
    if (problem) {
        s3_fault_set(fault, true, problem);
        return false;
    }
    for (size_t i = 0; i < places->count; i++) {
        s3_place *place = &places->list[i];
        if (last_offset(objects, place->partition) < 0 ||
            s3_delta_offset(delta, place->partition) == place->base)
            continue;
        fault->lasting = false;
        (void)snprintf(fault->text, sizeof(fault->text),
                       "partition %d was taken over by another worker: nothing was stored",
                       (int)place->partition);
        return false;
    }
    return true;
}

static void note_commit(s3_delta *delta, s3_places *places, const s3_object *objects,
                        const handler_buffer *lines)
{
    size_t from = 0;
    for (size_t i = 0; i < lines->size; i++) {
        if (lines->data[i] != '\n')
            continue;
        (void)s3_delta_apply(delta, lines->data + from, i - from); /* they are ours */
        from = i + 1;
    }
    delta->version++;
    for (size_t i = 0; i < places->count; i++) {
        s3_place *place = &places->list[i];
        int64_t last = last_offset(objects, place->partition);
        if (last < 0)
            continue;
        place->base = last;
        place->taken = handler_ranges_add(&place->known, 0, last); /* else it is read again */
    }
}

bool s3_delta_commit(s3_delta *delta, s3_places *places, const s3_object *objects, int64_t now_ms,
                     s3_fault *fault)
{
    handler_buffer lines = {.data = NULL};
    s3_fault_set(fault, false, "out of memory");
    bool good = write_lines(delta, places, objects, now_ms, &lines);
    int put = S3_PUT_FAILED;
    for (int i = 0; good && i < TRIES; i++) {
        put = put_commit(delta, &lines, fault);
        if (put != S3_PUT_EXISTS)
            break;
        good = s3_delta_refresh(delta, fault) && still_stands(delta, places, objects, fault);
    }
    if (put == S3_PUT_DONE)
        note_commit(delta, places, objects, &lines);
    else if (put == S3_PUT_EXISTS && good)
        s3_fault_set(fault, false, "other writers commit to the Delta table all the time");
    handler_buffer_clear(&lines);
    return put == S3_PUT_DONE;
}
