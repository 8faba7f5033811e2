/* `busbar extract`: a bounded part of topics as JSON lines, CSV or Parquet. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/extract_parquet.h"
#include "app/extract_row.h"
#include "app/progress.h"
#include "app/range_option.h"
#include "app/session.h"
#include "app/signals.h"
#include "base/clock.h"
#include "base/text.h"
#include "kafka/client.h"

enum { START_TIMEOUT_MS = 30000, POLL_MS = 100, WRITE_BYTES = 65536 };

static char **option_event;
static char *option_from, *option_to, *option_format, *option_output, *option_timeout;
static gint64 option_last = -1, option_max;
static gint option_partition = -1;
static gboolean option_fields, option_json;

static const GOptionEntry options[] = {
    {"event", 0, 0, G_OPTION_ARG_STRING_ARRAY, &option_event,
     "The topic of this event type; may be repeated", "EVENT"},
    {"from", 0, 0, G_OPTION_ARG_STRING, &option_from,
     "Begin here in each partition: an offset, a time (RFC 3339), a duration before now as 2h, or "
     "`beginning` (default)",
     "PLACE"},
    {"to", 0, 0, G_OPTION_ARG_STRING, &option_to,
     "End before here: an offset, a time, a duration before now, or `latest` (default): where the "
     "topic ended at the start",
     "PLACE"},
    {"last", 0, 0, G_OPTION_ARG_INT64, &option_last,
     "The last so many offsets of each partition, instead of --from", "N"},
    {"partition", 'p', 0, G_OPTION_ARG_INT, &option_partition, "Only this partition", "N"},
    {"max", 'n', 0, G_OPTION_ARG_INT64, &option_max, "At most so many records (default: no bound)",
     "N"},
    {"format", 'f', 0, G_OPTION_ARG_STRING, &option_format, "jsonl (default), csv or parquet",
     "FORMAT"},
    {"fields", 0, 0, G_OPTION_ARG_NONE, &option_fields,
     "The members that the contract declares as columns too; with one --event", NULL},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &option_output,
     "Write to this file (default: standard output)", "FILE"},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "The summary as one JSON object: on standard output with --output, else on standard error",
     NULL},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &option_timeout,
     "How long to wait for Kafka at the start (default 30s)", "DURATION"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* One extraction. */
typedef struct extracting {
    bb_range range;
    bb_row_form form;
    gint64 timeout_ms;
    GPtrArray *topics;           /* const char * */
    const bb_event_type *fields; /* or NULL */
    bb_range_reader *reader;
    bb_row_writer *writer;
    bb_extract_parquet *parquet; /* NULL: rows are lines */
    FILE *out;
    GString *rows; /* that are not written yet */
    guint64 records, bytes;
    gint64 started_ms;
} extracting;

static const char *output_name(void)
{
    return option_output ? option_output : "standard output";
}

static gboolean write_rows(extracting *job, GError **error)
{
    gsize size = job->rows->len;
    if (fwrite(job->rows->str, 1, size, job->out) == size) {
        g_string_truncate(job->rows, 0);
        return TRUE;
    }
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: writing failed: %s", output_name(),
                g_strerror(errno));
    return FALSE;
}

static gboolean take(extracting *job, const rd_kafka_message_t *message, GError **error)
{
    job->records++;
    job->bytes += message->len + message->key_len;
    if (job->parquet)
        return bb_extract_parquet_add(job->parquet, message, error);
    bb_row_writer_add(job->writer, job->rows, message);
    return job->rows->len < WRITE_BYTES || write_rows(job, error);
}

static gboolean is_over(const extracting *job)
{
    return bb_range_reader_done(job->reader) || bb_signals_count() ||
           (option_max > 0 && job->records >= (guint64)option_max);
}

static gboolean read_all(extracting *job, GError **error)
{
    g_autoptr(bb_progress) progress = bb_progress_new("reading");
    GError *trouble = NULL;
    while (!is_over(job) && !trouble) {
        rd_kafka_message_t *message = bb_range_reader_next(job->reader, POLL_MS, &trouble);
        if (!message)
            continue;
        (void)take(job, message, &trouble);
        rd_kafka_message_destroy(message);
        bb_progress_update(progress, job->records, 0, bb_range_reader_total(job->reader));
    }
    if (trouble) {
        g_propagate_error(error, trouble);
        return FALSE;
    }
    return job->parquet ? bb_extract_parquet_end(job->parquet, error) : write_rows(job, error);
}

static gboolean open_topics(extracting *job, GError **error)
{
    for (guint i = 0; i < job->topics->len; i++) {
        const char *topic = g_ptr_array_index(job->topics, i);
        gboolean exists = FALSE;
        if (!bb_range_reader_add(job->reader, topic, &exists, error))
            return FALSE;
        if (!exists) {
            g_set_error(error, BB_ERROR, BB_ERROR_KAFKA, "topic %s does not exist", topic);
            return FALSE;
        }
    }
    return bb_range_reader_narrow(job->reader, &job->range, error) &&
           bb_range_reader_begin(job->reader, error);
}

