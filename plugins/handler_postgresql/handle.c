/* Events into rows, and flushes into commits. */
#include "handle.h"

#include <stdlib.h>

#include "../handler_common/answer.h"
#include "../handler_common/config.h"

/* What one call of `handle` works on. */
typedef struct handling {
    pg_instance *self;
    busbar_call *call;
    const busbar_batch *batch;
    int32_t *verdicts;
    uint32_t index; /* of the event at hand */
    pg_fault fault;
} handling;

static int32_t fail_open(busbar_call *call, const pg_fault *fault)
{
    int32_t verdict = fault->kind == PG_FAULT_PASSING ? BUSBAR_RETRY : BUSBAR_FATAL;
    if (verdict == BUSBAR_RETRY)
        return busbar_unavailable(call, "PostgreSQL: %s", fault->text);
    return busbar_fail(call, verdict, "PostgreSQL: %s%s%s", fault->text,
                       fault->state[0] ? ", SQLSTATE " : "", fault->state);
}

static void warn_unused(pg_instance *self, busbar_call *call)
{
    pg_buffer names = {0};
    pg_mapping_unused(&self->transaction.mapping, &self->members, &names);
    if (names.size && !self->warned)
        busbar_log(call, BUSBAR_LOG_INFO, "table %s has no column for: %s", self->settings.table,
                   names.data);
    self->warned = true;
    pg_buffer_clear(&names);
}

static bool check_offsets_table(pg_instance *self, pg_fault *fault)
{
    const pg_settings *settings = &self->settings;
    pg_catalog catalog;
    if (!settings->exactly_once)
        return true;
    if (!pg_catalog_read(&catalog, &self->transaction.connection, settings->schema,
                         settings->offsets_table, fault))
        return false;
    bool exists = catalog.exists;
    pg_catalog_clear(&catalog);
    if (!exists)
        pg_fault_set(fault, PG_FAULT_LASTING,
                     "there is no table %s.%s; `busbar storage apply` makes it", settings->schema,
                     settings->offsets_table);
    return exists;
}

static int32_t read_configuration(pg_instance *self, busbar_call *call, busbar_bytes config)
{
    busbar_binding binding = {.struct_size = sizeof(binding)};
    self->host = call->host->get_extension(BUSBAR_STORAGE_EXTENSION);
    if (!self->host || !self->host->binding(call, &binding))
        return busbar_fail(call, BUSBAR_FATAL,
                           "this host has no extension " BUSBAR_STORAGE_EXTENSION
                           "; update busbar");
    const char *problem =
        pg_settings_read(&self->settings, config.data, config.size, binding.event.data,
                         binding.event.size, binding.contract.data, binding.contract.size);
    if (problem)
        return busbar_fail(call, BUSBAR_FATAL, "%s", problem);
    (void)snprintf(self->event, sizeof(self->event), "%.*s", (int)binding.event.size,
                   binding.event.data); /* cut where too long: for messages */
    (void)snprintf(self->name, sizeof(self->name), "busbar %s", self->event); /* the same */
    self->transaction.settings = &self->settings;
    self->transaction.members = &self->members;
    self->transaction.name = self->name;
    if (!handler_members_read(&self->members, call, self->settings.contract) ||
        !pg_places_init(&self->places, &self->settings, &binding))
        return busbar_fail(call, BUSBAR_FATAL, "out of memory");
    return BUSBAR_PASS;
}

static int32_t set_up(pg_instance *self, busbar_call *call, busbar_bytes config)
{
    pg_fault fault;
    int32_t verdict = read_configuration(self, call, config);
    if (verdict != BUSBAR_PASS)
        return verdict;
    self->metric_rows = handler_counter(call, "postgresql_rows", "Rows in committed transactions");
    self->metric_replayed =
        handler_counter(call, "postgresql_replayed", "Records that had been stored before");
    self->metric_refused =
        handler_counter(call, "postgresql_refused", "Rows that did not fit the table");
    self->metric_rollbacks =
        handler_counter(call, "postgresql_rollbacks", "Transactions that were given up");
    self->metric_conflicts = handler_counter(
        call, "postgresql_conflicts", "Batches that could not be copied straight into the table");
    if (!pg_transaction_connect(&self->transaction, &fault) || !check_offsets_table(self, &fault))
        return fail_open(call, &fault);
    warn_unused(self, call);
    return BUSBAR_PASS;
}

int32_t pg_open(busbar_call *call, busbar_bytes config, void **ret_self)
{
    pg_instance *self = calloc(1, sizeof(*self));
    int32_t verdict =
        self ? set_up(self, call, config) : busbar_fail(call, BUSBAR_FATAL, "out of memory");
    if (verdict == BUSBAR_PASS)
        *ret_self = self;
    else
        pg_close(self);
    return verdict;
}

