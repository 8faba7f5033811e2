/* Rows into the server, and the rows that it refuses out of the way. */
#include "transaction.h"

#include <string.h>

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
    good = good &&
           pg_mapping_make(&transaction->mapping, settings, transaction->members, &catalog, fault);
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
        (transaction->mapping.direct ||
         pg_run(&transaction->connection, transaction->mapping.stage_sql, fault)))
        return true;
    pg_transaction_close(transaction);
    return false;
}

/* Constraints speak when a row comes, not at the commit, where nobody knows which row it was. */
static bool begin(pg_transaction *transaction, pg_fault *fault)
{
    if (!transaction->open)
        transaction->open =
            pg_run(&transaction->connection, "BEGIN;SET CONSTRAINTS ALL IMMEDIATE", fault);
    return transaction->open;
}

/* The rows of [from, end) to the server: all that is left to do is the INSERT. */
static bool copy_rows(pg_transaction *transaction, const pg_rows *rows, size_t from, size_t end,
                      pg_fault *fault)
{
    static char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* no flags, no extension */
    const pg_buffer first = {.data = head, .size = 19};
    const pg_mapping *mapping = &transaction->mapping;
    pg_connection *connection = &transaction->connection;
    size_t at = pg_rows_at(rows, from);
    return pg_copy(connection, mapping->begin_sql, &first, rows->data.data + at,
                   pg_rows_at(rows, end) - at, fault);
}

/* The rows of [from, end) as one COPY and one INSERT, or nothing of them. */
static bool try_rows(pg_transaction *transaction, const pg_rows *rows, size_t from, size_t end,
                     pg_fault *fault)
{
    return copy_rows(transaction, rows, from, end, fault) &&
           pg_run(&transaction->connection, transaction->mapping.insert_sql, fault);
}

/* The same without waiting for the last word, which nearly always is a good one. */
static bool send_rows(pg_transaction *transaction, const pg_rows *rows, pg_fault *fault)
{
    if (!copy_rows(transaction, rows, 0, rows->count, fault) ||
        !pg_send(&transaction->connection, transaction->mapping.insert_sql, fault))
        return false;
    transaction->pending = true;
    transaction->accepted += rows->count;
    return true;
}

bool pg_transaction_settle(pg_transaction *transaction, pg_fault *fault)
{
    if (!transaction->pending)
        return true;
    transaction->pending = false;
    if (pg_take(&transaction->connection, fault))
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

static bool back_to_savepoint(pg_transaction *transaction, pg_fault *fault)
{
    transaction->careful = CAREFUL_FLUSHES;
    return pg_run(&transaction->connection, "ROLLBACK TO SAVEPOINT busbar", fault);
}

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
    if (send_rows(transaction, rows, fault))
        return true;
    return fault->kind == PG_FAULT_DATA && back_to_savepoint(transaction, fault) &&
           insert_range(&at, 0, rows->count);
}

bool pg_transaction_commit(pg_transaction *transaction, pg_fault *fault)
{
    if (!pg_run(&transaction->connection, "COMMIT", fault))
        return false;
    transaction->careful -= transaction->careful > 0;
    transaction->open = false;
    transaction->accepted = 0;
    return true;
}

void pg_transaction_give_up(pg_transaction *transaction, bool anew)
{
    pg_fault ignored; /* without a transaction the connection is as good as new */
    if (transaction->pending && !anew && pg_connection_alive(&transaction->connection))
        (void)pg_take(&transaction->connection, &ignored); /* it is rolled back whatever it was */
    transaction->pending = false;
    if (transaction->open && !anew && pg_connection_alive(&transaction->connection))
        anew = !pg_run(&transaction->connection, "ROLLBACK", &ignored);
    transaction->open = false;
    transaction->accepted = 0;
    if (anew)
        pg_transaction_close(transaction);
}

void pg_transaction_close(pg_transaction *transaction)
{
    pg_connection_close(&transaction->connection);
    pg_mapping_clear(&transaction->mapping);
    transaction->open = false;
    transaction->pending = false;
    transaction->accepted = 0;
}
