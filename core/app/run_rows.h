/* The counts of event types as a table and as JSON. */
#ifndef BB_RUN_ROWS_H
#define BB_RUN_ROWS_H

#include "kafka/runner.h"

typedef struct bb_run_row {
    const char *event;
    const char *topic;
    bb_run_counts counts;
} bb_run_row;

bb_run_counts bb_run_rows_sum(const bb_run_row *rows, guint count);
/* TRUE when consumed = handled + dropped + dead-lettered + deferred for every one. */
gboolean bb_run_rows_balance(const bb_run_row *rows, guint count);
/* `live`: with lag and what is in flight. */
void bb_run_rows_table(const bb_run_row *rows, guint count, gboolean live, gboolean color,
                       GString *out);
/* The summary of a run, as text or as one JSON object. */
void bb_run_rows_summary(const bb_run_row *rows, guint count, double seconds, guint restarts,
                         gboolean json, GString *out);

#endif
