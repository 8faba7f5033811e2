/* Events into rows of objects, and flushes into objects of the bucket. */
#include "handle.h"

#include <stdlib.h>

#include "../handler_common/answer.h"
#include "../handler_common/certificates.h"
#include "../handler_common/config.h"
#include "store.h"

/* What one call of `handle` works on. */
typedef struct handling {
    s3_instance *self;
    busbar_call *call;
    const busbar_batch *batch;
    int32_t *verdicts;
    uint32_t index; /* of the event at hand */
    s3_fault fault;
} handling;

/* Offsets cannot be told apart where several lanes share a partition. */
static const char *check_order(const s3_settings *settings, const busbar_binding *binding)
{
    bool alone = binding->order == BUSBAR_ORDER_PARTITION ||
                 (binding->lanes == 1 && settings->format != S3_DELTA);
    if (!settings->exactly_once || alone)
        return NULL;
    return settings->format == S3_DELTA
               ? "a Delta table needs `consume: { order: partition }`: it remembers the last "
                 "offset of each partition, so a partition's records must come in order"
               : "each event once needs `consume: { order: partition }` or one lane "
                 "(`concurrency: 1`); for at least once say `exactly_once: false`";
}

static const char *read_configuration(s3_instance *self, busbar_call *call, busbar_bytes config)
{
    busbar_binding binding = {.struct_size = sizeof(binding)};
    self->host = call->host->get_extension(BUSBAR_STORAGE_EXTENSION);
    if (!self->host || !self->host->binding(call, &binding))
        return "this host has no extension " BUSBAR_STORAGE_EXTENSION "; update busbar";
    (void)snprintf(self->event, sizeof(self->event), "%.*s", (int)binding.event.size,
                   binding.event.data); /* names have at most 249 bytes */
    (void)snprintf(self->topic, sizeof(self->topic), "%.*s", (int)binding.topic.size,
                   binding.topic.data);
    self->lanes = binding.lanes;
    const char *problem = s3_settings_read(&self->settings, config.data, config.size, self->event,
                                           binding.contract.data, binding.contract.size);
    if (!problem)
        problem = check_order(&self->settings, &binding);
    if (!problem)
        problem = s3_rows_init(&self->rows, &self->settings, call, busbar_text(self->event));
    if (problem)
        return problem;
    for (size_t i = 0; i < self->settings.from_count; i++)
        self->dates[i] = busbar_field_of(call, self->settings.from[i]);
    self->objects.settings = &self->settings;
    self->client = s3_client_new(&self->settings, call->host, self->fault.text);
    if (!self->client)
        return self->fault.text;
    self->journal.make_empty = s3_rows_empty;
    self->journal.user = &self->rows;
    return s3_journal_init(&self->journal, &self->settings, self->client, &binding) &&
                   s3_delta_init(&self->delta, &self->settings, &self->rows.cells, self->client,
                                 &binding)
               ? NULL
               : "out of memory";
}

static bool is_delta(const s3_instance *self)
{
    return self->settings.format == S3_DELTA;
}

static bool look_at_server(s3_instance *self, busbar_call *call)
{
    if (!is_delta(self))
        return !self->settings.exactly_once || s3_journal_probe(&self->journal, &self->fault);
    return s3_journal_probe(&self->journal, &self->fault) &&
           s3_delta_open(&self->delta, call->host->wall_us() / 1000, &self->fault);
}

static int32_t set_up(s3_instance *self, busbar_call *call, busbar_bytes config)
{
    const char *problem = read_configuration(self, call, config);
    if (problem)
        return busbar_fail(call, BUSBAR_FATAL, "%s", problem);
    self->metric_rows = handler_counter(call, "s3_rows", "Rows in objects that are stored");
    self->metric_objects = handler_counter(call, "s3_objects", "Objects that were stored");
    self->metric_bytes = handler_counter(call, "s3_bytes", "Bytes of objects that were stored");
    self->metric_replayed =
        handler_counter(call, "s3_replayed", "Records that had been stored before");
    self->metric_repeated = handler_counter(call, "s3_repeated", "Requests that were sent again");
    self->metric_refused =
        handler_counter(call, "s3_refused", "Events that did not fit the columns");
    if (look_at_server(self, call)) {
        handler_certificates_warn(call, self->settings.tree, self->settings.endpoint);
        return BUSBAR_PASS;
    }
    if (self->fault.lasting)
        return busbar_fail(call, BUSBAR_FATAL, "S3: %s", self->fault.text);
    return busbar_unavailable(call, "S3: %s", self->fault.text);
}

