/* Inside of a compiled contract, shared by the compiler, the evaluator and the filler.
 *
 * A schema object becomes a node: a set of rules grouped by the type of value they look at. Nodes
 * point at one another, so `$ref` costs one call and a cycle is a cycle of pointers. All of it
 * lives in the contract's arena and is immutable once bb_contract_compile has returned. */
#ifndef BB_CONTRACT_PRIVATE_H
#define BB_CONTRACT_PRIVATE_H

#include "base/arena.h"
#include "contract/canonical.h"
#include "contract/contract.h"
#include "contract/format.h"
#include "contract/number.h"
#include "contract/pattern.h"

typedef struct bb_node bb_node;
typedef struct bb_resource bb_resource;

/* Allowed types of a value: bit `1 << token type`; an integer is BB_TYPE_INTEGER without
 * `1 << BB_NUMBER`. */
#define BB_TYPE_INTEGER 1u
#define BB_TYPE_BIT(type) (1u << (type))
#define BB_TYPE_ANY 0xffu

typedef struct bb_constants {
    const char *keyword; /* "enum" or "const" */
    const char *text;    /* of the keyword's value, for messages */
    uint32_t text_size;
    uint32_t count;
    bool strings_only;           /* every value is a string */
    const busbar_bytes *strings; /* decoded; data NULL for what is not a string */
    const uint32_t *tokens;      /* where the values stand in the schema's own tape */
    const char *document_text;
    const bb_token *document_tokens;
} bb_constants;

typedef struct bb_string_rules {
    uint32_t min_length;
    uint32_t max_length; /* UINT32_MAX: none */
    const bb_pattern *pattern;
    bb_format_fn format;
    const char *format_name;
    const char *pattern_text;
} bb_string_rules;

typedef struct bb_bound {
    bb_decimal decimal;
    int64_t integer; /* where `exact` */
    bool exact;      /* `integer` is the value */
    bool set;
    const char *text; /* for messages */
    int text_size;
} bb_bound;

typedef struct bb_number_rules {
    bb_bound minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of;
} bb_number_rules;

typedef struct bb_array_rules {
    uint32_t min_items, max_items;
    uint32_t min_contains, max_contains;
    bool unique;
    uint32_t prefix_count;
    const bb_node **prefix;
    const bb_node *items;
    const bb_node *contains;
} bb_array_rules;

/* A name that the schema knows: from `properties` (then `node` is set), or only from `required` or
 * a dependency. */
typedef struct bb_property {
    busbar_bytes name;
    uint16_t hash;
    bool required;
    const bb_node *node;
} bb_property;

typedef struct bb_pattern_property {
    const bb_pattern *pattern;
    const bb_node *node;
} bb_pattern_property;

typedef struct bb_dependency {
    uint32_t trigger;         /* number of a property */
    uint32_t required_count;  /* dependentRequired */
    const uint32_t *required; /* numbers of properties */
    const bb_node *node;      /* dependentSchemas */
} bb_dependency;

typedef struct bb_object_rules {
    bb_property *properties; /* declared ones first, in the order of the text */
    uint32_t property_count;
    uint32_t declared_count;
    uint32_t required_count;
    const uint32_t *table; /* open addressing by hash: number + 1, 0 for free */
    uint32_t table_mask;
    uint32_t min_properties, max_properties;
    uint32_t pattern_count;
    const bb_pattern_property *patterns;
    const bb_node *additional;     /* NULL where absent */
    const bb_node *property_names; /* NULL where absent */
    uint32_t dependency_count;
    const bb_dependency *dependencies;
    bool walks;           /* members that `properties` does not declare matter too */
    bool only_additional; /* ... but only for additionalProperties */
} bb_object_rules;

/* Applicators on the same value. */
typedef struct bb_logic {
    const bb_node *ref;
    const bb_node *dynamic_ref; /* initial target */
    const char *dynamic_name;   /* NULL: the initial target is final */
    uint32_t all_count, any_count, one_count;
    const bb_node **all_of, **any_of, **one_of;
    const bb_node *not_node;
    const bb_node *if_node, *then_node, *else_node;
    const bb_node *unevaluated_items, *unevaluated_properties;
} bb_logic;