static gboolean open_output(extracting *job, GError **error)
{
    job->out = option_output ? fopen(option_output, "we") : stdout;
    if (!job->out)
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s cannot be written: %s", option_output,
                    g_strerror(errno));
    return job->out != NULL;
}

static gboolean begin_output(extracting *job, GError **error)
{
    if (job->parquet)
        return bb_extract_parquet_begin(job->parquet, job->out, output_name(), error);
    bb_row_writer_head(job->writer, job->rows);
    return TRUE;
}

static gboolean close_output(extracting *job, GError **error)
{
    FILE *out = g_steal_pointer(&job->out);
    int status = option_output ? fclose(out) : fflush(out);
    if (status != 0)
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: writing failed: %s", output_name(),
                    g_strerror(errno));
    return status == 0;
}

static double seconds_of(const extracting *job)
{
    return (double)MAX(bb_clock_monotonic_ms() - job->started_ms, 1) / 1000;
}

static void append_parts(extracting *job, GString *out)
{
    for (guint i = 0; i < bb_range_reader_count(job->reader); i++) {
        const bb_range_part *part = bb_range_reader_part(job->reader, i);
        g_string_append_printf(out,
                               "%s{\"topic\":\"%s\",\"partition\":%d,\"records\":%" G_GUINT64_FORMAT
                               ",\"first\":%" G_GINT64_FORMAT ",\"next\":%" G_GINT64_FORMAT
                               ",\"complete\":%s}",
                               i ? "," : "", part->topic, part->partition, part->taken, part->first,
                               part->next, part->is_done ? "true" : "false");
    }
}

static void tell_text(const extracting *job, double seconds, double rate, guint64 unfit)
{
    g_autofree char *nulls =
        unfit ? g_strdup_printf("; %" G_GUINT64_FORMAT
                                " members are not of their column's type and null there",
                                unfit)
              : g_strdup("");
    (void)fprintf(stderr,
                  "%" G_GUINT64_FORMAT " records of %u topic%s, %.1f MB of keys and values, in "
                  "%.1f s (%.0f records/s)%s%s\n",
                  job->records, job->topics->len, job->topics->len == 1 ? "" : "s",
                  (double)job->bytes / 1e6, seconds, rate, nulls,
                  bb_signals_count() ? "; ended by a signal, not complete" : "");
}

