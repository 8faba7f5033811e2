/* Taking partitions over: fences and the repetition of what was left open.
 *
 * ClickHouse has no transactions, so this is a matter of order. A taker writes its epoch, then
 * reads; whoever stores writes what it is about to insert, then reads the epochs. So either the
 * taker sees the batch and repeats it under its token, or the other one sees the new epoch and
 * inserts nothing. A batch below the epoch of a taker that has settled, and that it did not see, is
 * of the second kind and void.
 *
 * Lanes of one process share an epoch. They take a partition one after the other, so that none
 * repeats what another holds for void. A lane that does not know what became of its batch begins a
 * new epoch: its record may come later, or hold a row that the server refuses today, and must be
 * void then, for the rows are in other batches. Who repeats a batch records it as its own before:
 * the one who comes next must not hold for void what is on its way. */
#include "places.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* At what the writers say while others go on. */
enum { LOOKS = 20 };

bool ch_places_init(ch_places *places, ch_journal *journal, const ch_table *table,
                    const ch_settings *settings, const busbar_binding *binding)
{
    places->journal = journal;
    places->table = table;
    places->takeover_ms = settings->takeover_ms;
    places->timeout_ms = settings->timeout_ms;
    places->process = strndup(binding->process.data, binding->process.size);
    return places->process != NULL;
}

void ch_places_clear(ch_places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        ch_entry_clear(&places->list[i].entry);
        handler_buffer_clear(&places->list[i].rows.data);
        free(places->list[i].rows.list);
    }
    free(places->list);
    free(places->process);
    handler_buffer_clear(&places->refused);
    *places = (ch_places){.count = 0};
}

ch_place *ch_places_get(ch_places *places, int32_t partition)
{
    if (places->last < places->count && places->list[places->last].partition == partition)
        return &places->list[places->last];
    for (size_t i = 0; i < places->count; i++) {
        if (places->list[i].partition == partition) {
            places->last = i;
            return &places->list[i];
        }
    }
    ch_place *list = realloc(places->list, (places->count + 1) * sizeof(*list));
    if (!list)
        return NULL;
    places->list = list;
    places->last = places->count++;
    list[places->last] = (ch_place){
        .partition = partition, .assignment = -1, .finished_from = -1, .finished_below = -1};
    return &list[places->last];
}

/* All that writers of a partition say, and what follows from it. */
typedef struct view {
    ch_entry *entries;
    size_t count;
    const ch_entry *top;     /* NULL: nobody has had it */
    const ch_entry *settled; /* the highest that has settled; NULL: none */
    bool mine;               /* this process has it with this assignment */
    bool former;             /* it has had it with this assignment, and lost it */
    bool stale;              /* it has it with a later assignment */
    bool moved;              /* a writer has gone on since */
} view;

static void look(const ch_place *place, const ch_places *places, view *seen)
{
    size_t size = strlen(places->process);
    for (size_t i = 0; i < seen->count; i++) {
        const ch_entry *entry = &seen->entries[i];
        if (!seen->top || ch_entry_compare(seen->top, entry->epoch, entry->owner) < 0)
            seen->top = entry;
        if (entry->settled &&
            (!seen->settled || ch_entry_compare(seen->settled, entry->epoch, entry->owner) < 0))
            seen->settled = entry;
        if (strncmp(entry->owner, places->process, size) != 0 || entry->owner[size] != '/')
            continue;
        int64_t assignment = strtoll(entry->owner + size + 1, NULL, 10);
        seen->former = seen->former || assignment == place->assignment;
        seen->stale = seen->stale || assignment > place->assignment;
    }
    seen->mine = seen->top && strcmp(seen->top->owner, place->entry.owner) == 0;
}

/* The highest first: of two batches with the same record, the lower one came too late. */
static int compare_down(const void *a, const void *b)
{
    const ch_entry *right = b;
    return -ch_entry_compare(a, right->epoch, right->owner);
}

static bool read_view(ch_places *places, const ch_place *place, view *ret_view, ch_fault *fault)
{
    *ret_view = (view){.entries = NULL};
    if (!ch_journal_read(places->journal, place->partition, &ret_view->entries, &ret_view->count,
                         fault))
        return false;
    qsort(ret_view->entries, ret_view->count, sizeof(*ret_view->entries), compare_down);
    look(place, places, ret_view);
    return true;
}

static bool out_of_memory(ch_fault *fault)
{
    ch_fault_set(fault, CH_FAULT_PASSING, "out of memory");
    return false;
}

static void write_entry(ch_places *places, ch_place *place)
{
    place->entry.version++;
    ch_journal_add(places->journal, place->partition, &place->entry, /* payload= */ NULL);
}

