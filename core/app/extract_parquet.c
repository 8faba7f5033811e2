/* Records as a Parquet file, a row group at a time.
 *
 * The writer is in a library of its own, which an installation need not have: it brings Apache
 * Arrow with it. */
#include "app/extract_parquet.h"

#include <errno.h>
#include <string.h>

#include "app/extract_column.h"
#include "app/extract_event.h"
#include "base/error.h"
#include "plugin/library.h"

/* Rows of a group, in bytes before they are columns: what bounds the memory. */
enum { GROUP_BYTES = 32 << 20, OWN_COLUMNS = 7 };

static const char library_name[] = "libbusbar_parquet.so";
static const arrow_parquet_column own_columns[OWN_COLUMNS] = {
    {.name = "key", .type = ARROW_PARQUET_BYTES, .nullable = 1},
    {.name = "value", .type = ARROW_PARQUET_BYTES, .nullable = 1},
    {.name = "topic", .type = ARROW_PARQUET_TEXT},
    {.name = "partition", .type = ARROW_PARQUET_INT32},
    {.name = "offset", .type = ARROW_PARQUET_INT64},
    {.name = "timestamp", .type = ARROW_PARQUET_INSTANT, .nullable = 1},
    {.name = "timestamp_type", .type = ARROW_PARQUET_TEXT}};

struct bb_extract_parquet {
    __typeof__(&arrow_parquet_open) open;
    __typeof__(&arrow_parquet_add) add;
    __typeof__(&arrow_parquet_end) end;
    __typeof__(&arrow_parquet_free) release;
    bb_extract_events *events;
    arrow_parquet_column *columns; /* OWN_COLUMNS, then one for each member */
    uint32_t slot_count;
    arrow_parquet_file *file;
    GByteArray *cells; /* rows that are not in the file yet */
    guint64 rows;
    guint64 unfit;
    FILE *out;
    const char *name;
    int write_errno; /* of a write that failed */
};

static gboolean load(bb_extract_parquet *parquet, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    void *library = bb_library_open(library_name, &trouble);
    struct {
        const char *symbol;
        void *function;
    } wanted[] = {{"arrow_parquet_open", &parquet->open},
                  {"arrow_parquet_add", &parquet->add},
                  {"arrow_parquet_end", &parquet->end},
                  {"arrow_parquet_free", &parquet->release}};
    for (guint i = 0; library && i < G_N_ELEMENTS(wanted) && !trouble; i++)
        (void)bb_library_find(library, library_name, wanted[i].symbol, wanted[i].function,
                              &trouble);
    if (!trouble)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_IO,
                "no Parquet can be written: %s; install Apache Arrow C++ 12 or later (its packages "
                "libarrow-dev and libparquet-dev, or `pip install pyarrow`) and build and install "
                "busbar again, or take --format jsonl or csv",
                trouble->message);
    return FALSE;
}

/* Members by their names in the contract's text; those it only refers to are texts. */
static void make_columns(bb_extract_parquet *parquet, const bb_event_type *fields)
{
    gsize size = 0;
    const char *text =
        fields && fields->contract ? bb_contract_text(fields->contract, &size) : NULL;
    json_t *contract = text ? json_loadb(text, size, 0, NULL) : NULL;
    const bb_slot_name *slots = bb_extract_events_slots(parquet->events, &parquet->slot_count);
    parquet->columns = g_new0(arrow_parquet_column, OWN_COLUMNS + parquet->slot_count);
    memcpy(parquet->columns, own_columns, sizeof(own_columns));
    for (uint32_t i = 0; i < parquet->slot_count; i++) {
        arrow_parquet_column *column = &parquet->columns[OWN_COLUMNS + i];
        g_autofree char *name = g_strndup(slots[i].name.data, slots[i].name.size);
        column->name = g_strconcat("value.", name, NULL);
        column->nullable = 1;
        bb_extract_column_type(json_object_get(json_object_get(contract, "properties"), name),
                               column);
    }
    json_decref(contract);
}

bb_extract_parquet *bb_extract_parquet_new(const bb_event_type *fields, GError **error)
{
    g_autoptr(bb_extract_parquet) parquet = g_new0(bb_extract_parquet, 1);
    if (!load(parquet, error))
        return NULL;
    parquet->events = bb_extract_events_new(fields);
    parquet->cells = g_byte_array_sized_new(1 << 20);
    make_columns(parquet, fields);
    return g_steal_pointer(&parquet);
}

