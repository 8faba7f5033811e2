/* What `busbar publish` tells: an outcome for every line in order, counts, and the refused lines
 * as they came. */
#ifndef BB_PUBLISH_REPORT_H
#define BB_PUBLISH_REPORT_H

#include "kafka/publisher.h"

typedef struct bb_publish_report bb_publish_report;

typedef struct bb_publish_counts {
    guint64 delivered, rejected, failed, empty;
} bb_publish_counts;

/* `rejected_path` NULL: refused lines are not kept. BB_ERROR_IO. */
bb_publish_report *bb_publish_report_new(gboolean json, gboolean quiet, const char *rejected_path,
                                         GError **error);
void bb_publish_report_free(bb_publish_report *report);

/* Keeps a line until its outcome. Call before the event is handed over, in order. */
void bb_publish_report_keep(bb_publish_report *report, const char *text, gsize size);
/* The same for a line that was streamed already. */
void bb_publish_report_keep_nothing(bb_publish_report *report);
/* Bytes that are kept now. */
gsize bb_publish_report_kept(const bb_publish_report *report);
/* A piece of a refused line that is too long to keep; all lines before it must have their outcome.
 */
void bb_publish_report_stream(const char *text, gsize size, void *report);
void bb_publish_report_end_line(bb_publish_report *report);

/* bb_outcome_fn; the opaque is the line's number. */
void bb_publish_report_outcome(const bb_outcome *outcome, void *report);

bb_publish_counts *bb_publish_report_counts(bb_publish_report *report);
/* Writes out what is buffered. FALSE when standard output or the file failed, now or before. */
gboolean bb_publish_report_flush(bb_publish_report *report, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_publish_report, bb_publish_report_free)

#endif