static void tell(extracting *job)
{
    double seconds = seconds_of(job), rate = (double)job->records / seconds;
    guint64 unfit = job->parquet ? bb_extract_parquet_unfit(job->parquet) : 0;
    if (!option_json) {
        tell_text(job, seconds, rate, unfit);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    char number[2][G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(
        out,
        "{\"records\":%" G_GUINT64_FORMAT ",\"bytes\":%" G_GUINT64_FORMAT
        ",\"unfit\":%" G_GUINT64_FORMAT
        ",\"seconds\":%s,\"records_per_second\":%s,\"complete\":%s,\"partitions\":[",
        job->records, job->bytes, unfit,
        g_ascii_formatd(number[0], sizeof(number[0]), "%.3f", seconds),
        g_ascii_formatd(number[1], sizeof(number[1]), "%.0f", rate),
        bb_range_reader_done(job->reader) ? "true" : "false");
    append_parts(job, out);
    (void)fprintf(option_output ? stdout : stderr, "%s]}\n", out->str);
}

static gboolean is_parquet(void)
{
    return g_strcmp0(option_format, "parquet") == 0;
}

static int extract(extracting *job, const bb_settings *settings)
{
    GError *error = NULL;
    g_autoptr(bb_range_reader) reader = NULL;
    g_autoptr(bb_row_writer) writer = bb_row_writer_new(job->form, job->fields);
    g_autoptr(GString) rows = g_string_sized_new(WRITE_BYTES * 2);
    g_autoptr(bb_extract_parquet) parquet =
        is_parquet() ? bb_extract_parquet_new(job->fields, &error) : NULL;
    if (error) /* before Kafka is asked for anything */
        return bb_app_fail(error);
    job->reader = reader = bb_range_reader_new(settings, "busbar.extract", &error);
    job->writer = writer;
    job->parquet = parquet;
    job->rows = rows;
    job->started_ms = bb_clock_monotonic_ms();
    if (!reader ||
        !bb_kafka_wait(bb_range_reader_client(reader), job->timeout_ms, bb_signals_place(),
                       &error) ||
        !open_topics(job, &error) || !open_output(job, &error))
        return bb_app_fail(error);
    gboolean good = begin_output(job, &error) && read_all(job, &error);
    gboolean closed = close_output(job, good ? &error : NULL);
    if (!good || !closed)
        return bb_app_fail(error);
    tell(job);
    return bb_signals_count() ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static gboolean is_format(const char *format)
{
    return !format || strcmp(format, "jsonl") == 0 || strcmp(format, "csv") == 0 || is_parquet();
}

static gboolean read_options(extracting *job)
{
    const bb_range_option range = {option_from, option_to, option_last, option_partition};
    job->timeout_ms = START_TIMEOUT_MS;
    job->form = g_strcmp0(option_format, "csv") == 0 ? BB_ROW_CSV : BB_ROW_JSON;
    if (!bb_range_option_read("extract", &range, &job->range))
        return FALSE;
    if (!is_format(option_format))
        (void)bb_app_usage("extract", "--format is `%s`; it is jsonl, csv or parquet",
                           option_format);
    else if (is_parquet() && !option_output && isatty(STDOUT_FILENO))
        (void)bb_app_usage("extract", "--format parquet is no text for a terminal: name a file "
                                      "with --output, or a pipe");
    else if (option_timeout && !bb_text_parse_duration_ms(option_timeout, &job->timeout_ms))
        (void)bb_app_usage("extract", "--timeout is `%s`; expected a duration, as 500ms, 30s, 5m",
                           option_timeout);
    else if (option_max < 0)
        (void)bb_app_usage("extract", "--max is a number from 0");
    else if (option_fields && (!option_event || option_event[1]))
        (void)bb_app_usage("extract", "--fields needs one --event, whose contract says them");
    else
        return TRUE;
    return FALSE;
}

static void add_topic(extracting *job, const char *topic)
{
    if (!g_ptr_array_find_with_equal_func(job->topics, topic, g_str_equal, NULL))
        g_ptr_array_add(job->topics, (gpointer)topic);
}

/* Topics by their names need no plugin. */
static bb_session *open_session(extracting *job, char **names, int *ret_exit)
{
    g_autoptr(bb_session) session =
        option_event ? bb_session_new(ret_exit) : bb_session_new_settings(ret_exit);
    if (!session)
        return NULL;
    for (char **name = names; *name; name++)
        add_topic(job, *name);
    for (char **name = option_event; name && *name; name++) {
        const bb_event_type *type = bb_session_event(session, *name, ret_exit);
        if (!type)
            return NULL;
        add_topic(job, type->topic);
        job->fields = option_fields ? type : NULL;
    }
    return g_steal_pointer(&session);
}

static int run(int argc, char **argv)
{
    int exit_code = BB_EXIT_USAGE;
    extracting job = {0};
    if (argc < 2 && !option_event)
        return bb_app_usage("extract", "needs a TOPIC, or --event with an event type");
    if (!read_options(&job))
        return exit_code;
    g_autoptr(GPtrArray) topics = g_ptr_array_new();
    job.topics = topics;
    g_autoptr(bb_session) session = open_session(&job, argv + 1, &exit_code);
    if (!session)
        return exit_code;
    bb_signals_catch();
    return extract(&job, session->settings);
}

extern const bb_command bb_command_extract;
const bb_command bb_command_extract = {
    .name = "extract",
    .arguments = "[TOPIC...]",
    .summary = "Read a part of topics as JSON lines, CSV or Parquet",
    .description =
        "Reads the named topics, or those of event types, up to where they ended when it began, "
        "several partitions at a time. Records of a partition come in their order. No consumer "
        "group is joined and nothing is committed: what runs meanwhile is not disturbed.\n\n"
        "Columns: key, value, topic, partition, offset, timestamp (milliseconds), timestamp_type "
        "(create, append or none). Key and value are the record's own bytes. As JSON they are "
        "strings where they are UTF-8 without NUL, null for null, and key_base64 or value_base64 "
        "otherwise. In CSV an empty cell without quotes is null, and the columns key_encoding and "
        "value_encoding say text or base64. --fields adds what the contract declares: a member "
        "`fields` with the values as they stand in the event (null where the value is no JSON), or "
        "a column value.NAME for each.\n\n"
        "In Parquet key and value are binary, timestamp is an instant in UTC, and the columns "
        "value.NAME have the contract's types: text, 64-bit integer, double, boolean, date, "
        "instant, and lists of them; other members are text with their JSON. A value that is not "
        "of its column's type is null there and counted in the summary. Memory is bounded by row "
        "groups of 32 MiB. Needs libbusbar_parquet.so, which is built where Apache Arrow is; a "
        "terminal is refused, a pipe is not.\n\n"
        "A time finds the first record of each partition at or after it. Ctrl-C ends early, with "
        "exit code 1. Other exit codes: 0 done, 2 usage, configuration or files, 3 Kafka is not "
        "reachable, refuses, or lacks a topic.",
    .examples = "busbar extract customer-user-events --last 10\n"
                "    the last 10 of each partition\n"
                "busbar extract --event customer.user_event --fields -f csv -o events.csv\n"
                "    a table with a column for each member\n"
                "busbar extract --event customer.user_event --fields -f parquet -o events.parquet\n"
                "    the same with types\n"
                "busbar extract orders payments --from 2025-01-31T00:00:00Z --to "
                "2025-02-01T00:00:00Z\n"
                "    a day of two topics\n"
                "busbar extract orders --from 2h --json -o part.jsonl\n"
                "    the last two hours, and a summary for a program",
    .options = options,
    .run = run,
};
