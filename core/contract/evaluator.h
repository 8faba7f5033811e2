/* Inside of the evaluator, shared by its files. */
#ifndef BB_EVALUATOR_H
#define BB_EVALUATOR_H

#include "contract/contract_private.h"
#include "contract/random.h"

/* A value as the rules see it: a token of the event, a member name, or the text that an annotation
 * put in its place. */
typedef struct bb_view {
    const char *text; /* JSON text; of a string: between the quotes, or decoded */
    uint32_t size;
    uint32_t token; /* the value; of a member name: the member's value */
    uint32_t slot;  /* of a root member, else BB_NO_SLOT */
    uint8_t type;
    uint8_t flags; /* of the token; BB_TOKEN_ESCAPED goes when the text has been decoded */
    bool edited;   /* the text is no longer that of the token */
    bool is_name;
} bb_view;

/* Which children of a value have been evaluated: one bit per token behind it. */
typedef struct bb_marks {
    uint64_t *bits;
    uint32_t words;
    bool all;
} bb_marks;

/* Schema resources that evaluation has entered, innermost first. */
typedef struct bb_scope {
    const struct bb_scope *outer;
    const bb_resource *resource;
} bb_scope;

struct bb_evaluator {
    const bb_contract *contract;
    busbar_event *event;
    const char *json;
    const bb_token *tokens;
    bb_matcher *matcher;
    bb_arena *arena;  /* decoded texts, marks, failures */
    bool arena_dirty; /* something lies in it */
    bool stopped;     /* a limit was hit: the verdict is false whatever comes */
    bool slots_fit;   /* the event was prepared with the contract's slots */
    guint quiet;      /* above 0: failures are not put into words */
    uint32_t depth;
    uint64_t steps_left;
    const bb_scope *scope;
    guint max_failures;
    guint failure_count;
    guint failure_room;
    bb_failure *failures;
    char canonical[BB_CANONICAL_MAX];
    bb_random *random; /* for filling; made when a UUID is first asked for */
};

/* Verdict of a node on a value; `marks` NULL where nobody asks what was evaluated. */
bool bb_evaluate(bb_evaluator *evaluator, const bb_node *node, bb_view *view, bb_marks *marks);
/* The same for a branch: its failure is not the event's. */
bool bb_evaluate_quiet(bb_evaluator *evaluator, const bb_node *node, const bb_view *view,
                       bb_marks *marks);

/* Counts a step of work; false when there have been too many, and the event is refused. */
bool bb_evaluator_step(bb_evaluator *evaluator, const bb_view *view);

/* The short way for a string or number; false is no verdict. `slot` as in bb_view. */
bool bb_evaluate_quick_value(bb_evaluator *evaluator, const bb_node *node, uint32_t token,
                             uint32_t slot);
/* True when the value at `token` surely fits; false is no verdict. */
static inline bool bb_evaluate_fits(bb_evaluator *evaluator, const bb_node *node, uint32_t token,
                                    uint32_t slot)
{
    if (node->quick_types & BB_TYPE_BIT(evaluator->tokens[token].type))
        return true;
    return node->quick && bb_evaluate_quick_value(evaluator, node, token, slot);
}

/* Groups of rules (evaluate_*.c). */
bool bb_evaluate_edits(bb_evaluator *evaluator, const bb_node *node, bb_view *view);
bool bb_evaluate_letters(bb_evaluator *evaluator, const bb_node *node, bb_view *view);
void bb_evaluate_trim(bb_evaluator *evaluator, bb_view *view);
bool bb_evaluate_constants(bb_evaluator *evaluator, const bb_constants *constants, bb_view *view);
bool bb_evaluate_lengths(bb_evaluator *evaluator, const bb_string_rules *rules, bb_view *view);
bool bb_evaluate_string(bb_evaluator *evaluator, const bb_string_rules *rules, bb_view *view);
bool bb_evaluate_number(bb_evaluator *evaluator, const bb_number_rules *rules, const bb_view *view);
bool bb_evaluate_array(bb_evaluator *evaluator, const bb_array_rules *rules, const bb_view *view,
                       bb_marks *marks);
bool bb_evaluate_object(bb_evaluator *evaluator, const bb_object_rules *rules, const bb_view *view,
                        bb_marks *marks);
bool bb_evaluate_logic(bb_evaluator *evaluator, const bb_logic *logic, bb_view *view,
                       bb_marks *marks);
bool bb_evaluate_unevaluated(bb_evaluator *evaluator, const bb_logic *logic, const bb_view *view,
                             const bb_marks *marks);

/* Scratch memory until the next evaluation. */
void *bb_evaluator_alloc(bb_evaluator *evaluator, size_t size);
/* Decoded text of a string. */
busbar_bytes bb_view_text(bb_evaluator *evaluator, bb_view *view);
bb_view bb_view_of(const bb_evaluator *evaluator, uint32_t token);
bb_marks bb_marks_new(bb_evaluator *evaluator, const bb_view *view);
void bb_marks_add(bb_marks *marks, const bb_view *view, uint32_t child);
bool bb_marks_has(const bb_marks *marks, const bb_view *view, uint32_t child);
void bb_marks_merge(bb_marks *marks, const bb_marks *more);

/* Records a failure at the value. The first adds what was found. Always false. */
bool bb_evaluator_refuse(bb_evaluator *evaluator, const bb_view *view, const char *keyword,
                         const char *format, ...) G_GNUC_PRINTF(4, 5);
bool bb_evaluator_refuse_plain(bb_evaluator *evaluator, const bb_view *view, const char *keyword,
                               const char *format, ...) G_GNUC_PRINTF(4, 5);
/* True when looking further cannot change anything: nobody wants more failures. */
static inline bool bb_evaluator_enough(const bb_evaluator *evaluator)
{
    return evaluator->quiet || evaluator->stopped ||
           evaluator->failure_count >= evaluator->max_failures;
}

/* JSON equality and a hash that goes with it (equal.c). */
bool bb_json_equal(const char *a_text, const bb_token *a_tokens, uint32_t a, const char *b_text,
                   const bb_token *b_tokens, uint32_t b);
uint32_t bb_json_hash(const char *text, const bb_token *tokens, uint32_t token);

/* Verdict on a value that is no event, such as a default; the reason is the first failure. */
bool bb_evaluator_check(const bb_contract *contract, const bb_node *node, busbar_bytes json,
                        char **ret_reason);

#endif