void pg_close(void *instance)
{
    pg_instance *self = instance;
    if (!self)
        return;
    pg_transaction_close(&self->transaction);
    pg_rows_clear(&self->rows[0]);
    pg_rows_clear(&self->rows[1]);
    pg_places_clear(&self->places);
    handler_members_clear(&self->members);
    pg_settings_clear(&self->settings);
    free(self);
}

static void refuse(handling *at, uint32_t index, const char *column, const char *reason)
{
    at->call->host->record_metric(at->call, at->self->metric_refused, 1);
    at->verdicts[index] = handler_refuse(at->call, index, at->self->settings.table, column, reason);
}

static void refused_by_server(void *user, const pg_row *row, const pg_fault *fault)
{
    char reason[600];
    (void)snprintf(reason, sizeof(reason), "%s (SQLSTATE %s)", fault->text, fault->state);
    refuse(user, row->index, fault->column, reason);
}

/* The partition for an assignment. A connection of its own, for the transaction that may be open
 * must not hold the fence. */
static bool take_place(handling *at, pg_place *place, int64_t assignment, bool *ret_stale)
{
    pg_instance *self = at->self;
    pg_connection own = {.pq = NULL};
    pg_connection *connection = &self->transaction.connection;
    if (self->transaction.open) {
        connection = &own;
        if (!pg_connection_open(&own, &self->settings, self->name, &at->fault))
            return false;
    }
    bool good = pg_places_take(&self->places, place, assignment, at->call->host->now_ms(),
                               connection, ret_stale, &at->fault);
    pg_connection_close(&own);
    return good;
}

/* The place of a record, ready to store. NULL with a verdict when the record is answered already,
 * without one after a fault. */
static pg_place *find_place(handling *at, const busbar_origin *origin)
{
    pg_instance *self = at->self;
    busbar_position position = {.struct_size = sizeof(position)};
    pg_place *place = pg_places_get(&self->places, origin->partition);
    int32_t *verdict = &at->verdicts[at->index];
    bool stale = false;
    if (!place || !self->host->position(at->call, at->index, &position)) {
        pg_fault_set(&at->fault, PG_FAULT_PASSING, "the record's position is not known");
        return NULL;
    }
    if (position.lost || position.assignment < place->assignment) {
        *verdict = BUSBAR_PASS; /* it is read again, there or under the later assignment */
        return NULL;
    }
    if ((!place->taken || position.assignment > place->assignment) &&
        !take_place(at, place, position.assignment, &stale))
        return NULL;
    if (stale)
        *verdict = BUSBAR_PASS; /* as above */
    else if (!place->taken)
        *verdict = BUSBAR_RETRY;
    if (!place->taken)
        return NULL;
    place->finished_from = position.finished_from;
    place->finished_below = position.finished_below;
    return place;
}

static void pass_stored(handling *at, pg_place *place, const busbar_origin *origin)
{
    char remedy[200];
    (void)snprintf(remedy, sizeof(remedy), "delete its rows from %s",
                   at->self->settings.offsets_table);
    at->verdicts[at->index] =
        handler_pass_stored(at->call, origin, at->self->metric_replayed, &place->told, remedy);
}

/* Encodes one event, or answers it. False after a fault that is not the event's. */
static bool add_row(handling *at)
{
    pg_instance *self = at->self;
    busbar_event *event = at->batch->events[at->index];
    const busbar_origin *origin = at->call->host->origin(event);
    const char *column = NULL;
    if (self->settings.exactly_once) {
        pg_place *place = find_place(at, origin);
        if (!place && at->verdicts[at->index] == BUSBAR_RETRY)
            (void)handler_wait(at->call, at->index, HANDLER_TAKEN_OVER);
        if (!place)
            return at->verdicts[at->index] != 0;
        if (pg_places_stored(place, origin->offset)) {
            pass_stored(at, place, origin);
            return true;
        }
    }
    if (!pg_rows_begin(self->now, at->index, origin->partition, origin->offset)) {
        pg_fault_set(&at->fault, PG_FAULT_PASSING, "out of memory");
        return false;
    }
    pg_cell cell = {.call = at->call, .event = event, .out = &self->now->data};
    if (!pg_mapping_encode(&self->transaction.mapping, &cell, &column)) {
        pg_rows_drop(self->now);
        refuse(at, at->index, column, cell.problem);
    }
    if (self->now->data.failed)
        pg_fault_set(&at->fault, PG_FAULT_PASSING, "out of memory");
    return !self->now->data.failed;
}