/* Whether the server may have forgotten the token of a batch: then repeating it may double it. */
static bool beyond_window(const ch_places *places, const ch_entry *entry)
{
    const ch_table *table = places->table;
    if (table->replicated)
        return table->window_seconds > 0 && entry->age_seconds >= table->window_seconds;
    return places->block - entry->block >= table->window;
}

static bool taken_meanwhile(const ch_place *place, ch_fault *fault)
{
    ch_fault_set(fault, CH_FAULT_PASSING,
                 "partition %d is being taken by another lane or worker at the same time",
                 place->partition);
    return false;
}

/* Records a batch that was left open as our own, and looks whether the partition still is ours:
 * what is inserted is known to all who come later, whatever has become of us. */
static bool adopt(ch_places *places, ch_place *place, const ch_entry *from, ch_entry *ret_mine,
                  ch_fault *fault)
{
    char partition[16];
    const char *owner;
    uint64_t epoch;
    place->entry.version++;
    *ret_mine = place->entry;
    memcpy(ret_mine->token, from->token, sizeof(ret_mine->token));
    place->doubtful = true;
    if (!ch_journal_adopt(places->journal, place->partition, from, ret_mine, fault))
        return false;
    (void)snprintf(partition, sizeof(partition), "%d", place->partition);
    json_t *tops = ch_journal_tops(places->journal, partition, &places->block, fault);
    if (!tops)
        return false;
    bool ours = ch_journal_is_top(tops, place->partition, ret_mine, &owner, &epoch);
    json_decref(tops);
    place->doubtful = ours;
    return ours || taken_meanwhile(place, fault);
}

static bool insert_anew(ch_places *places, ch_place *place, const ch_entry *entry,
                        const ch_insert *insert, ch_fault *fault)
{
    places->uncertain += beyond_window(places, entry) ? 1 : 0;
    if (!ch_client_insert(places->journal->client, insert, fault)) {
        if (fault->kind != CH_FAULT_DATA)
            return false;
        place->careful = true;
        return handler_buffer_add(&places->refused, entry->token, strlen(entry->token) + 1) ||
               out_of_memory(fault);
    }
    return handler_ranges_add_all(&place->entry.stored, &entry->pending) || out_of_memory(fault);
}

/* Inserts a batch that was recorded and not confirmed. What holds a row that the server refuses
 * was never inserted; its records come again. */
static bool repeat(ch_places *places, ch_place *place, const ch_entry *entry, bool *ret_moved,
                   ch_fault *fault)
{
    ch_entry mine;
    ch_insert insert;
    handler_buffer sql = {.data = NULL}, body = {.data = NULL};
    bool good =
        adopt(places, place, entry, &mine, fault) &&
        ch_journal_payload(places->journal, place->partition, &mine, &insert, &sql, &body, fault);
    *ret_moved = good && !insert.sql;
    if (good && insert.sql)
        good = insert_anew(places, place, entry, &insert, fault);
    handler_buffer_clear(&sql);
    handler_buffer_clear(&body);
    return good;
}

static bool touches(const handler_ranges *stored, const handler_ranges *pending)
{
    for (size_t i = 0, at = 0; i < pending->count; i++) {
        while (at < stored->count && stored->list[at].last < pending->list[i].first)
            at++;
        if (at < stored->count && stored->list[at].first <= pending->list[i].last)
            return true;
    }
    return false;
}

static bool was_refused(const ch_places *places, const char *token)
{
    const handler_buffer *refused = &places->refused;
    for (size_t at = 0; at < refused->size; at += strlen(refused->data + at) + 1) {
        if (strcmp(refused->data + at, token) == 0)
            return true;
    }
    return false;
}

/* Left open, not void, and not repeated meanwhile. A record is in one batch that gets in and in no
 * other: where some of a batch is stored, all of it is, or it never was inserted. */
static bool is_open(const ch_places *places, const ch_place *place, const view *seen,
                    const ch_entry *entry)
{
    return entry->pending.count &&
           !(seen->settled && ch_entry_compare(seen->settled, entry->epoch, entry->owner) > 0) &&
           !touches(&place->entry.stored, &entry->pending) && !was_refused(places, entry->token);
}

/* What all have stored, and then what was left open. */
static bool catch_up(ch_places *places, ch_place *place, view *seen, ch_fault *fault)
{
    bool good = ch_journal_newest_block(places->journal, &places->block, fault);
    for (size_t i = 0; good && i < seen->count; i++) {
        good = handler_ranges_add_all(&place->entry.stored, &seen->entries[i].stored) ||
               out_of_memory(fault);
    }
    for (size_t i = 0; good && !seen->moved && i < seen->count; i++) {
        if (is_open(places, place, seen, &seen->entries[i]))
            good = repeat(places, place, &seen->entries[i], &seen->moved, fault);
    }
    return good;
}