typedef enum bb_verdict { BB_VERDICT_RULES = 0, BB_VERDICT_ALWAYS, BB_VERDICT_NEVER } bb_verdict;
typedef enum bb_case { BB_CASE_KEEP = 0, BB_CASE_LOWER, BB_CASE_UPPER } bb_case;

/* What the short way has to look at. */
enum {
    BB_QUICK_STRING = 1 << 0, /* strings can go the short way */
    BB_QUICK_LENGTH = 1 << 1,
    BB_QUICK_LAX = 1 << 2,
    BB_QUICK_EDITS = 1 << 3, /* case, trim, empty */
    BB_QUICK_ENUM = 1 << 4,
    BB_QUICK_FORMAT = 1 << 5,
    BB_QUICK_PATTERN = 1 << 6,
    BB_QUICK_INTEGER = 1 << 7 /* integers can, within `quick_minimum` and `quick_maximum` */
};

struct bb_node {
    uint8_t verdict; /* bb_verdict */
    uint8_t types;   /* BB_TYPE_ANY: no `type` keyword */
    uint8_t lax;     /* bb_lax */
    uint8_t letters; /* bb_case */
    bool trim;
    bool empty_null;
    bool edits; /* any of the annotations above */
    /* The short way: a value that surely fits needs no walk through the rules (plan_quick.c). */
    uint8_t quick_types; /* bits of token types that fit as they are */
    uint8_t quick;       /* what to look at in a string or number; 0: take the long way */
    bool quick_uuid;     /* a canonical UUID fits as it is */
    int64_t quick_minimum, quick_maximum;
    const bb_constants *constants; /* enum */
    const bb_constants *constant;  /* const */
    const bb_string_rules *string;
    const bb_number_rules *number;
    const bb_array_rules *array;
    const bb_object_rules *object;
    const bb_logic *logic;
    const bb_resource *resource;
};

/* Anchors of `$dynamicAnchor` in a schema resource. */
typedef struct bb_dynamic_anchor {
    const char *name;
    uint32_t token;
    const bb_node *node;
} bb_dynamic_anchor;

typedef enum bb_generate {
    BB_GENERATE_NONE = 0,
    BB_GENERATE_NOW,  /* x-busbar-generate "now" */
    BB_GENERATE_UUID4 /* x-busbar-generate "uuid4" */
} bb_generate;

/* What filling and masking need of a declared root member; same number as its slot. */
typedef struct bb_member {
    const bb_node *node;
    busbar_bytes default_json; /* JSON text of `default`; data NULL where there is none. Used when
                                  the member is absent and nothing is generated for that. */
    uint8_t generate;          /* bb_generate */
    bool generate_absent;      /* when the member is absent (the usual case) */
    bool generate_null;        /* when it is null */
    bool required;
    bool personal; /* x-busbar-pii */
} bb_member;

struct bb_contract {
    gatomicrefcount refs;
    bb_arena *arena;
    GPtrArray *patterns; /* bb_pattern, to be freed */
    const char *source;
    const bb_node *root;
    const bb_object_rules *slot_rules; /* the rules that the slots stand for; NULL: no slots */
    bool dynamic;                      /* there is a `$dynamicRef` whose target depends on scope */

    const bb_slot_name *slot_names;
    const bb_member *members; /* [slot_count] */
    uint32_t slot_count;
    const uint32_t *fills; /* slots with a default or a generated value, ascending */
    uint32_t fill_count;
    const uint32_t *personal;
    guint personal_count;

    const char *title;
    const char *key_template;
    bb_wire wire;
    const char *id;   /* `$id` of the root, or NULL */
    const char *text; /* of the schema as it was compiled; a copy in the arena */
    gsize text_size;
};

#endif
