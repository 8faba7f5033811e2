/* `busbar publish`: JSON lines into Kafka, one outcome for every line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/progress.h"
#include "app/line_reader.h"
#include "app/publish_report.h"
#include "app/session.h"
#include "app/signals.h"
#include "base/clock.h"
#include "base/text.h"

#define START_TIMEOUT_MS 30000
/* Longer than librdkafka's message.timeout.ms: every record has its outcome by then. */
#define FLUSH_TIMEOUT_MS 330000
#define SLICE_MS 100
#define DEFAULT_LINE_BYTES 1000000
/* Kept for --rejected at most, before reading waits for outcomes. */
#define KEPT_BYTES (64u * 1024 * 1024)

static gboolean option_json;
static gboolean option_quiet;
static char *option_rejected;
static char *option_timeout;

static const GOptionEntry options[] = {
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "One JSON object for every line: line, status, topic, partition, offset or pointer, keyword, "
     "message",
     NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &option_quiet,
     "Only the lines that were refused or failed; no progress, no summary", NULL},
    {"rejected", 0, 0, G_OPTION_ARG_FILENAME, &option_rejected,
     "Write lines that were refused or failed to this file as they came, for correction", "FILE"},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &option_timeout,
     "How long to wait for Kafka at the start (default 30s) and for the last outcomes", "DURATION"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* One run of the command. */
typedef struct publishing {
    const bb_event_type *type;
    bb_line_reader *reader;
    bb_publish_report *report;
    bb_publisher *publisher;
    bb_progress *progress;
    gsize max_bytes;
    gint64 timeout_ms; /* -1: not given */
    gint64 started_ms;
} publishing;

static gsize longest_line(const bb_settings *settings)
{
    for (guint i = 0; settings->kafka && i < settings->kafka->len; i++) {
        const bb_kafka_property *property = g_ptr_array_index(settings->kafka, i);
        if (strcmp(property->name, "message.max.bytes") == 0)
            return (gsize)strtoul(property->value, NULL, 10);
    }
    return DEFAULT_LINE_BYTES;
}

static void show_progress(publishing *job)
{
    const bb_publish_counts *counts = bb_publish_report_counts(job->report);
    if (job->progress)
        bb_progress_update(job->progress, counts->delivered + counts->rejected + counts->failed,
                           counts->rejected + counts->failed, 0);
}

/* Waits for all outcomes so far, unless signalled `signals_allowed` times or out of time. */
static void settle(publishing *job, gint signals_allowed, gint64 timeout_ms)
{
    gint64 end = bb_clock_monotonic_ms() + timeout_ms;
    while (bb_signals_count() <= signals_allowed && bb_clock_monotonic_ms() < end &&
           bb_publisher_flush(job->publisher, SLICE_MS) > 0)
        show_progress(job);
}

static gboolean publish_line(publishing *job, const char *text, gsize size, GError **error)
{
    bb_publish_report_keep(job->report, text, size);
    while (bb_publish_report_kept(job->report) > KEPT_BYTES && !bb_signals_count())
        bb_publisher_poll(job->publisher, SLICE_MS);
    return bb_publisher_publish(job->publisher, job->type, text, size,
                                GSIZE_TO_POINTER(bb_line_reader_number(job->reader)), error);
}

/* A line that is too long to be an event. Its bytes are not kept: with --rejected, all lines before
 * it get their outcome first, then it goes straight into the file. */
static gboolean refuse_long_line(publishing *job, GError **error)
{
    g_autofree char *text = g_strdup_printf("the line is longer than %" G_GSIZE_FORMAT
                                            " bytes (kafka: message.max.bytes)",
                                            job->max_bytes);
    gboolean keeps = option_rejected != NULL;
    if (keeps)
        settle(job, 0, FLUSH_TIMEOUT_MS);
    if (!bb_line_reader_skip(job->reader, keeps ? bb_publish_report_stream : NULL, job->report,
                             bb_signals_place(), error))
        return FALSE;
    if (keeps)
        bb_publish_report_end_line(job->report);
    bb_publish_report_keep_nothing(job->report);
    return bb_publisher_refuse(job->publisher, job->type, "size", text,
                               GSIZE_TO_POINTER(bb_line_reader_number(job->reader)), error);
}

/* TRUE while there is more to read. */
static gboolean step(publishing *job, GError **error)
{
    const char *text;
    gsize size;
    switch (bb_line_reader_next(job->reader, &text, &size, error)) {
    case BB_READ_LINE:
        return publish_line(job, text, size, error);
    case BB_READ_EMPTY:
        bb_publish_report_counts(job->report)->empty++;
        return TRUE;
    case BB_READ_LONG:
        return refuse_long_line(job, error);
    case BB_READ_WAIT:
        bb_publisher_poll(job->publisher, 0);
        return bb_publish_report_flush(job->report, error);
    case BB_READ_END:
    case BB_READ_FAILED:
    default:
        return FALSE;
    }
}

static void print_summary(const publishing *job)
{
    const bb_publish_counts *counts = bb_publish_report_counts(job->report);
    double seconds = MAX((double)(bb_clock_monotonic_ms() - job->started_ms) / 1000, 0.001);
    (void)fprintf(stderr,
                  "%s: %" G_GUINT64_FORMAT " delivered to %s, %" G_GUINT64_FORMAT
                  " refused, %" G_GUINT64_FORMAT " failed, %" G_GUINT64_FORMAT
                  " empty lines skipped; %.1f s, %.0f/s%s\n",
                  bb_line_reader_name(job->reader), counts->delivered, job->type->topic,
                  counts->rejected, counts->failed, counts->empty, seconds,
                  (double)counts->delivered / seconds,
                  bb_signals_count() ? "; stopped by a signal" : "");
    if (option_rejected && counts->rejected + counts->failed > 0)
        (void)fprintf(stderr, "%" G_GUINT64_FORMAT " lines are in %s\n",
                      counts->rejected + counts->failed, option_rejected);
}

