/* Tells the host, before anything is read, where the store stands. */
#include <string.h>

#include "handle.h"

/* What all writers have stored, and the settings it was found with. */
typedef struct finding {
    pg_settings settings;
    pg_places places; /* for the names in the statement alone */
    pg_connection connection;
    PGresult *rows;
    pg_fault fault;
} finding;

static busbar_place *place_at(busbar_place *places, uint32_t index)
{
    return (busbar_place *)(void *)((char *)places + (size_t)index * places->struct_size);
}

static bool read_rows(finding *found, busbar_place *places, uint32_t count)
{
    pg_buffer sql = {0};
    pg_buffer_format(&sql, "SELECT partition, stored FROM %s WHERE %s AND partition IN (",
                     found->places.table, found->places.identity);
    for (uint32_t i = 0; i < count; i++)
        pg_buffer_format(&sql, "%s%d", i ? "," : "", place_at(places, i)->partition);
    pg_buffer_text(&sql, ")");
    if (sql.failed)
        pg_fault_set(&found->fault, PG_FAULT_PASSING, "out of memory");
    else if (pg_connection_open(&found->connection, &found->settings, "busbar", &found->fault))
        found->rows = pg_query(&found->connection, sql.data, &found->fault);
    pg_buffer_clear(&sql);
    return found->rows != NULL;
}

static bool collect(const PGresult *rows, int32_t partition, handler_ranges *stored)
{
    bool good = true;
    for (int i = 0; good && i < PQntuples(rows); i++) {
        if (strtol(PQgetvalue(rows, i, 0), NULL, 10) == partition)
            good = pg_ranges_read(stored, PQgetvalue(rows, i, 1));
    }
    return good;
}

/* The end of the stored range around `offset`, or itself. */
static int64_t skip_stored(const handler_ranges *stored, int64_t offset)
{
    for (size_t i = 0; i < stored->count; i++) {
        const handler_range *range = &stored->list[i];
        if (range->first <= offset && offset <= range->last)
            return range->last + 1;
    }
    return offset;
}

static bool answer(const PGresult *rows, busbar_place *place)
{
    handler_ranges stored = {0};
    bool good = collect(rows, place->partition, &stored);
    if (good && stored.count) {
        place->next = skip_stored(&stored, place->from);
        if (place->handled >= 0 && !handler_ranges_has(&stored, place->handled))
            place->lacks = stored.list[0].last + 1;
    }
    handler_ranges_clear(&stored);
    return good;
}

static int32_t work(finding *found, busbar_call *call, busbar_place *places, uint32_t count)
{
    bool good = count && read_rows(found, places, count);
    for (uint32_t i = 0; good && i < count; i++)
        good = answer(found->rows, place_at(places, i));
    if (good || !count)
        return BUSBAR_PASS;
    if (found->fault.kind == PG_FAULT_PASSING)
        return busbar_unavailable(call, "PostgreSQL: %s", found->fault.text);
    return busbar_fail(call, BUSBAR_FATAL, "PostgreSQL: %s", found->fault.text);
}

int32_t pg_find(busbar_call *call, busbar_bytes handler, busbar_bytes config, busbar_place *places,
                uint32_t count)
{
    const busbar_storage_v1 *host = call->host->get_extension(BUSBAR_STORAGE_EXTENSION);
    busbar_binding binding = {.struct_size = sizeof(binding)};
    finding found = {.rows = NULL};
    (void)handler; /* the plugin has one */
    if (!host || !host->binding(call, &binding))
        return BUSBAR_FATAL;
    const char *problem =
        pg_settings_read(&found.settings, config.data, config.size, binding.event.data,
                         binding.event.size, binding.contract.data, binding.contract.size);
    int32_t verdict = problem ? busbar_fail(call, BUSBAR_FATAL, "%s", problem) : BUSBAR_DROP;
    if (!problem && found.settings.exactly_once)
        verdict = pg_places_init(&found.places, &found.settings, &binding)
                      ? work(&found, call, places, count)
                      : busbar_fail(call, BUSBAR_FATAL, "out of memory");
    PQclear(found.rows);
    pg_connection_close(&found.connection);
    pg_places_clear(&found.places);
    pg_settings_clear(&found.settings);
    return verdict;
}
