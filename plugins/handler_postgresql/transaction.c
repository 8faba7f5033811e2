/* Rows into the server, and the rows that it refuses out of the way. */
#include "transaction.h"

#include <stdio.h>
#include <string.h>

#include "direct.h"

/* After a row that only the server has found out: where one is, more are. */
#define CAREFUL_FLUSHES 100

static bool read_table(pg_transaction *transaction, pg_fault *fault)
{
    const pg_settings *settings = transaction->settings;
    pg_catalog catalog;
    bool good = pg_catalog_read(&catalog, &transaction->connection, settings->schema,
                                settings->table, fault);
    if (good && !catalog.exists) {
        pg_fault_set(fault, PG_FAULT_LASTING,
                     "there is no table %s.%s; `busbar storage apply` makes it", settings->schema,
                     settings->table);
        good = false;
    }
    bool direct = false;
    good = good && pg_direct_ask(&transaction->connection, settings, &direct, fault) &&
           pg_mapping_make(&transaction->mapping, settings, transaction->members, &catalog, direct,
                           fault);
    pg_catalog_clear(&catalog);
    return good;
}

bool pg_transaction_connect(pg_transaction *transaction, pg_fault *fault)
{
    if (pg_connection_alive(&transaction->connection))
        return true;
    pg_transaction_close(transaction);
    if (pg_connection_open(&transaction->connection, transaction->settings, transaction->name,
                           fault) &&
        read_table(transaction, fault) &&
        (!transaction->mapping.stage_sql ||
         pg_run(&transaction->connection, transaction->mapping.stage_sql, fault)))
        return true;
    pg_transaction_close(transaction);
    return false;
}

/* Constraints speak when a row comes, not at the commit, where nobody knows which row it was. Where
 * rows go straight, the statement that they go round is looked at all the same: if a right or the
 * unique key is missing, that shows now and not with the first key that comes twice. */
static bool begin(pg_transaction *transaction, pg_fault *fault)
{
    static const char begin_sql[] = "BEGIN;SET CONSTRAINTS ALL IMMEDIATE;SAVEPOINT busbar";
    static const char look_sql[] = ";EXPLAIN " PG_INSERT_STAGED;
    const pg_mapping *mapping = &transaction->mapping;
    char sql[sizeof(begin_sql) + sizeof(look_sql)];
    if (transaction->open)
        return true;
    (void)snprintf(sql, sizeof(sql), "%s%s", begin_sql,
                   mapping->direct_sql && mapping->stage_sql ? look_sql : ""); /* measured: fits */
    transaction->open = true;
    return pg_run(&transaction->connection, sql, fault);
}

/* Whether rows are to go straight into the table. */
static bool is_straight(const pg_transaction *transaction)
{
    const pg_mapping *mapping = &transaction->mapping;
    return !mapping->stage_sql ||
           (mapping->direct_sql && !transaction->careful && !transaction->detour.left);
}

/* The rows of [from, end) to the server, to where they are to go. */
static bool send_copy(pg_transaction *transaction, const pg_rows *rows, size_t from, size_t end,
                      pg_fault *fault)
{
    static char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* no flags, no extension */
    const pg_buffer first = {.data = head, .size = 19};
    const pg_mapping *mapping = &transaction->mapping;
    size_t at = pg_rows_at(rows, from);
    return pg_send_copy(&transaction->connection,
                        is_straight(transaction) ? mapping->direct_sql : mapping->staged_sql,
                        &first, rows->data.data + at, pg_rows_at(rows, end) - at, fault);
}

/* The rows of [from, end), or nothing of them. */
static bool try_rows(pg_transaction *transaction, const pg_rows *rows, size_t from, size_t end,
                     pg_fault *fault)
{
    pg_connection *connection = &transaction->connection;
    return send_copy(transaction, rows, from, end, fault) && pg_take(connection, fault) &&
           (is_straight(transaction) || pg_run(connection, PG_INSERT_STAGED, fault));
}

/* The same without waiting for the last word, which nearly always is a good one. */
static bool send_rows(pg_transaction *transaction, const pg_rows *rows, pg_fault *fault)
{
    pg_connection *connection = &transaction->connection;
    bool straight = is_straight(transaction);
    if (!send_copy(transaction, rows, 0, rows->count, fault))
        return false;
    if (!straight && (!pg_take(connection, fault) || !pg_send(connection, PG_INSERT_STAGED, fault)))
        return false;
    transaction->pending = true;
    transaction->sent = straight && transaction->mapping.stage_sql ? rows : NULL;
    transaction->accepted += rows->count;
    return true;
}

static bool back_to_savepoint(pg_transaction *transaction, pg_fault *fault)
{
    return pg_run(&transaction->connection, "ROLLBACK TO SAVEPOINT busbar", fault);
}

