/* Events into rows, and flushes into batches. */
#include "handle.h"

#include <stdlib.h>

#include "../handler_common/answer.h"
#include "../handler_common/certificates.h"
#include "../handler_common/config.h"

/* What one call of `handle` works on. */
typedef struct handling {
    ch_instance *self;
    busbar_call *call;
    const busbar_batch *batch;
    int32_t *verdicts;
    uint32_t index; /* of the event at hand */
    bool away;      /* no partition can be taken: it is not tried for each event */
    ch_fault fault;
} handling;

static void register_metrics(ch_instance *self, busbar_call *call)
{
    self->metric_rows = handler_counter(call, "clickhouse_rows", "Rows that were inserted");
    self->metric_replayed =
        handler_counter(call, "clickhouse_replayed", "Records that had been stored before");
    self->metric_refused =
        handler_counter(call, "clickhouse_refused", "Rows that did not fit the table");
    self->metric_failed =
        handler_counter(call, "clickhouse_failed", "Flushes that were given up and come again");
    self->metric_uncertain = handler_counter(
        call, "clickhouse_uncertain", "Batches repeated beyond the table's deduplication window");
}

/* Room for a fault in words. */
enum { SAID_SIZE = 700 };

static const char *say(const ch_fault *fault, char ret_text[SAID_SIZE])
{
    char code[32] = "";
    if (fault->code)
        (void)snprintf(code, sizeof(code), " (code %d)", fault->code);
    (void)snprintf(ret_text, SAID_SIZE, "ClickHouse: %s%s", fault->text, code);
    return ret_text;
}

static int32_t fail_open(busbar_call *call, const ch_fault *fault)
{
    char said[SAID_SIZE];
    if (fault->kind == CH_FAULT_PASSING)
        return busbar_unavailable(call, "%s", say(fault, said));
    return busbar_fail(call, BUSBAR_FATAL, "%s", say(fault, said));
}

/* More than the table gives is not claimed. */
static bool check_window(const ch_instance *self, ch_fault *fault)
{
    const ch_settings *settings = &self->settings;
    if (!settings->exactly_once || self->table.window > 0)
        return true;
    const char *setting = self->table.replicated ? "replicated_deduplication_window"
                                                 : "non_replicated_deduplication_window";
    if (strstr(self->table.engine, "MergeTree"))
        ch_fault_set(
            fault, CH_FAULT_LASTING,
            "table %s.%s does not know an insert again, so each event once cannot be "
            "had: ALTER TABLE %s.%s MODIFY SETTING %s = %lld, or say `exactly_once: false`",
            settings->database, settings->table, settings->database, settings->table, setting,
            (long long)settings->deduplication_window);
    else
        ch_fault_set(fault, CH_FAULT_LASTING,
                     "table %s.%s has engine %s, which does not know an insert again: use one of "
                     "the MergeTree family, or say `exactly_once: false`",
                     settings->database, settings->table, self->table.engine);
    return false;
}

static bool check_batches_table(ch_instance *self, ch_fault *fault)
{
    const ch_settings *settings = &self->settings;
    ch_table table;
    bool good =
        ch_table_read(&table, self->client, settings->database, settings->batches_table, fault);
    bool exists = table.exists;
    ch_table_clear(&table);
    if (good && !exists)
        ch_fault_set(fault, CH_FAULT_LASTING,
                     "there is no table %s.%s; `busbar storage apply` makes it", settings->database,
                     settings->batches_table);
    return good && exists;
}

/* The mapping for the table as it is now. */
static bool map_table(ch_instance *self, ch_fault *fault)
{
    const ch_settings *settings = &self->settings;
    self->mapped = false;
    ch_table_clear(&self->table);
    ch_mapping_clear(&self->mapping);
    if (!ch_table_read(&self->table, self->client, settings->database, settings->table, fault))
        return false;
    if (!self->table.exists) {
        ch_fault_set(fault, CH_FAULT_LASTING,
                     "there is no table %s.%s; `busbar storage apply` makes it", settings->database,
                     settings->table);
        return false;
    }
    self->mapped = check_window(self, fault) &&
                   ch_mapping_make(&self->mapping, settings, &self->members, &self->table, fault);
    if (self->mapped && !ch_store_set_columns(&self->store)) {
        ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
        self->mapped = false;
    }
    return self->mapped;
}

