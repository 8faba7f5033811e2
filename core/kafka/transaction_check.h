/* What a configuration must give for exactly-once, looked at before anything starts. */
#ifndef BB_TRANSACTION_CHECK_H
#define BB_TRANSACTION_CHECK_H

#include "pipeline/event_type.h"

/* How long the brokers are to let a transaction of `event` be open: as configured
 * (`transaction.timeout.ms`), or enough for the interval and the drain. */
gint64 bb_transaction_timeout_ms(const bb_settings *settings, const bb_event_settings *event);

/* Why `type` cannot be delivered exactly once though its configuration says so: char *, one for
 * each reason; empty for any other delivery. */
GPtrArray *bb_transaction_refusals(const bb_settings *settings, const bb_event_type *type);

#endif