int32_t s3_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    s3_instance *self = calloc(1, sizeof(*self));
    int32_t verdict =
        self ? set_up(self, call, config) : busbar_fail(call, BUSBAR_FATAL, "out of memory");
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        s3_close(self);
    return verdict;
}

void s3_close(void *instance)
{
    s3_instance *self = instance;
    if (!self)
        return;
    s3_objects_clear(&self->objects);
    s3_places_clear(&self->places);
    s3_journal_clear(&self->journal);
    s3_delta_clear(&self->delta);
    handler_buffer_clear(&self->scratch);
    s3_client_free(self->client);
    s3_rows_clear(&self->rows);
    s3_settings_clear(&self->settings);
    free(self);
}

static bool take_place(handling *at, s3_place *place, int64_t assignment, bool *ret_stale)
{
    s3_instance *self = at->self;
    if (is_delta(self))
        return s3_delta_take(&self->delta, place, assignment, &at->fault);
    return s3_journal_take(&self->journal, place, assignment, at->call->host->now_ms(), ret_stale,
                           &at->fault);
}

static bool has_objects(const s3_instance *self, int32_t partition)
{
    for (const s3_object *at = self->objects.list; at; at = at->next) {
        if (at->partition == partition)
            return true;
    }
    return false;
}

/* A partition that rests may go to another lane and come back: then more of it is finished than
 * this lane has seen, and what is stored is read again. */
static void look_again(s3_instance *self, s3_place *place, const busbar_position *position)
{
    if (position->finished_below <= place->seen)
        return;
    if (self->lanes > 1 && !has_objects(self, place->partition))
        place->taken = false;
    place->seen = position->finished_below;
}

/* The place of a record, ready to store. NULL with a verdict when the record is answered already,
 * without one after a fault. */
static s3_place *find_place(handling *at, const busbar_origin *origin)
{
    s3_instance *self = at->self;
    busbar_position position = {.struct_size = sizeof(position)};
    s3_place *place = s3_places_get(&self->places, origin->partition);
    bool stale = false;
    if (!place || !self->host->position(at->call, at->index, &position)) {
        s3_fault_set(&at->fault, false, "the record's position is not known");
        return NULL;
    }
    if (position.lost || position.assignment < place->assignment) {
        at->verdicts[at->index] = BUSBAR_PASS; /* it is read again, there or later */
        return NULL;
    }
    look_again(self, place, &position);
    if ((!place->taken || position.assignment > place->assignment) &&
        !take_place(at, place, position.assignment, &stale))
        return NULL;
    if (stale)
        at->verdicts[at->index] = BUSBAR_PASS; /* as above */
    else if (!place->taken)
        s3_fault_set(&at->fault, false, HANDLER_TAKEN_OVER);
    if (!place->taken)
        return NULL;
    place->finished_from = position.finished_from;
    place->finished_below = position.finished_below;
    return place;
}

static void pass_stored(handling *at, s3_place *place, const busbar_origin *origin)
{
    at->verdicts[at->index] =
        handler_pass_stored(at->call, origin, at->self->metric_replayed, &place->told,
                            "use another group or handler name");
}

/* The first member of `from` that has a date; "" where none has. */
static void find_date(handling *at, const busbar_event *event, char ret_date[S3_DATE_SIZE])
{
    const busbar_host *host = at->call->host;
    busbar_value value;
    ret_date[0] = '\0';
    for (size_t i = 0; i < at->self->settings.from_count; i++) {
        if (at->self->dates[i] >= 0 &&
            host->get(event, at->self->dates[i], &value) == BUSBAR_STRING &&
            s3_date_of(value.json.data, value.json.size, ret_date))
            return;
    }
}

