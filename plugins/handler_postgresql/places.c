/* The fences of partitions and what has been stored of them. */
#include "places.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FORMER_MAX 20

static char *take_text(pg_buffer *buffer)
{
    if (!buffer->failed)
        return buffer->data;
    pg_buffer_clear(buffer);
    return NULL;
}

static void add_bytes(pg_buffer *out, busbar_bytes text)
{
    char *copy = strndup(text.data ? text.data : "", text.size);
    if (copy)
        pg_add_literal(out, copy);
    else
        out->failed = true;
    free(copy);
}

bool pg_places_init(pg_places *places, const pg_settings *settings, const busbar_binding *binding)
{
    pg_buffer identity = {0}, columns = {0}, table = {0};
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return false;
    places->writer = (int64_t)(random >> 2) + 1;
    places->takeover_ms = settings->takeover_ms;
    pg_buffer_text(&identity, "consumer_group = ");
    add_bytes(&identity, binding->group);
    pg_buffer_text(&identity, " AND topic = ");
    add_bytes(&identity, binding->topic);
    pg_buffer_text(&identity, " AND handler = ");
    add_bytes(&identity, binding->handler);
    add_bytes(&columns, binding->group);
    pg_buffer_text(&columns, ", ");
    add_bytes(&columns, binding->topic);
    pg_buffer_text(&columns, ", ");
    add_bytes(&columns, binding->handler);
    pg_add_name(&table, settings->schema);
    pg_buffer_text(&table, ".");
    pg_add_name(&table, settings->offsets_table);
    places->identity = take_text(&identity);
    places->columns = take_text(&columns);
    places->table = take_text(&table);
    places->process = strndup(binding->process.data, binding->process.size);
    return places->identity && places->columns && places->table && places->process;
}

static void clear_place(pg_place *place)
{
    handler_ranges_clear(&place->known);
    handler_ranges_clear(&place->own);
    handler_ranges_clear(&place->fresh);
}

void pg_places_clear(pg_places *places)
{
    for (size_t i = 0; i < places->count; i++)
        clear_place(&places->list[i]);
    free(places->list);
    free(places->identity);
    free(places->columns);
    free(places->table);
    free(places->process);
    *places = (pg_places){.count = 0};
}

pg_place *pg_places_get(pg_places *places, int32_t partition)
{
    if (places->last < places->count && places->list[places->last].partition == partition)
        return &places->list[places->last];
    for (size_t i = 0; i < places->count; i++) {
        if (places->list[i].partition == partition) {
            places->last = i;
            return &places->list[i];
        }
    }
    pg_place *list = realloc(places->list, (places->count + 1) * sizeof(*list));
    if (!list)
        return NULL;
    places->list = list;
    places->last = places->count++;
    list[places->last] = (pg_place){.partition = partition,
                                    .assignment = -1,
                                    .epoch = -1,
                                    .finished_from = -1,
                                    .finished_below = -1};
    return &list[places->last];
}

bool pg_places_stored(const pg_place *place, int64_t offset)
{
    return handler_ranges_has(&place->known, offset) || handler_ranges_has(&place->own, offset);
}

/* The row of the fence, as it was found. */
typedef struct fence {
    int64_t epoch;
    bool mine;   /* this process has it with this assignment */
    bool former; /* this process has had it with this assignment, and lost it */
    bool stale;  /* this process has it with a later assignment */
} fence;

/* An owner is "process/assignment". */
static void judge_owner(const pg_places *places, const char *owner, int64_t assignment,
                        fence *found)
{
    size_t size = strlen(places->process);
    if (strncmp(owner, places->process, size) != 0 || owner[size] != '/')
        return;
    int64_t of = strtoll(owner + size + 1, NULL, 10);
    found->mine = of == assignment;
    found->stale = of > assignment;
}

/* Makes the row where it is missing, and locks it. */
static bool lock_fence(const pg_places *places, const pg_place *place, int64_t assignment,
                       pg_connection *connection, fence *ret_fence, pg_fault *fault)
{
    pg_buffer sql = {0};
    pg_buffer_format(&sql,
                     "BEGIN;INSERT INTO %s (consumer_group, topic, handler, partition, writer, "
                     "epoch, owner) VALUES (%s, %d, 0, 0, '') ON CONFLICT DO NOTHING;"
                     "SELECT epoch, owner, '%s/%" PRId64 "' = ANY (former) FROM %s WHERE %s AND "
                     "partition = %d AND writer = 0 FOR UPDATE",
                     places->table, places->columns, place->partition, places->process, assignment,
                     places->table, places->identity, place->partition);
    PGresult *row = sql.failed ? NULL : pg_query(connection, sql.data, fault);
    if (sql.failed)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    pg_buffer_clear(&sql);
    bool good = row && PQntuples(row) == 1;
    if (good) {
        *ret_fence = (fence){.epoch = strtoll(PQgetvalue(row, 0, 0), NULL, 10),
                             .former = PQgetvalue(row, 0, 2)[0] == 't'};
        judge_owner(places, PQgetvalue(row, 0, 1), assignment, ret_fence);
    } else if (row) {
        pg_fault_set(fault, PG_FAULT_PASSING, "the row of the fence has vanished");
    }
    PQclear(row);
    return good;
}