/* Sees whether the partition is ours as said, and does what is left to do. */
static bool settle(ch_places *places, ch_place *place, bool *ret_moved, ch_fault *fault)
{
    view seen;
    if (!read_view(places, place, &seen, fault))
        return false;
    bool good = seen.top && ch_entry_compare(seen.top, place->entry.epoch, place->entry.owner) == 0;
    if (!good)
        ch_fault_set(fault, CH_FAULT_PASSING,
                     "partition %d is being taken by another lane or worker at the same time",
                     place->partition);
    good = good && catch_up(places, place, &seen, fault);
    *ret_moved = seen.moved;
    ch_entries_free(seen.entries, seen.count);
    return good;
}

/* Says that the partition is ours, and sees whether that holds. */
static bool claim(ch_places *places, ch_place *place, uint64_t epoch, ch_fault *fault)
{
    bool moved = true;
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        ch_fault_set(fault, CH_FAULT_PASSING, "the system has no random numbers");
        return false;
    }
    ch_entry *entry = &place->entry;
    handler_ranges_reset(&entry->stored);
    places->refused.size = 0;
    (void)snprintf(entry->writer, sizeof(entry->writer), "%016" PRIx64, random);
    entry->epoch = epoch;
    entry->version = 0;
    entry->settled = false;
    write_entry(places, place);
    bool good = ch_journal_write(places->journal, fault);
    for (int look = 0; good && moved && look < LOOKS; look++)
        good = settle(places, place, &moved, fault);
    if (good && moved) {
        ch_fault_set(fault, CH_FAULT_PASSING,
                     "partition %d: its other lanes go on too fast to join", place->partition);
        good = false;
    }
    if (!good)
        return false;
    entry->settled = true;
    entry->block = places->block;
    write_entry(places, place);
    return ch_journal_write(places->journal, fault);
}

static bool take(ch_places *places, ch_place *place, int64_t assignment, int64_t now_ms,
                 bool *ret_stale, ch_fault *fault)
{
    view seen;
    if (assignment != place->assignment) {
        place->wait_ms = 0;
        place->told = false;
        place->careful = false;
    } else {
        place->told = true; /* what we have stored ourselves meanwhile is no surprise */
    }
    place->assignment = assignment;
    place->taken = false;
    ch_rows_reset(&place->rows);
    (void)snprintf(place->entry.owner, sizeof(place->entry.owner), "%.100s/%" PRId64,
                   places->process, assignment);
    if (!read_view(places, place, &seen, fault))
        return false;
    bool joins = seen.mine && !place->doubtful;
    uint64_t epoch = (seen.top ? seen.top->epoch : 0) + (joins ? 0 : 1);
    bool stale = seen.stale && !seen.mine;
    if (seen.former && !seen.mine && !place->wait_ms)
        place->wait_ms = now_ms + places->takeover_ms;
    ch_entries_free(seen.entries, seen.count);
    *ret_stale = stale;
    if (stale || now_ms < place->wait_ms)
        return true;
    if (!claim(places, place, epoch, fault))
        return false;
    place->taken = true;
    place->doubtful = false;
    place->wait_ms = 0;
    return true;
}

bool ch_places_take(ch_places *places, ch_place *place, int64_t assignment, int64_t now_ms,
                    bool *ret_stale, ch_fault *fault)
{
    static pthread_mutex_t lanes = PTHREAD_MUTEX_INITIALIZER;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += places->timeout_ms / 1000 + 1;
    if (pthread_mutex_timedlock(&lanes, &until)) {
        ch_fault_set(fault, CH_FAULT_PASSING, "partition %d waits for another lane to begin",
                     place->partition);
        return false;
    }
    bool good = take(places, place, assignment, now_ms, ret_stale, fault);
    (void)pthread_mutex_unlock(&lanes);
    return good;
}

bool ch_rows_begin(ch_rows *rows, uint32_t index, int64_t offset)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 256;
        ch_row *list = realloc(rows->list, capacity * sizeof(*list));
        if (!list)
            return false;
        rows->list = list;
        rows->capacity = capacity;
    }
    rows->highest = rows->count && rows->highest > offset ? rows->highest : offset;
    rows->list[rows->count++] = (ch_row){rows->data.size, index, offset};
    return true;
}

/* Offsets rise but for what was tried again, so there is rarely anything to look for. */
bool ch_rows_has(const ch_rows *rows, int64_t offset)
{
    for (size_t i = 0; offset <= rows->highest && i < rows->count; i++) {
        if (rows->list[i].offset == offset)
            return true;
    }
    return false;
}

void ch_rows_drop(ch_rows *rows)
{
    rows->data.size = rows->list[--rows->count].at;
}

void ch_rows_reset(ch_rows *rows)
{
    if (rows->data.capacity > CH_KEPT_BYTES || rows->data.failed)
        handler_buffer_clear(&rows->data);
    rows->data.size = 0;
    rows->count = 0;
}