/* A copy that lasts as long as the instance. */
static busbar_bytes keep(ch_instance *self, busbar_bytes text)
{
    size_t at = self->names.size;
    bool good = handler_buffer_add(&self->names, text.data, text.size);
    return (busbar_bytes){self->names.data + at, good ? text.size : 0};
}

static bool keep_names(ch_instance *self, const busbar_binding *binding)
{
    if (!handler_buffer_reserve(&self->names, binding->group.size + binding->topic.size +
                                                  binding->handler.size + 1))
        return false; /* reserved at once, so that the texts do not move */
    self->store.group = keep(self, binding->group);
    self->store.topic = keep(self, binding->topic);
    self->store.handler = keep(self, binding->handler);
    return true;
}

static int32_t read_configuration(ch_instance *self, busbar_call *call, busbar_bytes config)
{
    busbar_binding binding = {.struct_size = sizeof(binding)};
    ch_fault fault = {.kind = CH_FAULT_NONE};
    self->host = call->host->get_extension(BUSBAR_STORAGE_EXTENSION);
    if (!self->host || !self->host->binding(call, &binding))
        return busbar_fail(call, BUSBAR_FATAL,
                           "this host has no extension " BUSBAR_STORAGE_EXTENSION
                           "; update busbar");
    const char *problem =
        ch_settings_read(&self->settings, config.data, config.size, binding.event.data,
                         binding.event.size, binding.contract.data, binding.contract.size);
    if (problem)
        return busbar_fail(call, BUSBAR_FATAL, "%s", problem);
    self->client = ch_client_new(&self->settings, &fault);
    if (!self->client)
        return fail_open(call, &fault);
    self->store = (ch_store){.settings = &self->settings,
                             .client = self->client,
                             .journal = self->settings.exactly_once ? &self->journal : NULL,
                             .places = &self->places,
                             .mapping = &self->mapping,
                             .compressor = ch_compressor_new(self->settings.compression)};
    if (!self->store.compressor || !keep_names(self, &binding) ||
        !handler_members_read(&self->members, call, self->settings.contract) ||
        !ch_journal_init(&self->journal, self->client, &self->settings, &binding) ||
        !ch_places_init(&self->places, &self->journal, &self->table, &self->settings, &binding))
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    return BUSBAR_PASS;
}

static void warn_unused(ch_instance *self, busbar_call *call)
{
    handler_buffer names = {.data = NULL};
    ch_mapping_unused(&self->mapping, &self->members, &names);
    if (names.size)
        busbar_log(call, BUSBAR_LOG_INFO, "table %s has no column for: %.*s", self->settings.table,
                   (int)names.size, names.data);
    handler_buffer_clear(&names);
}

static void tell_guarantee(const ch_instance *self, busbar_call *call)
{
    const ch_settings *settings = &self->settings;
    char age[64] = "";
    if (self->table.window_seconds)
        (void)snprintf(age, sizeof(age), ", within %lld s", (long long)self->table.window_seconds);
    if (settings->exactly_once)
        busbar_log(call, BUSBAR_LOG_INFO,
                   "table %s.%s: each event once, as long as no more than %lld parts are inserted "
                   "between a batch and its repetition%s",
                   settings->database, settings->table, (long long)self->table.window, age);
    else
        busbar_log(call, BUSBAR_LOG_INFO, "table %s.%s: each event at least once",
                   settings->database, settings->table);
}

static int32_t set_up(ch_instance *self, busbar_call *call, busbar_bytes config)
{
    ch_fault fault = {.kind = CH_FAULT_NONE};
    int32_t verdict = read_configuration(self, call, config);
    if (verdict != BUSBAR_PASS)
        return verdict;
    register_metrics(self, call);
    if (!map_table(self, &fault) ||
        (self->settings.exactly_once && !check_batches_table(self, &fault)))
        return fail_open(call, &fault);
    warn_unused(self, call);
    tell_guarantee(self, call);
    handler_certificates_warn(call, self->settings.tree, ch_client_place(self->client));
    return BUSBAR_PASS;
}

int32_t ch_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    ch_instance *self = calloc(1, sizeof(*self));
    int32_t verdict =
        self ? set_up(self, call, config) : busbar_fail(call, BUSBAR_FATAL, "out of memory");
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        ch_close(self);
    return verdict;
}