/* What was put in is accepted, but for what was refused. */
static bool accept(handling *at)
{
    pg_instance *self = at->self;
    for (size_t i = 0; i < self->now->count; i++) {
        const pg_row *row = &self->now->list[i];
        if (at->verdicts[row->index])
            continue;
        at->verdicts[row->index] = BUSBAR_PASS;
        pg_place *place =
            self->settings.exactly_once ? pg_places_get(&self->places, row->partition) : NULL;
        if (place && !handler_ranges_add(&place->fresh, row->offset, row->offset)) {
            pg_fault_set(&at->fault, PG_FAULT_PASSING, "out of memory");
            return false;
        }
    }
    return true;
}

/* Everything that is in the transaction is lost. What earlier calls have accepted can only come
 * again after a flush that fails; so until then everything is accepted, and that flush fails.
 * Without such events, those at hand are simply to be tried again. */
static void give_up(handling *at, size_t accepted_before)
{
    pg_instance *self = at->self;
    char reason[600];
    pg_transaction_give_up(&self->transaction, at->fault.kind == PG_FAULT_LASTING);
    pg_places_forget(&self->places);
    at->call->host->record_metric(at->call, self->metric_rollbacks, 1);
    (void)snprintf(reason, sizeof(reason), "PostgreSQL: %s%s%s", at->fault.text,
                   at->fault.state[0] ? ", SQLSTATE " : "", at->fault.state);
    self->spoilt = accepted_before > 0;
    self->fault = at->fault;
    for (uint32_t i = 0; i < at->batch->count; i++) {
        if (at->verdicts[i] == BUSBAR_REJECT)
            continue;
        if (self->spoilt)
            at->verdicts[i] = BUSBAR_PASS;
        else
            at->verdicts[i] = handler_wait(at->call, i, reason);
    }
}

static bool process(handling *at)
{
    pg_instance *self = at->self;
    self->now = &self->rows[self->transaction.sent == &self->rows[0]];
    pg_rows_reset(self->now);
    if (self->transaction.accepted && !pg_connection_alive(&self->transaction.connection)) {
        pg_fault_set(&at->fault, PG_FAULT_PASSING, "the connection is gone");
        return false;
    }
    if (!pg_transaction_connect(&self->transaction, &at->fault))
        return false;
    for (at->index = 0; at->index < at->batch->count; at->index++) {
        if (!add_row(at))
            return false;
    }
    return pg_transaction_settle(&self->transaction, &at->fault) &&
           pg_transaction_insert(&self->transaction, self->now, refused_by_server, at,
                                 &at->fault) &&
           accept(at);
}

int32_t pg_handle(void *instance, busbar_call *call, const busbar_batch *batch, int32_t *verdicts)
{
    pg_instance *self = instance;
    handling at = {.self = self, .call = call, .batch = batch, .verdicts = verdicts};
    size_t accepted_before = self->transaction.accepted;
    for (uint32_t i = 0; self->spoilt && i < batch->count; i++)
        verdicts[i] = BUSBAR_PASS; /* not even looked at: the flush that fails brings it again */
    if (!self->spoilt && !process(&at))
        give_up(&at, accepted_before);
    return BUSBAR_PASS;
}

static bool commit(pg_instance *self, busbar_call *call, pg_fault *fault)
{
    pg_transaction *transaction = &self->transaction;
    size_t rows = transaction->accepted;
    if (!pg_transaction_settle(transaction, fault))
        return false;
    if (self->settings.exactly_once &&
        !pg_places_store(&self->places, call->host->now_ms(), &transaction->connection, fault))
        return false;
    if (!pg_transaction_commit(transaction, fault))
        return false;
    call->host->record_metric(call, self->metric_rows, (double)rows);
    call->host->record_metric(call, self->metric_conflicts, (double)transaction->conflicts);
    transaction->conflicts = 0;
    if (!pg_places_committed(&self->places))
        pg_places_forget(&self->places); /* out of memory: it is read from the table again */
    return true;
}

int32_t pg_flush(void *instance, busbar_call *call)
{
    pg_instance *self = instance;
    pg_fault fault = self->fault;
    if (!self->spoilt) {
        if (!self->transaction.accepted) {
            pg_transaction_give_up(&self->transaction, false); /* savepoints without rows */
            return BUSBAR_PASS;
        }
        if (commit(self, call, &fault))
            return BUSBAR_PASS;
        pg_transaction_give_up(&self->transaction, fault.kind == PG_FAULT_LASTING);
        pg_places_forget(&self->places);
        call->host->record_metric(call, self->metric_rollbacks, 1);
    }
    self->spoilt = false;
    return busbar_unavailable(
        call, "PostgreSQL%s: %s%s%s",
        fault.kind == PG_FAULT_DATA ? " refused a row, so all is handed again with care" : "",
        fault.text, fault.state[0] ? ", SQLSTATE " : "", fault.state);
}
