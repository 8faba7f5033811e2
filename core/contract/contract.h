/* Contracts: JSON Schema draft 2020-12, compiled once and evaluated over the tape.
 *
 * A compiled contract is immutable and shared by all threads; an evaluator is the scratch memory of
 * one. Specification: https://json-schema.org/draft/2020-12/json-schema-core and
 * .../json-schema-validation. The annotations of the x-busbar- name space are described in
 * docs/contracts.md. */
#ifndef BB_CONTRACT_H
#define BB_CONTRACT_H

#include <glib.h>

#include "event/event.h"

typedef struct bb_contract bb_contract;
typedef struct bb_evaluator bb_evaluator;

typedef struct bb_contract_options {
    const char *source; /* name for messages: a path, or "plugin ownlens_customer, user_event" */
    gboolean annotate_format; /* `format` only annotates; by default it asserts */
    /* Remote references: pairs of URI prefix and folder, ending with NULL. Nothing else is ever
     * fetched. */
    const char *const *resolve;
} bb_contract_options;

/* Compiles a schema. Errors (BB_ERROR_USAGE) name source, JSON pointer and reason; malformed JSON
 * gives line and column. */
bb_contract *bb_contract_compile(const char *text, gsize size, const bb_contract_options *options,
                                 GError **error);
bb_contract *bb_contract_compile_file(const char *path, const bb_contract_options *options,
                                      GError **error);
bb_contract *bb_contract_ref(bb_contract *contract);
void bb_contract_unref(bb_contract *contract);

/* Members declared by `properties` of the root (through a root `$ref` too), in the order of the
 * text. */
const bb_slot_name *bb_contract_slots(const bb_contract *contract, uint32_t *ret_count);
/* Number of a declared member; BB_NO_SLOT when it is not declared. */
uint32_t bb_contract_slot(const bb_contract *contract, const char *name, gsize size);

/* Root annotations. NULL where the contract has none. @owns contract */
const char *bb_contract_title(const bb_contract *contract);
const char *bb_contract_key_template(
    const bb_contract *contract); /* x-busbar-key: "{table_name}_{metric_date}" */

/* The text that was compiled, for what is made from a contract (generated events). @owns contract
 */
const char *bb_contract_text(const bb_contract *contract, gsize *ret_size);

/* x-busbar-wire: how records look on the wire unless the configuration says otherwise. */
typedef struct bb_wire {
    enum { BB_WIRE_KEY_RAW, BB_WIRE_KEY_JSON } key;
    enum { BB_WIRE_METADATA_HEADERS, BB_WIRE_METADATA_BODY, BB_WIRE_METADATA_NONE } metadata;
    const char *producer; /* name for the metadata; NULL: "busbar" */
    const char *version;  /* of the event for the metadata; NULL: "1.0" */
} bb_wire;
const bb_wire *bb_contract_wire(const bb_contract *contract);

/* One way in which an event breaks its contract. Texts live in the evaluator until its next use. */
typedef struct bb_failure {
    const char *pointer; /* of the instance, RFC 6901: "" is the whole event, "/tags/3" */
    const char *keyword; /* "required", "format", "x-busbar-lax", "malformed", ... */
    const char *message; /* expected and found, one sentence */
} bb_failure;

bb_evaluator *bb_evaluator_new(void);
void bb_evaluator_free(bb_evaluator *evaluator);
/* How many failures are collected before evaluation stops; 1 for the hot path, default 1. */
void bb_evaluator_set_max_failures(bb_evaluator *evaluator, guint count);
const bb_failure *bb_evaluator_failures(const bb_evaluator *evaluator, guint *ret_count);

/* Evaluates the contract over an event prepared with bb_event_init and this contract's slots. Where
 * the contract accepts a lax form, the canonical form is recorded as an edit of the event. Returns
 * false when the event breaks the contract. */
bool bb_contract_evaluate(const bb_contract *contract, bb_evaluator *evaluator,
                          busbar_event *event);

/* Fills what is absent: `default` of root members and x-busbar-generate values, as edits of the
 * event. Call after a successful evaluation. Deterministic for a given context with an origin: a
 * record that is read twice is filled the same way twice. */
typedef struct bb_fill_context {
    gint64 now_us; /* "now": wall clock while publishing, the record's timestamp while consuming */
    const char *topic; /* NULL: random UUIDs; else UUIDs derived from topic, partition, offset and
                          member (version 8) */
    gint32 partition;
    gint64 offset;
} bb_fill_context;
void bb_contract_fill(const bb_contract *contract, bb_evaluator *evaluator, busbar_event *event,
                      const bb_fill_context *context);

/* Root members marked x-busbar-pii, for masking: slot numbers. @owns contract */
const uint32_t *bb_contract_personal(const bb_contract *contract, guint *ret_count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_contract, bb_contract_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_evaluator, bb_evaluator_free)

#endif