/* Rows went straight in vain: the next ones are not to. A deadlock counts, for the staging table
 * puts rows in by their key, as all lanes do then. */
static void note_conflict(pg_transaction *transaction, const pg_fault *fault)
{
    bool deadlock = strcmp(fault->state, "40P01") == 0;
    if (fault->kind == PG_FAULT_PASSING && !deadlock)
        return;
    transaction->conflicts++;
    if (fault->kind == PG_FAULT_LASTING)
        pg_detour_take_longest(&transaction->detour);
    else
        pg_detour_take(&transaction->detour);
}

bool pg_transaction_settle(pg_transaction *transaction, pg_fault *fault)
{
    const pg_rows *sent = transaction->sent;
    if (!transaction->pending)
        return true;
    transaction->pending = false;
    transaction->sent = NULL;
    if (pg_take(&transaction->connection, fault))
        return true;
    if (sent)
        note_conflict(transaction, fault);
    if (sent && fault->kind == PG_FAULT_DATA && back_to_savepoint(transaction, fault) &&
        try_rows(transaction, sent, 0, sent->count, fault))
        return true;
    if (fault->kind == PG_FAULT_DATA)
        transaction->careful = CAREFUL_FLUSHES;
    return false;
}

typedef struct inserting {
    pg_transaction *transaction;
    const pg_rows *rows;
    pg_refused refused;
    void *user;
    pg_fault *fault;
} inserting;

/* Where the rows of [from, end) are to be cut after a fault: the row that the server has named is
 * alone then; else the middle. */
static size_t place_to_cut(const inserting *at, size_t from, size_t end)
{
    long line = at->fault->line;
    if (line > 1 && (size_t)line <= end - from)
        return from + (size_t)line - 1;
    if (line == 1)
        return from + 1;
    return from + (end - from) / 2;
}

/* At most as deep as the batch has halvings, and twice for each row that the server names: the
 * deeper half is done by the loop. */
static bool insert_range(inserting *at, size_t from, size_t end)
{
    pg_transaction *transaction = at->transaction;
    while (from < end) {
        if (try_rows(transaction, at->rows, from, end, at->fault)) {
            transaction->accepted += end - from;
            return true;
        }
        if (at->fault->kind != PG_FAULT_DATA)
            return false;
        pg_fault fault = *at->fault;
        transaction->careful = CAREFUL_FLUSHES;
        if (!back_to_savepoint(transaction, at->fault))
            return false;
        if (end - from == 1) {
            at->refused(at->user, &at->rows->list[from], &fault);
            return true;
        }
        *at->fault = fault;
        size_t cut = place_to_cut(at, from, end);
        if (!insert_range(at, from, cut))
            return false;
        from = cut;
    }
    return true;
}

bool pg_transaction_insert(pg_transaction *transaction, const pg_rows *rows, pg_refused refused,
                           void *user, pg_fault *fault)
{
    inserting at = {transaction, rows, refused, user, fault};
    if (rows->count == 0)
        return true;
    if (!begin(transaction, fault))
        return false;
    if (transaction->careful)
        return insert_range(&at, 0, rows->count);
    bool straight = is_straight(transaction) && transaction->mapping.stage_sql;
    if (send_rows(transaction, rows, fault))
        return true;
    if (straight)
        note_conflict(transaction, fault);
    if (fault->kind != PG_FAULT_DATA)
        return false;
    transaction->careful = CAREFUL_FLUSHES;
    return back_to_savepoint(transaction, fault) && insert_range(&at, 0, rows->count);
}

bool pg_transaction_commit(pg_transaction *transaction, pg_fault *fault)
{
    if (!pg_run(&transaction->connection, "COMMIT", fault))
        return false;
    if (transaction->careful)
        transaction->careful--;
    else
        pg_detour_flushed(&transaction->detour);
    transaction->open = false;
    transaction->accepted = 0;
    return true;
}

/* What the server works on, and what is in the transaction, is not counted on any more. */
static void forget(pg_transaction *transaction)
{
    transaction->open = false;
    transaction->pending = false;
    transaction->sent = NULL;
    transaction->accepted = 0;
}

void pg_transaction_give_up(pg_transaction *transaction, bool anew)
{
    pg_fault ignored; /* without a transaction the connection is as good as new */
    if (transaction->pending && !anew && pg_connection_alive(&transaction->connection))
        (void)pg_take(&transaction->connection, &ignored); /* it is rolled back whatever it was */
    if (transaction->open && !anew && pg_connection_alive(&transaction->connection))
        anew = !pg_run(&transaction->connection, "ROLLBACK", &ignored);
    forget(transaction);
    if (anew)
        pg_transaction_close(transaction);
}

void pg_transaction_close(pg_transaction *transaction)
{
    pg_connection_close(&transaction->connection);
    pg_mapping_clear(&transaction->mapping);
    forget(transaction);
}
