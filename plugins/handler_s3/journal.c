/* What has been stored of each partition, where objects are plain files of a directory. */
#include "journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store.h"

enum { HINT_EVERY = 64, TRIES = 20 };

s3_place *s3_places_get(s3_places *places, int32_t partition)
{
    for (size_t i = 0; i < places->count; i++) {
        if (places->list[i].partition == partition)
            return &places->list[i];
    }
    s3_place *list = realloc(places->list, (places->count + 1) * sizeof(*list));
    if (!list)
        return NULL;
    places->list = list;
    list[places->count] = (s3_place){
        .partition = partition, .assignment = -1, .finished_from = -1, .finished_below = -1};
    return &list[places->count++];
}

void s3_places_clear(s3_places *places)
{
    for (size_t i = 0; i < places->count; i++)
        handler_ranges_clear(&places->list[i].known);
    free(places->list);
    *places = (s3_places){0, NULL};
}

void s3_places_forget(s3_places *places)
{
    for (size_t i = 0; i < places->count; i++)
        places->list[i].taken = false;
}

/* A name as one part of a path: what is not plain becomes "=XX". */
static bool add_part(handler_buffer *out, busbar_bytes text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    bool good = handler_buffer_add_text(out, "/");
    for (size_t i = 0; good && i < text.size; i++) {
        char byte = text.data[i];
        good = byte && strchr(plain, byte)
                   ? handler_buffer_add(out, &byte, 1)
                   : handler_buffer_format(out, "=%02X", (unsigned)(unsigned char)byte);
    }
    return good;
}

bool s3_journal_init(s3_journal *journal, const s3_settings *settings, s3_client *client,
                     const busbar_binding *binding)
{
    handler_buffer folder = {.data = NULL};
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return false;
    (void)snprintf(journal->writer, sizeof(journal->writer), "%016" PRIx64, random);
    journal->settings = settings;
    journal->client = client;
    journal->process = strndup(binding->process.data, binding->process.size);
    bool good = journal->process && handler_buffer_format(&folder, "%s/_busbar", settings->path) &&
                add_part(&folder, binding->group) && add_part(&folder, binding->handler) &&
                add_part(&folder, binding->topic) && handler_buffer_add(&folder, "", 1);
    if (good)
        journal->folder = folder.data;
    else
        handler_buffer_clear(&folder);
    return good;
}

void s3_journal_clear(s3_journal *journal)
{
    free(journal->folder);
    free(journal->process);
    *journal = (s3_journal){.folder = NULL};
}

bool s3_journal_probe(s3_journal *journal, s3_fault *fault)
{
    char key[S3_KEY_MAX];
    s3_reply reply;
    (void)snprintf(key, sizeof(key), "%s/_probe", journal->folder);
    const s3_request request = {
        .method = "PUT", .key = key, .body = "{}\n", .size = 3, .if_absent = true};
    for (int i = 0; i < 2; i++) {
        if (s3_client_send(journal->client, &request, &reply))
            continue;
        if (reply.status == 412)
            return true;
        s3_fault_reply(fault, &reply);
        return false;
    }
    s3_fault_set(fault, true,
                 "the server ignores If-None-Match: it put an object where there was one, so what "
                 "is stored cannot be kept from being stored twice; use a server with conditional "
                 "puts, or say `exactly_once: false`");
    return false;
}

/* The name of an entry; `number` 0: of the hint where to begin to look. */
static void name_entry(const s3_journal *journal, const s3_place *place, uint64_t number,
                       char ret_key[S3_KEY_MAX])
{
    if (number)
        (void)snprintf(ret_key, S3_KEY_MAX, "%s/%05d/%020" PRIu64 ".json", journal->folder,
                       (int)place->partition, number);
    else
        (void)snprintf(ret_key, S3_KEY_MAX, "%s/%05d/_latest", journal->folder,
                       (int)place->partition);
}

