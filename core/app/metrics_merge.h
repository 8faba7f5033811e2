/* Metrics of several processes as one text. Pure. */
#ifndef BB_METRICS_MERGE_H
#define BB_METRICS_MERGE_H

#include <glib.h>

/* `texts` (char *): Prometheus text as bb_metrics_text makes it, a family after the other. Samples
 * of one family come together; those of the same name and labels are added up, except for gauges,
 * of which the largest stands. */
GString *bb_metrics_merge(const GPtrArray *texts);

#endif
