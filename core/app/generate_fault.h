/* Faults of generated events: one rule each. */
#ifndef BB_GENERATE_FAULT_H
#define BB_GENERATE_FAULT_H

#include "app/generate_private.h"

typedef enum bb_fault_kind {
    BB_FAULT_NONE = 0,
    BB_FAULT_CUT,      /* the text ends too early: malformed */
    BB_FAULT_MISSING,  /* a required member is absent */
    BB_FAULT_UNKNOWN,  /* a member that the contract does not know */
    BB_FAULT_ENUM,     /* not one of the values */
    BB_FAULT_UUID,     /* no UUID */
    BB_FAULT_LONG,     /* one character more than allowed */
    BB_FAULT_NEGATIVE, /* below the minimum */
    BB_FAULT_MAXIMUM,  /* above the maximum */
    BB_FAULT_TYPE,     /* an object where a plain value belongs */
    BB_FAULT_INSTANT,  /* no timestamp */
    BB_FAULT_URL,      /* no URL */
    BB_FAULT_COUNT
} bb_fault_kind;

typedef struct bb_fault {
    bb_fault_kind kind;
    const bb_plan_field *field; /* the member at fault, or NULL */
} bb_fault;

/* Throws for a fault that the contract of the plan refuses. */
bb_fault bb_fault_pick(const bb_plan *plan, guint64 *dice);
/* Appends the value of the member at fault. */
void bb_fault_value(const bb_fault *fault, GString *out);
/* Appends what ends the event. */
void bb_fault_finish(const bb_fault *fault, GString *out);

#endif