static void refuse(handling *at, const char *column, const char *problem)
{
    char pointer[160];
    (void)snprintf(pointer, sizeof(pointer), "%s%.150s", column ? "/" : "", column ? column : "");
    at->call->host->record_metric(at->call, at->self->metric_refused, 1);
    at->verdicts[at->index] =
        at->call->host->fail(at->call, at->index, BUSBAR_REJECT, BUSBAR_SCOPE_RECORD,
                             busbar_text(pointer), busbar_text(problem));
}

/* A table remembers a last offset only: a record before it is either stored, or one that was
 * refused and whose dead letter may not have been written. */
static bool was_refused(handling *at, busbar_event *event)
{
    s3_instance *self = at->self;
    const char *column = NULL, *problem = NULL;
    self->scratch.size = 0;
    if (!is_delta(self) || s3_rows_add(&self->rows, at->call, event, &self->scratch, &column,
                                       &problem) != S3_ROW_REFUSED)
        return false;
    refuse(at, column, problem);
    return true;
}

/* Adds one event, or answers it. False after a fault that is not the event's. */
static bool add_row(handling *at)
{
    s3_instance *self = at->self;
    busbar_event *event = at->batch->events[at->index];
    const busbar_origin *origin = at->call->host->origin(event);
    const char *column = NULL, *problem = NULL;
    char date[S3_DATE_SIZE];
    if (self->settings.exactly_once) {
        s3_place *place = find_place(at, origin);
        if (!place)
            return at->verdicts[at->index] != 0;
        if (handler_ranges_has(&place->known, origin->offset)) {
            if (!was_refused(at, event))
                pass_stored(at, place, origin);
            return true;
        }
    }
    find_date(at, event, date);
    s3_object *object = s3_objects_get(&self->objects, origin->partition, date);
    int result = object ? s3_rows_add(&self->rows, at->call, event, &object->raw, &column, &problem)
                        : S3_ROW_NO_MEMORY;
    if (result == S3_ROW_REFUSED) {
        refuse(at, column, problem);
        return true;
    }
    if (result == S3_ROW_NO_MEMORY || !s3_objects_added(&self->objects, object, origin->offset)) {
        self->spoilt = true; /* a row may be there without its offset */
        s3_fault_set(&at->fault, false, "out of memory");
        return false;
    }
    at->verdicts[at->index] = BUSBAR_PASS;
    return true;
}

static void wait_rest(handling *at)
{
    char reason[900];
    (void)snprintf(reason, sizeof(reason), "S3: %s", at->fault.text);
    for (uint32_t i = at->index; i < at->batch->count; i++)
        at->verdicts[i] = handler_wait(at->call, i, reason);
}

int32_t s3_handle(void *instance, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    handling at = {.self = instance, .call = call, .batch = batch, .verdicts = verdicts};
    for (at.index = 0; at.index < batch->count && !at.self->spoilt; at.index++) {
        if (!add_row(&at))
            break;
    }
    if (at.index == batch->count)
        return BUSBAR_PASS;
    if (at.self->spoilt && !at.fault.text[0])
        s3_fault_set(&at.fault, false, "out of memory");
    /* nothing behind the first that waits is accepted, so the order stays */
    wait_rest(&at);
    return BUSBAR_PASS;
}

/* Puts one object that was announced. */
static bool put_object(s3_instance *self, busbar_call *call, const s3_object *object,
                       s3_fault *fault)
{
    s3_reply reply;
    int put = S3_PUT_DONE;
    if (self->settings.exactly_once || is_delta(self))
        put = s3_store_put(self->client, object->key, object->body.data, object->body.size,
                           self->settings.part_bytes, &reply);
    else if (!s3_store_replace(self->client, object->key, object->body.data, object->body.size,
                               &reply))
        put = S3_PUT_FAILED;
    if (put == S3_PUT_FAILED)
        s3_fault_reply(fault, &reply);
    if (put == S3_PUT_EXISTS)
        s3_fault_set(fault, false, "another worker has taken the partition over");
    if (put != S3_PUT_DONE)
        return false;
    call->host->record_metric(call, self->metric_objects, 1);
    call->host->record_metric(call, self->metric_rows, (double)object->rows);
    call->host->record_metric(call, self->metric_bytes, (double)object->body.size);
    return true;
}

