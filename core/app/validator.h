/* Judging single events for people: all failures, no Kafka. */
#ifndef BB_VALIDATOR_H
#define BB_VALIDATOR_H

#include "pipeline/processor.h"

typedef struct bb_validator bb_validator;

/* Against a schema file. */
bb_validator *bb_validator_new_schema(const char *path, const bb_contract_options *options,
                                      guint max_failures, GError **error);
/* Against contract and plugin of an event type, which must live as long. */
bb_validator *bb_validator_new_event(const bb_event_type *type, guint max_failures,
                                     bb_metrics *metrics, GError **error);
void bb_validator_free(bb_validator *validator);

/* The failures of an event, `*ret_count` 0 when it is valid. @owns validator, until the next run */
const bb_failure *bb_validator_run(bb_validator *validator, const char *text, gsize size,
                                   guint *ret_count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_validator, bb_validator_free)

#endif