void ch_close(void *instance)
{
    ch_instance *self = instance;
    if (!self)
        return;
    ch_compressor_free(self->store.compressor);
    ch_store_clear(&self->store);
    ch_places_clear(&self->places);
    ch_journal_clear(&self->journal);
    ch_mapping_clear(&self->mapping);
    ch_table_clear(&self->table);
    ch_client_free(self->client);
    handler_members_clear(&self->members);
    handler_buffer_clear(&self->names);
    ch_settings_clear(&self->settings);
    free(self);
}

static void refuse(handling *at, uint32_t index, const char *column, const char *reason)
{
    at->call->host->record_metric(at->call, at->self->metric_refused, 1);
    at->verdicts[index] = handler_refuse(at->call, index, at->self->settings.table, column, reason);
}

static void state_passing(handling *at, uint32_t index, const char *reason)
{
    at->verdicts[index] = handler_wait(at->call, index, reason);
}

static void state_fault(handling *at, uint32_t index)
{
    char said[SAID_SIZE];
    state_passing(at, index, say(&at->fault, said));
}

static bool take(handling *at, ch_place *place, int64_t assignment, bool *ret_stale)
{
    ch_places *places = &at->self->places;
    uint64_t before = places->uncertain;
    if (at->away)
        return false;
    bool good =
        ch_places_take(places, place, assignment, at->call->host->now_ms(), ret_stale, &at->fault);
    at->away = !good;
    if (places->uncertain == before)
        return good;
    at->call->host->record_metric(at->call, at->self->metric_uncertain,
                                  (double)(places->uncertain - before));
    busbar_log(at->call, BUSBAR_LOG_WARNING,
               "partition %d: a batch was repeated after more inserts, or a longer time, than "
               "table %s remembers; its rows may be there twice",
               place->partition, at->self->settings.table);
    return good;
}

/* The place of a record, ready to store. NULL with a verdict when the record is answered already,
 * without one after a fault. */
static ch_place *find_place(handling *at, const busbar_origin *origin)
{
    ch_instance *self = at->self;
    busbar_position position = {.struct_size = sizeof(position)};
    ch_place *place = ch_places_get(&self->places, origin->partition);
    int32_t *verdict = &at->verdicts[at->index];
    bool stale = false;
    if (!place || !self->host->position(at->call, at->index, &position)) {
        ch_fault_set(&at->fault, CH_FAULT_PASSING, "the record's position is not known");
        return NULL;
    }
    if (position.lost || position.assignment < place->assignment) {
        *verdict = BUSBAR_PASS; /* it is read again, there or under the later assignment */
        return NULL;
    }
    if (!self->settings.exactly_once) {
        place->assignment = position.assignment;
        return place;
    }
    if ((!place->taken || position.assignment > place->assignment) &&
        !take(at, place, position.assignment, &stale))
        return NULL;
    if (stale)
        *verdict = BUSBAR_PASS; /* as above */
    else if (!place->taken)
        state_passing(at, at->index, HANDLER_TAKEN_OVER);
    if (!place->taken)
        return NULL;
    place->finished_from = position.finished_from;
    place->finished_below = position.finished_below;
    return place;
}

static void pass_stored(handling *at, ch_place *place, const busbar_origin *origin)
{
    char remedy[200];
    (void)snprintf(remedy, sizeof(remedy), "delete its rows from %s",
                   at->self->settings.batches_table);
    at->verdicts[at->index] =
        handler_pass_stored(at->call, origin, at->self->metric_replayed, &place->told, remedy);
}

/* Encodes one event, or answers it. */
static void add_row(handling *at)
{
    ch_instance *self = at->self;
    busbar_event *event = at->batch->events[at->index];
    const busbar_origin *origin = at->call->host->origin(event);
    const char *column = NULL;
    ch_place *place = find_place(at, origin);
    if (!place) {
        if (!at->verdicts[at->index])
            state_fault(at, at->index);
        return;
    }
    if (handler_ranges_has(&place->entry.stored, origin->offset)) {
        pass_stored(at, place, origin);
        return;
    }
    if (ch_rows_has(&place->rows, origin->offset)) {
        at->verdicts[at->index] = BUSBAR_PASS; /* it comes again behind one of its key that waits */
        return;
    }
    if (!ch_rows_begin(&place->rows, at->index, origin->offset)) {
        state_passing(at, at->index, "out of memory");
        return;
    }
    ch_cell cell = {.call = at->call, .event = event, .out = &place->rows.data};
    bool good = ch_mapping_encode(&self->mapping, &cell, &column);
    bool failed = place->rows.data.failed;
    if (!good || failed)
        ch_rows_drop(&place->rows);
    place->rows.data.failed = false;
    if (!good)
        refuse(at, at->index, column, cell.problem);
    else if (failed)
        state_passing(at, at->index, "out of memory");
    else
        at->verdicts[at->index] = BUSBAR_PASS;
}