static bool finish_bodies(s3_instance *self, s3_fault *fault)
{
    for (s3_object *at = self->objects.list; at; at = at->next) {
        const char *problem = s3_rows_finish(&self->rows, at);
        if (!problem)
            continue;
        s3_fault_set(fault, false, problem);
        return false;
    }
    return true;
}

/* Announces the objects of each partition. */
static bool announce(s3_instance *self, busbar_call *call, s3_fault *fault)
{
    const char *suffix = s3_rows_suffix(&self->rows);
    for (size_t i = 0; i < self->places.count && self->settings.exactly_once; i++) {
        s3_place *place = &self->places.list[i];
        if (has_objects(self, place->partition) &&
            !s3_journal_announce(&self->journal, place, self->objects.list, self->topic, suffix,
                                 call->host->now_ms(), fault))
            return false;
    }
    for (s3_object *at = self->objects.list; at && !self->settings.exactly_once; at = at->next) {
        if (s3_object_name(at, &self->settings, self->topic, 0, suffix))
            continue;
        s3_fault_set(fault, true, "the name of an object is too long: shorten `path`");
        return false;
    }
    return true;
}

static bool put_objects(s3_instance *self, busbar_call *call, s3_fault *fault)
{
    for (const s3_object *at = self->objects.list; at; at = at->next) {
        if (!put_object(self, call, at, fault))
            return false;
    }
    return true;
}

static bool store_files(s3_instance *self, busbar_call *call, s3_fault *fault)
{
    bool good = true;
    if (!announce(self, call, fault) || !put_objects(self, call, fault))
        return false;
    for (size_t i = 0; i < self->places.count; i++)
        good = s3_journal_stored(&self->places.list[i], self->objects.list) && good;
    if (!good)
        s3_places_forget(&self->places); /* out of memory: it is read again */
    return true;
}

static bool store_table(s3_instance *self, busbar_call *call, s3_fault *fault)
{
    s3_delta *delta = &self->delta;
    uint64_t every = self->settings.checkpoint_every;
    if (!s3_delta_name(delta, self->objects.list, self->topic, fault) ||
        !put_objects(self, call, fault) ||
        !s3_delta_commit(delta, &self->places, self->objects.list, call->host->wall_us() / 1000,
                         fault))
        return false;
    if (every && (uint64_t)delta->version % every == 0 && !s3_delta_checkpoint(delta, fault))
        busbar_log(call, BUSBAR_LOG_WARNING, "no checkpoint of version %lld: %s",
                   (long long)delta->version, fault->text);
    return true;
}

static bool store(s3_instance *self, busbar_call *call, s3_fault *fault)
{
    if (!self->objects.list)
        return true;
    return finish_bodies(self, fault) &&
           (is_delta(self) ? store_table(self, call, fault) : store_files(self, call, fault));
}

static void note_seen(s3_instance *self)
{
    for (const s3_object *at = self->objects.list; at; at = at->next) {
        s3_place *place = s3_places_get(&self->places, at->partition);
        const handler_ranges *offsets = &at->offsets;
        if (place && offsets->count && offsets->list[offsets->count - 1].last >= place->seen)
            place->seen = offsets->list[offsets->count - 1].last + 1;
    }
}

int32_t s3_flush(void *instance, busbar_call *call)
{
    s3_instance *self = instance;
    s3_fault fault = {false, "out of memory"};
    bool good = !self->spoilt && store(self, call, &fault);
    call->host->record_metric(call, self->metric_repeated,
                              (double)s3_client_repeated(self->client));
    if (good && self->settings.exactly_once)
        note_seen(self);
    s3_objects_reset(&self->objects);
    self->spoilt = false;
    if (good)
        return BUSBAR_PASS;
    s3_places_forget(&self->places);
    return busbar_unavailable(call, "S3: %s", fault.text);
}
