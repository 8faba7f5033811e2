/* State of one compilation, shared by the files of the compiler. */
#ifndef BB_COMPILER_H
#define BB_COMPILER_H

#include "contract/contract_private.h"

/* Vocabularies that change what keywords mean. */
enum {
    BB_VOCABULARY_APPLICATOR = 1 << 0,
    BB_VOCABULARY_VALIDATION = 1 << 1,
    BB_VOCABULARY_UNEVALUATED = 1 << 2,
    BB_VOCABULARY_FORMAT = 1 << 3,
    BB_VOCABULARY_ALWAYS = 1 << 4,
    BB_VOCABULARY_ALL = (1 << 5) - 1
};

typedef struct bb_document bb_document;
typedef struct bb_draft bb_draft;

/* A schema with a base URI of its own: a document's root or what `$id` starts. */
struct bb_resource {
    const char *uri; /* absolute, without fragment */
    bb_document *document;
    uint32_t root;
    uint32_t vocabularies;
    GHashTable *anchors; /* name -> token; owned by the compiler */
    GArray *anchor_list; /* bb_dynamic_anchor while compiling */
    const bb_dynamic_anchor *dynamic;
    uint32_t dynamic_count;
};

/* A JSON text with its tape and what the compiler knows of its schemas. */
struct bb_document {
    const char *source; /* name for messages */
    const char *text;
    gsize size;
    const bb_token *tokens;
    bb_resource **resources; /* per token: the resource of a schema found there */
    bb_draft **drafts;       /* per token: the node made of it */
};

/* A node in the making. */
struct bb_draft {
    bb_node node; /* first, so that a node leads back to its draft */
    bb_document *document;
    uint32_t token;
    GPtrArray *links;    /* of bb_draft: subschemas whose failure is a failure of this one */
    GPtrArray *branches; /* of bb_draft: subschemas that may fail in peace */
    bool root_only;      /* has an annotation that only root members may have */
    bool root_member;    /* is one, or is reached from one by `$ref` */
    bool visited;
};

typedef struct bb_compiler {
    bb_contract *contract;
    bb_arena *arena; /* of the contract */
    const bb_contract_options *options;
    bb_parser *parser;
    GHashTable *resources;    /* URI -> bb_resource */
    GPtrArray *resource_list; /* owns their hash tables */
    GPtrArray *drafts;        /* all of them; filled up to `done` */
    guint done;
    guint reached; /* how many of them are reached from the root */
    guint document_count;
    bb_draft *always, *never;
    bool uses_dynamic;
    bool annotated; /* some schema has an annotation of busbar */
} bb_compiler;

/* Documents (document.c). Token 0 as a result means "absent": the root is nobody's member. */
bb_document *bb_document_parse(bb_compiler *compiler, const char *source, const char *text,
                               gsize size, GError **error);
uint32_t bb_document_member(const bb_document *document, uint32_t object, const char *name);
busbar_bytes bb_document_text(const bb_compiler *compiler, const bb_document *document,
                              uint32_t token);
/* As a text that ends with NUL. */
const char *bb_document_string(const bb_compiler *compiler, const bb_document *document,
                               uint32_t token);
busbar_bytes bb_document_json(const bb_document *document, uint32_t token);
bool bb_document_integer(const bb_document *document, uint32_t token, int64_t *ret_value);
char *bb_document_pointer(const bb_document *document, uint32_t token);
/* Sets the error for the value at `token`, or for its member `name` where given. Returns false. */
bool bb_document_refuse(const bb_document *document, uint32_t token, GError **error,
                        const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Schemas and references (resolve.c). */
bool bb_resolve_root(bb_compiler *compiler, bb_document *document, const char *uri, GError **error);
/* Makes the schemas at and below `token` known. */
bool bb_resolve_index(bb_compiler *compiler, bb_document *document, uint32_t token,
                      bb_resource *resource, GError **error);
/* The target of a reference that stands at `token`; `ret_anchor` is the plain name of its fragment
 * or NULL. */
bb_draft *bb_resolve_reference(bb_compiler *compiler, const bb_draft *from, uint32_t token,
                               const char **ret_anchor, GError **error);
/* The resource with this absolute URI, loaded where it must be. */
bb_resource *bb_resolve_resource(bb_compiler *compiler, const char *uri, GError **error);

/* The text of a metaschema of the draft by its URI, or NULL (metaschema.c). */
const char *bb_metaschema_find(const char *uri);

/* Nodes (compile.c). The node is filled later. NULL with an error when the value is no schema. */
bb_draft *bb_draft_get(bb_compiler *compiler, bb_document *document, uint32_t token,
                       GError **error);
/* Value of a keyword, 0 where it is absent or its vocabulary is off. */
uint32_t bb_draft_keyword(const bb_draft *draft, const char *name, uint32_t vocabulary);
/* The node of a subschema keyword; NULL where absent. False on error. */
bool bb_draft_schema(bb_compiler *compiler, bb_draft *draft, const char *name, uint32_t vocabulary,
                     bool branch, const bb_node **ret_node, GError **error);
/* Nodes of an array of schemas. */
bool bb_draft_schemas(bb_compiler *compiler, bb_draft *draft, const char *name, bool branch,
                      const bb_node ***ret_nodes, uint32_t *ret_count, GError **error);
void bb_draft_link(bb_draft *draft, bb_draft *target, bool branch);
/* A keyword whose value is an integer from 0 on; `value` stays where it is absent. */
bool bb_draft_count(const bb_draft *draft, const char *name, uint32_t *value, bool *ret_found,
                    GError **error);
void *bb_compiler_zeros(const bb_compiler *compiler, size_t size);

/* Groups of keywords: each fills its part of the node (plan_*.c). */
bool bb_plan_values(bb_compiler *compiler, bb_draft *draft, GError **error);
const bb_pattern *bb_plan_expression(bb_compiler *compiler, const bb_document *document,
                                     uint32_t token, GError **error);
bool bb_plan_object(bb_compiler *compiler, bb_draft *draft, GError **error);
bool bb_plan_array(bb_compiler *compiler, bb_draft *draft, GError **error);
bool bb_plan_logic(bb_compiler *compiler, bb_draft *draft, GError **error);
bool bb_plan_annotations(bb_compiler *compiler, bb_draft *draft, GError **error);

/* Prepares the short way of a finished node (plan_quick.c). */
void bb_plan_quick(bb_node *node);
/* Lets members point past schemas that are nothing but a `$ref`. */
void bb_plan_shortcuts(const bb_compiler *compiler);

/* What the contract as a whole says (plan_root.c). */
bool bb_plan_root(bb_compiler *compiler, GError **error);

#endif
