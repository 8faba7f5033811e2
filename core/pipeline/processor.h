/* The stages before `handle`: parse, validate, enrich, key. One processor per thread and event
 * type; no Kafka, no I/O.
 *
 * validate EVENT, publish and the lanes of run all go through here, so an event meets the same
 * rules everywhere. */
#ifndef BB_PROCESSOR_H
#define BB_PROCESSOR_H

#include "pipeline/call.h"

typedef struct bb_processor bb_processor;

typedef enum {
    BB_PROCESS_VALIDATE, /* parse and validate only, collects all failures */
    BB_PROCESS_PUBLISH,  /* and enrich, with metadata and key */
    BB_PROCESS_CONSUME   /* and enrich where the settings say so, without metadata; the batch stays
                            alive */
} bb_process_mode;

/* The outcome for one event. Texts live until the next event (next reset when consuming). */
typedef struct bb_result {
    int32_t verdict; /* BUSBAR_PASS ...; while consuming as the plugin gave it, so it may be none */
    uint32_t stage;  /* where it was decided, BUSBAR_STAGE_* */
    uint32_t scope;
    const char *pointer; /* "" when no member is at fault */
    const char *keyword; /* "malformed", "required", ...; "plugin" when a plugin decided */
    const char *message;
    const bb_failure *failures; /* all that were collected; the first is repeated above */
    guint failure_count;
} bb_result;

/* Makes the processor and the plugin's instance. `max_failures` as in
 * bb_evaluator_set_max_failures. */
bb_processor *bb_processor_new(const bb_event_type *type, bb_process_mode mode, guint max_failures,
                               bb_metrics *metrics, GError **error);
void bb_processor_free(bb_processor *processor);

/* `complete` adds the headers to an origin given to bb_processor_run when a plugin asks for it:
 * most never do, and reading them costs as much as a stage. NULL: origins are complete. */
void bb_processor_set_complete(bb_processor *processor, void (*complete)(busbar_origin *origin));

/* Runs the stages on `text`. `origin` may be NULL. The event lives until bb_processor_reset; NULL
 * unless the verdict is PASS. `text` must live as long. In PUBLISH and VALIDATE mode the previous
 * event is given up by the next call. */
busbar_event *bb_processor_run(bb_processor *processor, const char *text, size_t size,
                               const busbar_origin *origin, bb_result *ret_result);

/* Record key of an event that passed (PUBLISH mode): data NULL when the contract has no key. @owns
 * processor, until reset */
busbar_bytes bb_processor_key(bb_processor *processor, busbar_event *event);

/* PUBLISH mode with metadata in headers: the headers of this event. Returns their number. @owns
 * processor, until reset */
uint32_t bb_processor_headers(bb_processor *processor, const busbar_header **ret_headers);

/* Gives up all events of the batch. */
void bb_processor_reset(bb_processor *processor);

/* The plugin's instance, for `handle` (the lanes), and the memory of the batch. */
void *bb_processor_self(bb_processor *processor);
bb_arena *bb_processor_arena(bb_processor *processor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_processor, bb_processor_free)

#endif
