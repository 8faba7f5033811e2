/* The policy: what becomes of a record after a verdict. One pure function over a table, so that
 * every row can be tested and read. */
#ifndef BB_POLICY_H
#define BB_POLICY_H

#include <busbar/plugin.h>
#include <glib.h>

typedef enum {
    BB_ACTION_CONTINUE = 1, /* on to the next stage; after the last one: final */
    BB_ACTION_DROP,         /* final, counted */
    BB_ACTION_DEAD_LETTER,  /* final once the dead letter is confirmed */
    BB_ACTION_RETRY,        /* the same stage again after `delay_ms` */
    BB_ACTION_STOP          /* the event type stops; the record stays unfinished */
} bb_action;

typedef struct bb_policy {
    guint retry_attempts; /* of faults of the record; 0: without end */
    gint64 retry_initial_ms;
    gint64 retry_max_ms;
} bb_policy;

/* What is judged. */
typedef struct bb_judged {
    uint32_t stage;  /* BUSBAR_STAGE_* */
    int32_t verdict; /* as the plugin gave it; what is no verdict of this stage is a plugin fault */
    uint32_t scope;  /* BUSBAR_SCOPE_*; 0 is RECORD */
    guint attempts;  /* calls at this stage so far, this one included */
    guint faults;    /* of those, answers that count against the record or plugin */
} bb_judged;

typedef struct bb_decision {
    bb_action action;
    gint64 delay_ms; /* of RETRY */
} bb_decision;

/* Answers without a verdict are tried again this often before the event type stops. */
#define BB_POLICY_FAULT_ATTEMPTS 5

/* `random` spreads the delay; any value. */
bb_decision bb_policy_decide(const bb_policy *policy, const bb_judged *judged, guint32 random);

/* initial * 2^(attempts-1), at most max, spread over its upper half: [delay/2, delay]. */
gint64 bb_policy_backoff_ms(const bb_policy *policy, guint attempts, guint32 random);

/* TRUE when the answer counts as a fault (see bb_judged.faults): no verdict at all, or a RETRY
 * whose scope is the record. */
gboolean bb_policy_is_fault(uint32_t stage, int32_t verdict, uint32_t scope);

/* "parse", "validate", ... */
const char *bb_stage_name(uint32_t stage);

#endif