/* Ranges as a list: first, last, first, last. NULL: out of memory. */
static json_t *list_of(const handler_ranges *ranges)
{
    json_t *list = json_array();
    bool good = list != NULL;
    for (size_t i = 0; good && i < ranges->count; i++)
        good = json_array_append_new(list, json_integer(ranges->list[i].first)) == 0 &&
               json_array_append_new(list, json_integer(ranges->list[i].last)) == 0;
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

/* Adds such a list. False: it is none, or memory is out. */
static bool add_list(handler_ranges *ranges, const json_t *list)
{
    size_t count = json_array_size(list);
    bool good = json_is_array(list) && count % 2 == 0;
    for (size_t i = 0; good && i < count; i += 2) {
        const json_t *first = json_array_get(list, i), *last = json_array_get(list, i + 1);
        good = json_is_integer(first) && json_is_integer(last) &&
               json_integer_value(first) <= json_integer_value(last) &&
               handler_ranges_add(ranges, json_integer_value(first), json_integer_value(last));
    }
    return good;
}

static bool note_number(const char *key, void *user)
{
    const char *name = strrchr(key, '/');
    char *end = NULL;
    uint64_t number = name ? strtoull(name + 1, &end, 10) : 0;
    if (number && strcmp(end, ".json") == 0)
        *(uint64_t *)user = number;
    return true;
}

/* The number of the last entry, 0 where there is none. */
static bool find_last(s3_journal *journal, const s3_place *place, uint64_t *ret_number,
                      s3_fault *fault)
{
    char key[S3_KEY_MAX], prefix[S3_KEY_MAX];
    s3_reply reply;
    *ret_number = 0;
    name_entry(journal, place, 0, key);
    if (s3_store_get(journal->client, key, &reply))
        *ret_number = strtoull(s3_client_answer(journal->client)->data, NULL, 10);
    else if (reply.status != 404) {
        s3_fault_reply(fault, &reply);
        return false;
    }
    (void)snprintf(prefix, sizeof(prefix), "%s/%05d/", journal->folder, (int)place->partition);
    key[0] = '\0';
    if (*ret_number)
        name_entry(journal, place, *ret_number, key);
    if (s3_store_list(journal->client, prefix, key, note_number, ret_number, &reply))
        return true;
    s3_fault_reply(fault, &reply);
    return false;
}

/* The owner of an entry is "process/assignment". */
static bool is_process(const s3_journal *journal, const char *owner, int64_t *ret_assignment)
{
    size_t size = strlen(journal->process);
    if (!owner || strncmp(owner, journal->process, size) != 0 || owner[size] != '/')
        return false;
    *ret_assignment = strtoll(owner + size + 1, NULL, 10);
    return true;
}

static json_t *read_entry(s3_journal *journal, const s3_place *place, uint64_t number,
                          s3_fault *fault)
{
    char key[S3_KEY_MAX];
    s3_reply reply;
    name_entry(journal, place, number, key);
    if (!s3_store_get(journal->client, key, &reply)) {
        s3_fault_reply(fault, &reply);
        return NULL;
    }
    const handler_buffer *text = s3_client_answer(journal->client);
    json_t *entry = json_loadb(text->data, text->size, 0, NULL);
    if (entry && json_is_array(json_object_get(entry, "stored")))
        return entry;
    json_decref(entry);
    fault->lasting = true;
    (void)snprintf(fault->text, sizeof(fault->text),
                   "%.700s is no entry of a journal; was it changed by hand?", key);
    return NULL;
}

/* Whether an object has its rows. One that is not there is made without rows, so that nobody who
 * announced it can still put it. */
static bool settle_object(s3_journal *journal, const char *key, bool *ret_there, s3_fault *fault)
{
    handler_buffer empty = {.data = NULL};
    s3_reply reply;
    bool good = journal->make_empty(journal->user, key, &empty);
    if (!good)
        s3_fault_set(fault, false, "out of memory");
    *ret_there = false;
    if (good && !s3_store_head(journal->client, key, &reply) && reply.status == 404) {
        int put = s3_store_put(journal->client, key, empty.data, empty.size, UINT64_MAX, &reply);
        good = put == S3_PUT_DONE ||
               (put == S3_PUT_EXISTS && s3_store_head(journal->client, key, &reply));
        *ret_there = put == S3_PUT_EXISTS && reply.length > (int64_t)empty.size;
    } else if (good) {
        good = reply.status == 200;
        *ret_there = reply.length > (int64_t)empty.size;
    }
    if (!good && fault->text[0] == '\0')
        s3_fault_reply(fault, &reply);
    handler_buffer_clear(&empty);
    return good;
}

/* Adds the offsets of an entry's objects that are there. */
static bool settle(s3_journal *journal, s3_place *place, const json_t *entry, s3_fault *fault)
{
    size_t i;
    json_t *object;
    bool there = true;
    if (!add_list(&place->known, json_object_get(entry, "stored"))) {
        s3_fault_set(fault, false, "out of memory, or the journal was changed by hand");
        return false;
    }
    json_array_foreach(json_object_get(entry, "objects"), i, object)
    {
        const char *key = json_string_value(json_object_get(object, "key"));
        if (!key || !settle_object(journal, key, &there, fault))
            return false;
        if (there && !add_list(&place->known, json_object_get(object, "offsets"))) {
            s3_fault_set(fault, false, "out of memory, or the journal was changed by hand");
            return false;
        }
    }
    return true;
}

static json_t *begin_entry(const s3_journal *journal, const s3_place *place)
{
    char owner[64];
    (void)snprintf(owner, sizeof(owner), "%s/%" PRId64, journal->process, place->assignment);
    json_t *stored = list_of(&place->known);
    return stored ? json_pack("{s:s,s:s,s:s,s:o,s:[]}", "busbar", "s3/1", "owner", owner, "writer",
                              journal->writer, "stored", stored, "objects")
                  : NULL;
}

/* Puts the place's next entry. */
static int put_entry(s3_journal *journal, s3_place *place, const json_t *entry, s3_fault *fault)
{
    char key[S3_KEY_MAX];
    s3_reply reply;
    char *text = entry ? json_dumps(entry, JSON_COMPACT) : NULL;
    if (!text) {
        s3_fault_set(fault, false, "out of memory");
        return S3_PUT_FAILED;
    }
    name_entry(journal, place, place->next, key);
    int put = s3_store_put(journal->client, key, text, strlen(text), UINT64_MAX, &reply);
    free(text);
    if (put == S3_PUT_FAILED)
        s3_fault_reply(fault, &reply);
    if (put != S3_PUT_DONE)
        return put;
    if (place->next % HINT_EVERY == 0) {
        char number[32];
        int size = snprintf(number, sizeof(number), "%" PRIu64 "\n", place->next);
        name_entry(journal, place, 0, key);
        (void)s3_store_replace(journal->client, key, number, (size_t)size,
                               &reply); /* only saves reading names */
    }
    place->next++;
    return put;
}

/* One look at the journal, and the entry that takes it. S3_PUT_EXISTS: somebody was faster. */
static int try_take(s3_journal *journal, s3_place *place, bool *ret_stale, s3_fault *fault)
{
    uint64_t last = 0;
    int64_t assignment = 0;
    fault->text[0] = '\0';
    handler_ranges_reset(&place->known);
    if (!find_last(journal, place, &last, fault))
        return S3_PUT_FAILED;
    json_t *found = last ? read_entry(journal, place, last, fault) : NULL;
    if (last && !found)
        return S3_PUT_FAILED;
    bool mine =
        is_process(journal, json_string_value(json_object_get(found, "owner")), &assignment);
    *ret_stale = mine && assignment > place->assignment;
    bool good = !found || *ret_stale || settle(journal, place, found, fault);
    json_decref(found);
    if (!good)
        return S3_PUT_FAILED;
    if (*ret_stale)
        return S3_PUT_DONE;
    place->next = last + 1;
    json_t *entry = begin_entry(journal, place);
    int put = put_entry(journal, place, entry, fault);
    json_decref(entry);
    return put;
}

bool s3_journal_take(s3_journal *journal, s3_place *place, int64_t assignment, int64_t now_ms,
                     bool *ret_stale, s3_fault *fault)
{
    if (assignment != place->assignment) {
        place->wait_ms = 0;
        place->told = false;
    }
    place->assignment = assignment;
    place->taken = false;
    *ret_stale = false;
    if (now_ms < place->wait_ms)
        return true;
    for (int i = 0; i < TRIES; i++) {
        int put = try_take(journal, place, ret_stale, fault);
        if (put == S3_PUT_EXISTS)
            continue;
        place->taken = put == S3_PUT_DONE && !*ret_stale;
        return put == S3_PUT_DONE;
    }
    s3_fault_set(fault, false, "other workers write to the journal all the time");
    return false;
}

static bool add_object(json_t *list, const s3_object *object)
{
    json_t *offsets = list_of(&object->offsets);
    return offsets && json_array_append_new(list, json_pack("{s:s,s:o}", "key", object->key,
                                                            "offsets", offsets)) == 0;
}

static json_t *write_entry(s3_journal *journal, s3_place *place, s3_object *objects,
                           const char *topic, const char *suffix, s3_fault *fault)
{
    if (place->finished_below > place->finished_from &&
        !handler_ranges_add(&place->known, place->finished_from, place->finished_below - 1))
        return NULL;
    json_t *entry = begin_entry(journal, place);
    bool good = entry != NULL;
    for (s3_object *at = objects; good && at; at = at->next) {
        if (at->partition != place->partition)
            continue;
        good = s3_object_name(at, journal->settings, topic, place->next, suffix);
        if (!good)
            s3_fault_set(fault, true, "the name of an object is too long: shorten `path`");
        good = good && add_object(json_object_get(entry, "objects"), at);
    }
    if (good)
        return entry;
    json_decref(entry);
    return NULL;
}

/* Somebody else's entry stands where ours was to be. */
static void give_way(s3_journal *journal, s3_place *place, int64_t now_ms, s3_fault *fault)
{
    s3_fault ignored;
    int64_t assignment = 0;
    json_t *entry = read_entry(journal, place, place->next, &ignored);
    bool mine =
        is_process(journal, json_string_value(json_object_get(entry, "owner")), &assignment) &&
        assignment == place->assignment;
    json_decref(entry);
    place->taken = false;
    if (!mine)
        place->wait_ms = now_ms + journal->settings->takeover_ms;
    fault->lasting = false;
    (void)snprintf(fault->text, sizeof(fault->text),
                   "partition %d was taken over by another %s: nothing was stored",
                   (int)place->partition, mine ? "lane" : "worker");
}

bool s3_journal_announce(s3_journal *journal, s3_place *place, s3_object *objects,
                         const char *topic, const char *suffix, int64_t now_ms, s3_fault *fault)
{
    s3_fault_set(fault, false, "out of memory");
    json_t *entry = write_entry(journal, place, objects, topic, suffix, fault);
    int put = entry ? put_entry(journal, place, entry, fault) : S3_PUT_FAILED;
    json_decref(entry);
    if (put == S3_PUT_EXISTS)
        give_way(journal, place, now_ms, fault);
    return put == S3_PUT_DONE;
}

bool s3_journal_stored(s3_place *place, const s3_object *objects)
{
    for (const s3_object *at = objects; at; at = at->next) {
        if (at->partition == place->partition &&
            !handler_ranges_add_all(&place->known, &at->offsets))
            return false;
    }
    return true;
}
