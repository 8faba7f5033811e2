/* Registry of counters, gauges and histograms, cheap to write from any thread.
 *
 * A metric is registered once (main or worker thread, takes a lock) and written without a lock.
 * Labels are part of the name's identity: the same name with other labels is another series. Text
 * output follows the Prometheus exposition format 0.0.4. */
#ifndef BB_METRICS_H
#define BB_METRICS_H

#include <glib.h>

typedef struct bb_metrics bb_metrics;
typedef struct bb_metric bb_metric; /* one series */

/* Kinds as in busbar/plugin.h: 1 counter, 2 gauge, 3 histogram. */
bb_metrics *bb_metrics_new(void);
void bb_metrics_free(bb_metrics *metrics);

/* The series `name{labels}`; `labels` is the text between the braces
 * ("topic=\"t\",stage=\"parse\"") or NULL. The same name, kind and labels give the same series.
 * NULL when the name is malformed or taken by another kind. @owns metrics */
bb_metric *bb_metrics_get(bb_metrics *metrics, guint kind, const char *name, const char *labels,
                          const char *help);

/* A number for a series, for users that cannot keep a pointer; below 0 for NULL and when there are
 * too many. */
gint32 bb_metric_number(const bb_metric *metric);
/* The series of a number; NULL for a number that was never given. Lock-free. @owns metrics */
bb_metric *bb_metrics_at(const bb_metrics *metrics, gint32 number);

/* Adds to a counter, sets a gauge, observes a histogram value (seconds). Lock-free. NULL is
 * ignored. */
void bb_metric_record(bb_metric *metric, double value);
double bb_metric_value(const bb_metric *metric); /* counter or gauge; a histogram's count */

/* Everything, in Prometheus text. */
GString *bb_metrics_text(bb_metrics *metrics);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_metrics, bb_metrics_free)

#endif