/* Reads what all writers have stored. */
static bool read_stored(const pg_places *places, pg_place *place, pg_connection *connection,
                        pg_fault *fault)
{
    pg_buffer sql = {0};
    bool good = true;
    pg_buffer_format(&sql, "SELECT writer, stored FROM %s WHERE %s AND partition = %d",
                     places->table, places->identity, place->partition);
    PGresult *rows = sql.failed ? NULL : pg_query(connection, sql.data, fault);
    if (sql.failed)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    pg_buffer_clear(&sql);
    for (int i = 0; rows && good && i < PQntuples(rows); i++) {
        const char *stored = PQgetvalue(rows, i, 1);
        good = pg_ranges_read(&place->known, stored);
        if (good && strtoll(PQgetvalue(rows, i, 0), NULL, 10) == places->writer)
            good = pg_ranges_read(&place->own, stored);
    }
    if (!good)
        pg_fault_set(fault, PG_FAULT_PASSING,
                     "what %s holds of partition %d cannot be read: out of memory, or it was "
                     "changed by hand",
                     places->table, place->partition);
    PQclear(rows);
    return rows && good;
}

/* The next epoch is ours; what the writers had is the row of the fence now. */
static bool raise_epoch(const pg_places *places, const pg_place *place, int64_t assignment,
                        pg_connection *connection, pg_fault *fault)
{
    pg_buffer sql = {0};
    pg_buffer_format(&sql,
                     "UPDATE %s SET epoch = epoch + 1, owner = '%s/%" PRId64 "', former = "
                     "(former || owner)[greatest(1, cardinality(former) - %d):], changed = now(), "
                     "stored = '",
                     places->table, places->process, assignment, FORMER_MAX);
    pg_ranges_write(&place->known, &sql);
    pg_buffer_format(&sql,
                     "' WHERE %s AND partition = %d AND writer = 0;DELETE FROM %s WHERE %s AND "
                     "partition = %d AND writer <> 0",
                     places->identity, place->partition, places->table, places->identity,
                     place->partition);
    if (sql.failed)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    bool good = !sql.failed && pg_run(connection, sql.data, fault);
    pg_buffer_clear(&sql);
    return good;
}

static bool take_locked(pg_places *places, pg_place *place, int64_t assignment,
                        pg_connection *connection, const fence *found, pg_fault *fault)
{
    handler_ranges_reset(&place->known);
    handler_ranges_reset(&place->own);
    if (!read_stored(places, place, connection, fault))
        return false;
    if (!found->mine) {
        handler_ranges_reset(&place->own); /* part of the fence's row from now on */
        if (!raise_epoch(places, place, assignment, connection, fault))
            return false;
    }
    if (!pg_run(connection, "COMMIT", fault))
        return false;
    place->epoch = found->epoch + (found->mine ? 0 : 1);
    place->taken = true;
    place->wait_ms = 0;
    return true;
}

bool pg_places_take(pg_places *places, pg_place *place, int64_t assignment, int64_t now_ms,
                    pg_connection *connection, bool *ret_stale, pg_fault *fault)
{
    fence found;
    if (assignment != place->assignment) {
        place->wait_ms = 0;
        place->told = false;
    }
    place->assignment = assignment;
    place->taken = false;
    *ret_stale = false;
    handler_ranges_reset(&place->fresh);
    bool good = lock_fence(places, place, assignment, connection, &found, fault);
    *ret_stale = good && found.stale;
    if (good && found.former && !found.mine && !place->wait_ms)
        place->wait_ms = now_ms + places->takeover_ms;
    if (good && !found.stale && now_ms >= place->wait_ms)
        return take_locked(places, place, assignment, connection, &found, fault);
    pg_fault ignored;
    if (good)
        (void)pg_run(connection, "ROLLBACK", &ignored); /* a broken connection shows later */
    return good;
}

static bool is_fresh(const pg_place *place)
{
    return place->fresh.count > 0;
}

/* The places of the transaction by partition, so that two lanes lock in the same order. */
static void add_partitions(pg_buffer *sql, const pg_places *places)
{
    const char *before = "";
    for (size_t i = 0; i < places->count; i++) {
        if (!is_fresh(&places->list[i]))
            continue;
        pg_buffer_format(sql, "%s%d", before, places->list[i].partition);
        before = ",";
    }
}

