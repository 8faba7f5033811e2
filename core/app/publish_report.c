/* The report of `busbar publish`. */
#include "app/publish_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define STREAMED G_MAXUINT32

struct bb_publish_report {
    gboolean json, quiet;
    GString *line; /* scratch */
    char *path;    /* of the file for refused lines */
    FILE *file;
    int out_errno, file_errno; /* of the first failure */
    GByteArray *kept;          /* of each line its size (or STREAMED), then its bytes */
    gsize kept_begin;
    bb_publish_counts counts;
};

bb_publish_report *bb_publish_report_new(gboolean json, gboolean quiet, const char *rejected_path,
                                         GError **error)
{
    FILE *file = rejected_path ? fopen(rejected_path, "we") : NULL;
    if (rejected_path && !file) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", rejected_path, g_strerror(errno));
        return NULL;
    }
    bb_publish_report *report = g_new0(bb_publish_report, 1);
    report->json = json;
    report->quiet = quiet;
    report->line = g_string_new(NULL);
    report->path = g_strdup(rejected_path);
    report->file = file;
    report->kept = g_byte_array_new();
    return report;
}

void bb_publish_report_free(bb_publish_report *report)
{
    if (!report)
        return;
    if (report->file)
        (void)fclose(report->file); /* bb_publish_report_flush has looked */
    g_byte_array_unref(report->kept);
    g_string_free(report->line, TRUE);
    g_free(report->path);
    g_free(report);
}

bb_publish_counts *bb_publish_report_counts(bb_publish_report *report)
{
    return &report->counts;
}

gsize bb_publish_report_kept(const bb_publish_report *report)
{
    return report->kept->len - report->kept_begin;
}

void bb_publish_report_keep(bb_publish_report *report, const char *text, gsize size)
{
    if (!report->file)
        return;
    guint32 length = (guint32)size;
    g_byte_array_append(report->kept, (const guint8 *)&length, sizeof length);
    g_byte_array_append(report->kept, (const guint8 *)text, length);
}

void bb_publish_report_keep_nothing(bb_publish_report *report)
{
    guint32 length = STREAMED;
    if (report->file)
        g_byte_array_append(report->kept, (const guint8 *)&length, sizeof length);
}

static void write_file(bb_publish_report *report, const void *text, gsize size)
{
    if (report->file && fwrite(text, 1, size, report->file) != size && !report->file_errno)
        report->file_errno = errno;
}

void bb_publish_report_stream(const char *text, gsize size, void *report)
{
    write_file(report, text, size);
}

void bb_publish_report_end_line(bb_publish_report *report)
{
    write_file(report, "\n", 1);
}

/* Takes the oldest kept line off; writes it when its event was refused. */
static void release_line(bb_publish_report *report, gboolean refused)
{
    enum { COMPACT_BYTES = 1024 * 1024 };
    guint32 length;
    if (!report->file || bb_publish_report_kept(report) == 0)
        return;
    const guint8 *at = report->kept->data + report->kept_begin;
    memcpy(&length, at, sizeof length);
    if (length == STREAMED) {
        length = 0;
    } else if (refused) {
        write_file(report, at + sizeof length, length);
        bb_publish_report_end_line(report);
    }
    report->kept_begin += sizeof length + length;
    if (report->kept_begin == report->kept->len) {
        g_byte_array_set_size(report->kept, 0);
        report->kept_begin = 0;
    } else if (report->kept_begin > COMPACT_BYTES && report->kept_begin > report->kept->len / 2) {
        g_byte_array_remove_range(report->kept, 0, (guint)report->kept_begin);
        report->kept_begin = 0;
    }
}

static void append_member(GString *line, const char *name, const char *text)
{
    g_string_append_printf(line, ",\"%s\":", name);
    bb_text_append_json(line, text, strlen(text));
}

static void append_json(GString *line, guint64 number, const bb_outcome *outcome)
{
    static const char *const names[] = {"", "delivered", "rejected", "failed"};
    g_string_append_printf(line, "{\"line\":%" G_GUINT64_FORMAT ",\"status\":\"%s\"", number,
                           names[outcome->status]);
    if (outcome->status == BB_DELIVERED) {
        append_member(line, "topic", outcome->type->topic);
        g_string_append_printf(line, ",\"partition\":%d,\"offset\":%" G_GINT64_FORMAT "}\n",
                               outcome->partition, outcome->offset);
        return;
    }
    append_member(line, "pointer", outcome->pointer);
    append_member(line, "keyword", outcome->keyword);
    append_member(line, "message", outcome->message);
    if (outcome->status == BB_FAILED)
        g_string_append_printf(line, ",\"retriable\":%s", outcome->retriable ? "true" : "false");
    g_string_append(line, "}\n");
}

static void append_text(GString *line, guint64 number, const bb_outcome *outcome)
{
    if (outcome->status == BB_DELIVERED)
        return;
    g_string_append_printf(line, "line %" G_GUINT64_FORMAT ": ", number);
    if (outcome->status == BB_FAILED)
        g_string_append_printf(line, "failed: %s%s\n", outcome->message,
                               outcome->retriable ? " (try again)" : "");
    else
        g_string_append_printf(line, "refused: %s%s%s (%s)\n", outcome->pointer,
                               *outcome->pointer ? ": " : "", outcome->message, outcome->keyword);
}

static void count(bb_publish_counts *counts, bb_outcome_status status)
{
    if (status == BB_DELIVERED)
        counts->delivered++;
    else if (status == BB_REJECTED)
        counts->rejected++;
    else
        counts->failed++;
}

void bb_publish_report_outcome(const bb_outcome *outcome, void *user)
{
    bb_publish_report *report = user;
    count(&report->counts, outcome->status);
    release_line(report, outcome->status != BB_DELIVERED);
    if (outcome->status == BB_DELIVERED && (report->quiet || !report->json))
        return;
    g_string_truncate(report->line, 0);
    if (report->json)
        append_json(report->line, GPOINTER_TO_SIZE(outcome->opaque), outcome);
    else
        append_text(report->line, GPOINTER_TO_SIZE(outcome->opaque), outcome);
    if (fwrite(report->line->str, 1, report->line->len, stdout) != report->line->len &&
        !report->out_errno)
        report->out_errno = errno;
}

gboolean bb_publish_report_flush(bb_publish_report *report, GError **error)
{
    if (fflush(stdout) != 0 && !report->out_errno)
        report->out_errno = errno;
    if (report->file && fflush(report->file) != 0 && !report->file_errno)
        report->file_errno = errno;
    if (!report->out_errno && !report->file_errno)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s cannot be written: %s",
                report->out_errno ? "standard output" : report->path,
                g_strerror(report->out_errno ? report->out_errno : report->file_errno));
    return FALSE;
}