void bb_extract_parquet_free(bb_extract_parquet *parquet)
{
    if (!parquet)
        return;
    if (parquet->file)
        parquet->release(parquet->file);
    for (uint32_t i = 0; parquet->columns && i < parquet->slot_count; i++)
        g_free((char *)parquet->columns[OWN_COLUMNS + i].name);
    g_free(parquet->columns);
    if (parquet->cells)
        g_byte_array_unref(parquet->cells);
    bb_extract_events_free(parquet->events);
    g_free(parquet);
}

static int take_bytes(void *user, const void *data, size_t size)
{
    bb_extract_parquet *parquet = user;
    if (fwrite(data, 1, size, parquet->out) == size)
        return 1;
    parquet->write_errno = errno;
    return 0;
}

static gboolean fail(const bb_extract_parquet *parquet, const char *problem, GError **error)
{
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: writing failed: %s", parquet->name,
                parquet->write_errno ? g_strerror(parquet->write_errno) : problem);
    return FALSE;
}

gboolean bb_extract_parquet_begin(bb_extract_parquet *parquet, FILE *out, const char *name,
                                  GError **error)
{
    char problem[256] = "";
    parquet->out = out;
    parquet->name = name;
    parquet->file = parquet->open(parquet->columns, OWN_COLUMNS + parquet->slot_count, "zstd",
                                  take_bytes, parquet, problem);
    return parquet->file != NULL || fail(parquet, problem, error);
}

static gboolean write_group(bb_extract_parquet *parquet, GError **error)
{
    char problem[256] = "";
    const arrow_parquet_rows rows = {parquet->cells->data, parquet->cells->len, parquet->rows};
    if (rows.count && !parquet->add(parquet->file, &rows, problem))
        return fail(parquet, problem, error);
    g_byte_array_set_size(parquet->cells, 0);
    parquet->rows = 0;
    return TRUE;
}

static void add_number(GByteArray *cells, const void *number, guint size)
{
    const guint8 present = 1;
    g_byte_array_append(cells, &present, 1);
    g_byte_array_append(cells, number, size);
}

static void add_time(GByteArray *cells, gint64 time_ms)
{
    const guint8 null = 0;
    gint64 micros = time_ms * 1000;
    if (time_ms < 0)
        g_byte_array_append(cells, &null, 1);
    else
        add_number(cells, &micros, sizeof(micros));
}

/* A key or value of no bytes is not null: the pointer says which. */
static void add_own(GByteArray *cells, const rd_kafka_message_t *message)
{
    const char *kind, *topic = rd_kafka_topic_name(message->rkt);
    gint64 time_ms = bb_extract_time(message, &kind);
    bb_extract_column_bytes(cells, message->key, message->key_len);
    bb_extract_column_bytes(cells, message->payload, message->len);
    bb_extract_column_bytes(cells, topic, strlen(topic));
    add_number(cells, &message->partition, sizeof(message->partition));
    add_number(cells, &message->offset, sizeof(message->offset));
    add_time(cells, time_ms);
    bb_extract_column_bytes(cells, kind, strlen(kind));
}

gboolean bb_extract_parquet_add(bb_extract_parquet *parquet, const rd_kafka_message_t *message,
                                GError **error)
{
    busbar_event event;
    add_own(parquet->cells, message);
    gboolean good = parquet->slot_count && bb_extract_events_read(parquet->events, message, &event);
    for (uint32_t i = 0; i < parquet->slot_count; i++) {
        const arrow_parquet_column *column = &parquet->columns[OWN_COLUMNS + i];
        if (!bb_extract_column_add(column, &event, good ? event.slots[i] : 0, parquet->cells))
            parquet->unfit++;
    }
    parquet->rows++;
    return parquet->cells->len < GROUP_BYTES || write_group(parquet, error);
}

gboolean bb_extract_parquet_end(bb_extract_parquet *parquet, GError **error)
{
    char problem[256] = "";
    if (!write_group(parquet, error))
        return FALSE;
    return parquet->end(parquet->file, problem) || fail(parquet, problem, error);
}

guint64 bb_extract_parquet_unfit(const bb_extract_parquet *parquet)
{
    return parquet->unfit;
}