static int exit_code(const bb_publish_counts *counts)
{
    return counts->failed ? BB_EXIT_KAFKA : counts->rejected ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static int publish_all(publishing *job)
{
    g_autoptr(GError) error = NULL;
    job->started_ms = bb_clock_monotonic_ms();
    while (!bb_signals_count() && step(job, &error))
        show_progress(job);
    settle(job, 1, job->timeout_ms >= 0 ? job->timeout_ms : FLUSH_TIMEOUT_MS);
    g_clear_pointer(&job->publisher, bb_publisher_free); /* what is left has failed */
    g_clear_pointer(&job->progress, bb_progress_free);
    GError *report_error = NULL;
    gboolean reported = bb_publish_report_flush(job->report, &report_error);
    if (!option_quiet)
        print_summary(job);
    int code = exit_code(bb_publish_report_counts(job->report));
    if (!reported && !error)
        return bb_app_fail(report_error);
    g_clear_error(&report_error);
    if (!error || (bb_signals_count() && error->code == BB_ERROR_KAFKA))
        return code;
    return bb_app_fail(g_steal_pointer(&error));
}

static int publish(publishing *job, const bb_session *session, const char *path)
{
    GError *error = NULL;
    job->max_bytes = longest_line(session->settings);
    g_autoptr(bb_line_reader) reader = bb_line_reader_open(path, job->max_bytes, &error);
    if (!reader)
        return bb_app_fail(error);
    g_autoptr(bb_publish_report) report =
        bb_publish_report_new(option_json, option_quiet, option_rejected, &error);
    if (!report)
        return bb_app_fail(error);
    job->reader = reader;
    job->report = report;
    job->publisher = bb_publisher_new(session->settings, session->metrics,
                                      bb_publish_report_outcome, report, &error);
    if (!job->publisher)
        return bb_app_fail(error);
    bb_signals_catch();
    bb_publisher_set_stop(job->publisher, bb_signals_place());
    if (!bb_publisher_wait(job->publisher,
                           job->timeout_ms >= 0 ? job->timeout_ms : START_TIMEOUT_MS,
                           bb_signals_place(), &error)) {
        bb_publisher_free(job->publisher);
        return bb_app_fail(error);
    }
    job->progress = option_quiet ? NULL : bb_progress_new("publishing");
    return publish_all(job);
}

static int run_publish(int argc, char **argv)
{
    int code = BB_EXIT_USAGE;
    publishing job = {.timeout_ms = -1};
    if (argc < 2)
        return bb_app_usage("publish", "needs an EVENT, as customer.user_event");
    if (argc > 3)
        return bb_app_usage("publish", "takes one file, found also `%s`", argv[3]);
    if (option_timeout && !bb_text_parse_duration_ms(option_timeout, &job.timeout_ms))
        return bb_app_usage("publish", "--timeout is `%s`; expected a duration, as 500ms, 30s, 5m",
                            option_timeout);
    g_autoptr(bb_session) session = bb_session_new(&code);
    if (!session)
        return code;
    job.type = bb_session_event(session, argv[1], &code);
    if (!job.type)
        return code;
    const char *path = argc > 2 ? argv[2] : NULL;
    if (!path && isatty(STDIN_FILENO))
        (void)fprintf(stderr, "reading JSON lines from the terminal; Ctrl-D ends\n");
    return publish(&job, session, path);
}

extern const bb_command bb_command_publish;
const bb_command bb_command_publish = {
    .name = "publish",
    .arguments = "EVENT [FILE|-]",
    .summary = "Validate, enrich and send events to Kafka, one outcome for every line",
    .description =
        "Reads one JSON event from each line of FILE or of standard input, checks it against its "
        "contract and the rules of its plugin, adds what is missing (ids, times, metadata), makes "
        "the record's key and sends it: idempotent, confirmed by all replicas in sync, in order. "
        "When Kafka is slower than the input, reading waits.\n\n"
        "Every line gets one outcome, in the order of the input: delivered (topic, partition, "
        "offset), rejected (where and why), or failed (Kafka did not take it, and whether to try "
        "again). Without --json only lines that were not delivered are shown. Empty lines are "
        "skipped and counted; a line longer than message.max.bytes is rejected.\n\n"
        "Ctrl-C or SIGTERM stops reading, waits for the outcomes of what was read and reports; a "
        "second one stops waiting.\n\n"
        "The exit code is 0 when all were delivered, 1 when some were rejected, 3 when Kafka could "
        "not be reached or some failed, 2 when something could not be read or written.",
    .examples = "busbar publish customer.user_event events.jsonl\n"
                "    sends a file; shows what was refused, then a summary\n"
                "tail -F app.log | busbar publish customer.session --json\n"
                "    follows a file; an outcome for every line, for programs\n"
                "busbar publish customer.user_event events.jsonl --rejected again.jsonl\n"
                "    keeps refused lines; correct them and publish again.jsonl",
    .options = options,
    .run = run_publish,
};