/* All that this writer is to have stored, with what is finished for good as one range. */
static bool add_stored(pg_buffer *sql, const pg_place *place)
{
    handler_ranges all = {0};
    bool good = handler_ranges_add_all(&all, &place->own) &&
                handler_ranges_add_all(&all, &place->fresh) &&
                (place->finished_below <= place->finished_from ||
                 handler_ranges_add(&all, place->finished_from, place->finished_below - 1));
    pg_ranges_write(&all, sql);
    handler_ranges_clear(&all);
    return good && !sql->failed;
}

static bool write_store(pg_buffer *sql, const pg_places *places)
{
    bool good = true;
    const char *before = "";
    pg_buffer_format(sql,
                     "INSERT INTO %s AS o (consumer_group, topic, handler, partition, writer, "
                     "epoch, owner, stored) VALUES ",
                     places->table);
    for (size_t i = 0; good && i < places->count; i++) {
        const pg_place *place = &places->list[i];
        if (!is_fresh(place))
            continue;
        pg_buffer_format(sql, "%s(%s, %d, %" PRId64 ", %" PRId64 ", '%s/%" PRId64 "', '", before,
                         places->columns, place->partition, places->writer, place->epoch,
                         places->process, place->assignment);
        good = add_stored(sql, place);
        pg_buffer_text(sql, "')");
        before = ", ";
    }
    pg_buffer_text(sql,
                   " ON CONFLICT (consumer_group, topic, handler, partition, writer) DO UPDATE "
                   "SET epoch = EXCLUDED.epoch, owner = EXCLUDED.owner, stored = "
                   "EXCLUDED.stored, changed = now()");
    return good && !sql->failed;
}

static const pg_place *find_fresh(const pg_places *places, int32_t partition)
{
    for (size_t i = 0; i < places->count; i++) {
        if (places->list[i].partition == partition && is_fresh(&places->list[i]))
            return &places->list[i];
    }
    return NULL;
}

/* The epochs as they are, under a lock, against those that were taken. */
static bool check_fences(pg_places *places, const PGresult *rows, int64_t now_ms, pg_fault *fault)
{
    size_t wanted = 0, found = 0;
    for (size_t i = 0; i < places->count; i++)
        wanted += is_fresh(&places->list[i]) ? 1 : 0;
    for (int i = 0; i < PQntuples(rows); i++) {
        int32_t partition = (int32_t)strtol(PQgetvalue(rows, i, 0), NULL, 10);
        int64_t epoch = strtoll(PQgetvalue(rows, i, 1), NULL, 10);
        pg_place *place = (pg_place *)find_fresh(places, partition);
        if (!place)
            continue;
        found++;
        if (epoch == place->epoch)
            continue;
        place->wait_ms = now_ms + places->takeover_ms;
        pg_fault_set(fault, PG_FAULT_PASSING,
                     "partition %d was taken over by another worker (epoch %" PRId64
                     ", ours was %" PRId64 "): nothing was stored",
                     partition, epoch, place->epoch);
        return false;
    }
    if (found == wanted)
        return true;
    pg_fault_set(fault, PG_FAULT_PASSING, "rows of %s have vanished: nothing was stored",
                 places->table);
    return false;
}

bool pg_places_store(pg_places *places, int64_t now_ms, pg_connection *connection, pg_fault *fault)
{
    pg_buffer lock = {0}, store = {0};
    pg_buffer_format(&lock,
                     "SELECT partition, epoch FROM %s WHERE %s AND writer = 0 AND partition "
                     "IN (",
                     places->table, places->identity);
    add_partitions(&lock, places);
    pg_buffer_text(&lock, ") ORDER BY partition FOR SHARE");
    bool good = write_store(&store, places) && !lock.failed;
    if (!good)
        pg_fault_set(fault, PG_FAULT_PASSING, "out of memory");
    PGresult *rows = good ? pg_query(connection, lock.data, fault) : NULL;
    good =
        rows && check_fences(places, rows, now_ms, fault) && pg_run(connection, store.data, fault);
    PQclear(rows);
    pg_buffer_clear(&lock);
    pg_buffer_clear(&store);
    return good;
}

bool pg_places_committed(pg_places *places)
{
    bool good = true;
    for (size_t i = 0; i < places->count; i++) {
        pg_place *place = &places->list[i];
        if (!is_fresh(place))
            continue;
        good = good && handler_ranges_add_all(&place->own, &place->fresh);
        if (place->finished_below > place->finished_from)
            good = good &&
                   handler_ranges_add(&place->own, place->finished_from, place->finished_below - 1);
        handler_ranges_reset(&place->fresh);
    }
    return good;
}

void pg_places_forget(pg_places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        places->list[i].taken = false;
        handler_ranges_reset(&places->list[i].fresh);
    }
}
