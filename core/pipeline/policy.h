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
    BB_ACTION_STOP,         /* the event type stops; the record stays unfinished */
    BB_ACTION_PAUSE, /* as RETRY, and nothing behind the record goes on before it has passed */
    BB_ACTION_DEFER  /* final once it is confirmed in the next retry topic */
} bb_action;

/* The settings `retry` and `on_*` of an event type. An action that is 0 is the default. */
typedef struct bb_policy {
    guint retry_attempts; /* of faults of the record; 0: without end */
    gint64 retry_initial_ms;
    gint64 retry_max_ms;
    bb_action on_reject;    /* DEAD_LETTER (default), DROP or STOP */
    bb_action on_exhausted; /* DEAD_LETTER (default), DROP, STOP or PAUSE */
    bb_action on_fault;     /* STOP (default) or DEAD_LETTER */
    guint tiers; /* retry topics: faults of the record go there, once each; 0: there are none */
    guint tier;  /* the one that is read here, from 1; 0: the event type's own topic */
} bb_policy;

/* Whom an answer counts against; each has attempts of its own. */
typedef enum {
    BB_COUNTS_NOT,    /* nobody: a verdict that is final, or an outage */
    BB_COUNTS_RECORD, /* RETRY with the scope of the record */
    BB_COUNTS_PLUGIN, /* no verdict at all */
    BB_COUNTS_KINDS
} bb_counts;

/* What is judged. */
typedef struct bb_judged {
    uint32_t stage;  /* BUSBAR_STAGE_* */
    int32_t verdict; /* as the plugin gave it; what is no verdict of this stage is a plugin fault */
    uint32_t scope;  /* BUSBAR_SCOPE_*; 0 is RECORD */
    guint attempts;  /* calls at this stage so far, this one included */
    guint faults;    /* of those, answers that count as this one does (bb_policy_counts) */
} bb_judged;

typedef struct bb_decision {
    bb_action action;
    gint64 delay_ms; /* of RETRY and PAUSE */
} bb_decision;

/* After so many answers without a verdict it comes to what `on_fault` says. */
#define BB_POLICY_FAULT_ATTEMPTS 5

/* `random` spreads the delay; any value. */
bb_decision bb_policy_decide(const bb_policy *policy, const bb_judged *judged, guint32 random);

/* initial * 2^(attempts-1), at most max, spread over its upper half: [delay/2, delay]. */
gint64 bb_policy_backoff_ms(const bb_policy *policy, guint attempts, guint32 random);

/* Whom the answer counts against. */
bb_counts bb_policy_counts(uint32_t stage, int32_t verdict, uint32_t scope);

/* The table as docs/delivery.md shows it. g_free */
char *bb_policy_text(void);

/* "drop", "dead_letter", ...: as the settings name it. */
const char *bb_action_name(bb_action action);

/* "parse", "validate", ... */
const char *bb_stage_name(uint32_t stage);

#endif