/* Some rows of a careful place, at once; halves of them where the server refuses one. */
static void store_carefully(handling *at, ch_place *place, size_t first, size_t count)
{
    ch_instance *self = at->self;
    ch_batch batch = {.place = place, .first = first, .count = count};
    const ch_row *row = &place->rows.list[first];
    bool good = (!self->settings.exactly_once || place->taken) &&
                ch_store_run(&self->store, &batch, 1, at->call->host->now_ms(), &at->fault);
    if (good) {
        at->call->host->record_metric(at->call, self->metric_rows, (double)count);
    } else if (batch.fault.kind == CH_FAULT_DATA && count > 1) {
        store_carefully(at, place, first, count / 2);
        store_carefully(at, place, first + count / 2, count - count / 2);
    } else if (batch.fault.kind == CH_FAULT_DATA) {
        char reason[600];
        (void)snprintf(reason, sizeof(reason), "%s (code %d)", batch.fault.text, batch.fault.code);
        refuse(at, row->index, batch.fault.column, reason);
    } else {
        for (size_t i = 0; i < count; i++)
            state_fault(at, row[i].index);
    }
    ch_batch_clear(&batch);
}

int32_t ch_handle(void *instance, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    ch_instance *self = instance;
    handling at = {.self = self, .call = call, .batch = batch, .verdicts = verdicts};
    bool mapped = self->mapped || map_table(self, &at.fault);
    for (at.index = 0; at.index < batch->count; at.index++) {
        if (mapped)
            add_row(&at);
        else
            state_fault(&at, at.index);
    }
    for (size_t i = 0; i < self->places.count; i++) {
        ch_place *place = &self->places.list[i];
        if (!place->careful || !place->rows.count)
            continue;
        store_carefully(&at, place, 0, place->rows.count);
        ch_rows_reset(&place->rows);
    }
    return BUSBAR_PASS;
}

/* A batch for each place that has rows. */
static size_t gather(ch_instance *self, ch_batch *batches)
{
    size_t count = 0;
    for (size_t i = 0; i < self->places.count; i++) {
        ch_place *place = &self->places.list[i];
        if (place->rows.count)
            batches[count++] = (ch_batch){.place = place, .count = place->rows.count};
    }
    return count;
}

static void finish(ch_instance *self, busbar_call *call, ch_batch *batches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ch_batch *batch = &batches[i];
        if (batch->inserted)
            call->host->record_metric(call, self->metric_rows, (double)batch->count);
        if (batch->fault.kind == CH_FAULT_DATA)
            batch->place->careful = true;
        if (batch->fault.kind == CH_FAULT_LASTING)
            self->mapped = false; /* the table is looked at anew */
        ch_rows_reset(&batch->place->rows);
        ch_batch_clear(batch);
    }
}

/* What a refused row holds does not belong into a log; its dead letter will say it. */
static int32_t fail_flush(ch_instance *self, busbar_call *call, const ch_fault *fault)
{
    char said[SAID_SIZE];
    call->host->record_metric(call, self->metric_failed, 1);
    if (fault->kind == CH_FAULT_DATA)
        return busbar_unavailable(call,
                                  "ClickHouse refused a row (code %d); the batch is stored in "
                                  "parts until it is found",
                                  fault->code);
    return busbar_unavailable(call, "%s", say(fault, said));
}

int32_t ch_flush(void *instance, busbar_call *call)
{
    ch_instance *self = instance;
    ch_fault fault = {.kind = CH_FAULT_NONE};
    if (!self->places.count)
        return BUSBAR_PASS;
    ch_batch *batches = calloc(self->places.count, sizeof(*batches));
    for (size_t i = 0; !batches && i < self->places.count; i++)
        ch_rows_reset(&self->places.list[i].rows); /* they come again */
    if (!batches)
        return busbar_unavailable(call, "out of memory");
    size_t count = gather(self, batches);
    bool good = !count || ch_store_run(&self->store, batches, count, call->host->now_ms(), &fault);
    finish(self, call, batches, count);
    free(batches);
    for (size_t i = 0; good && i < self->places.count; i++)
        self->places.list[i].careful = false;
    return good ? BUSBAR_PASS : fail_flush(self, call, &fault);
}
