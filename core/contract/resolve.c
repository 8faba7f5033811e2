/* Schema resources: base URIs, anchors, references, and remote documents from local folders. */
#include "contract/compiler.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "contract/uri.h"

#define DOCUMENT_LIMIT 128u
#define DRAFT_URI "https://json-schema.org/draft/2020-12/"

static const struct {
    const char *name;
    bool many; /* an array or a map of schemas */
} subschema_keywords[] = {
    {"$defs", true},
    {"properties", true},
    {"patternProperties", true},
    {"dependentSchemas", true},
    {"allOf", true},
    {"anyOf", true},
    {"oneOf", true},
    {"prefixItems", true},
    {"additionalProperties", false},
    {"propertyNames", false},
    {"items", false},
    {"contains", false},
    {"not", false},
    {"if", false},
    {"then", false},
    {"else", false},
    {"unevaluatedItems", false},
    {"unevaluatedProperties", false},
    {"contentSchema", false},
};

static const struct {
    const char *name;
    uint32_t vocabulary;
} vocabularies[] = {
    {DRAFT_URI "vocab/core", 0},
    {DRAFT_URI "vocab/applicator", BB_VOCABULARY_APPLICATOR},
    {DRAFT_URI "vocab/unevaluated", BB_VOCABULARY_UNEVALUATED},
    {DRAFT_URI "vocab/validation", BB_VOCABULARY_VALIDATION},
    {DRAFT_URI "vocab/meta-data", 0},
    {DRAFT_URI "vocab/format-annotation", BB_VOCABULARY_FORMAT},
    {DRAFT_URI "vocab/format-assertion", BB_VOCABULARY_FORMAT},
    {DRAFT_URI "vocab/content", 0},
};

static bb_resource *add_resource(bb_compiler *compiler, bb_document *document, uint32_t root,
                                 const char *uri)
{
    bb_resource *resource = bb_compiler_zeros(compiler, sizeof(*resource));
    resource->uri = bb_arena_copy(compiler->arena, uri, strlen(uri));
    resource->document = document;
    resource->root = root;
    resource->vocabularies = BB_VOCABULARY_ALL;
    resource->anchors = g_hash_table_new(g_str_hash, g_str_equal);
    resource->anchor_list = g_array_new(FALSE, TRUE, sizeof(bb_dynamic_anchor));
    g_ptr_array_add(compiler->resource_list, resource);
    g_hash_table_insert(compiler->resources, (gpointer)resource->uri, resource);
    return resource;
}

static bool expect_string(const bb_document *document, uint32_t token, GError **error)
{
    if (document->tokens[token].type == BB_STRING)
        return true;
    return bb_document_refuse(document, token, error, "must be a string");
}

/* `$id`: a new resource, or the URI of the document's root. */
static bool start_resource(bb_compiler *compiler, bb_document *document, uint32_t token,
                           bb_resource **resource, GError **error)
{
    uint32_t value = bb_document_member(document, token, "$id");
    if (!value)
        return true;
    if (!expect_string(document, value, error))
        return false;
    const char *id = bb_document_string(compiler, document, value);
    g_autofree char *uri = bb_uri_resolve((*resource)->uri, id);
    char *fragment = strchr(uri, '#');
    if (fragment && fragment[1])
        return bb_document_refuse(document, value, error, "\"$id\" must not have a fragment");
    if (fragment)
        *fragment = '\0';
    bb_resource *known = g_hash_table_lookup(compiler->resources, uri);
    if (known && (known->document != document || known->root != token))
        return bb_document_refuse(document, value, error, "another schema has the URI \"%s\"", uri);
    if (token == (*resource)->root) {
        (*resource)->uri = bb_arena_copy(compiler->arena, uri, strlen(uri));
        g_hash_table_insert(compiler->resources, (gpointer)(*resource)->uri, *resource);
        return true;
    }
    uint32_t inherited = (*resource)->vocabularies;
    *resource = add_resource(compiler, document, token, uri);
    (*resource)->vocabularies = inherited;
    return true;
}

/* Adds up `$vocabulary` of a metaschema. */
static bool read_vocabularies(bb_compiler *compiler, const bb_resource *meta, uint32_t *ret_bits,
                              GError **error)
{
    const bb_document *document = meta->document;
    const bb_token *tokens = document->tokens;
    uint32_t map = bb_document_member(document, meta->root, "$vocabulary");
    *ret_bits = map ? BB_VOCABULARY_ALWAYS : BB_VOCABULARY_ALL;
    if (map && tokens[map].type != BB_OBJECT)
        return bb_document_refuse(document, map, error, "must be an object");
    for (uint32_t i = map + 1; map && i < tokens[map].next; i = tokens[i + 1].next) {
        const char *name = bb_document_string(compiler, document, i);
        size_t at = 0;
        while (at < G_N_ELEMENTS(vocabularies) && strcmp(name, vocabularies[at].name) != 0)
            at++;
        if (at < G_N_ELEMENTS(vocabularies))
            *ret_bits |= vocabularies[at].vocabulary;
        else if (tokens[i + 1].type == BB_TRUE)
            return bb_document_refuse(document, i, error,
                                      "busbar does not know this required vocabulary");
    }
    return true;
}

/* `$schema` of a resource: which vocabularies count. */
static bool read_dialect(bb_compiler *compiler, bb_document *document, uint32_t token,
                         bb_resource *resource, GError **error)
{
    uint32_t value = bb_document_member(document, token, "$schema");
    if (!value)
        return true;
    if (!expect_string(document, value, error))
        return false;
    g_autofree char *uri = g_strdup(bb_document_string(compiler, document, value));
    if (g_str_has_suffix(uri, "#"))
        uri[strlen(uri) - 1] = '\0';
    if (strcmp(uri, DRAFT_URI "schema") == 0 || strcmp(uri, resource->uri) == 0)
        return true;
    g_autoptr(GError) reason = NULL;
    bb_resource *meta = bb_resolve_resource(compiler, uri, &reason);
    if (!meta)
        return bb_document_refuse(document, value, error,
                                  "the dialect must be draft 2020-12 (" DRAFT_URI
                                  "schema) or a metaschema that can be read: %s",
                                  reason->message);
    return read_vocabularies(compiler, meta, &resource->vocabularies, error);
}

static bool add_anchor(bb_compiler *compiler, bb_document *document, uint32_t token,
                       bb_resource *resource, const char *keyword, GError **error)
{
    uint32_t value = bb_document_member(document, token, keyword);
    if (!value)
        return true;
    if (!expect_string(document, value, error))
        return false;
    const char *name = bb_document_string(compiler, document, value);
    if (!g_ascii_isalpha(*name) && *name != '_')
        return bb_document_refuse(document, value, error, "must begin with a letter or \"_\"");
    gpointer known = g_hash_table_lookup(resource->anchors, name);
    if (known && GPOINTER_TO_UINT(known) != token + 1)
        return bb_document_refuse(document, value, error, "anchor \"%s\" is already taken", name);
    /* Stored plus one, because token 0 may carry an anchor. */
    g_hash_table_insert(resource->anchors, (gpointer)name, GUINT_TO_POINTER(token + 1));
    if (strcmp(keyword, "$dynamicAnchor") == 0) {
        bb_dynamic_anchor anchor = {name, token, NULL};
        g_array_append_val(resource->anchor_list, anchor);
    }
    return true;
}

/* The subschemas of one keyword. */
static bool index_keyword(bb_compiler *compiler, bb_document *document, uint32_t value, bool many,
                          bb_resource *resource, GError **error)
{
    const bb_token *tokens = document->tokens;
    if (!many)
        return bb_resolve_index(compiler, document, value, resource, error);
    bool map = tokens[value].type == BB_OBJECT;
    if (!map && tokens[value].type != BB_ARRAY)
        return true; /* refused when the keyword is compiled */
    for (uint32_t i = value + 1; i < tokens[value].next;) {
        uint32_t child = map ? i + 1 : i;
        if (!bb_resolve_index(compiler, document, child, resource, error))
            return false;
        i = tokens[child].next;
    }
    return true;
}

bool bb_resolve_index(bb_compiler *compiler, bb_document *document, uint32_t token,
                      bb_resource *resource, GError **error)
{
    if (document->resources[token])
        return true;
    if (document->tokens[token].type != BB_OBJECT) {
        document->resources[token] = resource;
        return true;
    }
    if (!start_resource(compiler, document, token, &resource, error))
        return false;
    document->resources[token] = resource;
    if (token == resource->root && !read_dialect(compiler, document, token, resource, error))
        return false;
    if (!add_anchor(compiler, document, token, resource, "$anchor", error) ||
        !add_anchor(compiler, document, token, resource, "$dynamicAnchor", error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(subschema_keywords); i++) {
        uint32_t value = bb_document_member(document, token, subschema_keywords[i].name);
        if (value &&
            !index_keyword(compiler, document, value, subschema_keywords[i].many, resource, error))
            return false;
    }
    return true;
}

bool bb_resolve_root(bb_compiler *compiler, bb_document *document, const char *uri, GError **error)
{
    bb_resource *resource = add_resource(compiler, document, 0, uri);
    return bb_resolve_index(compiler, document, 0, resource, error);
}

/* The file that a remote URI stands for; NULL where no folder is given for it. */
static char *find_file(const bb_contract_options *options, const char *uri)
{
    const char *folder = NULL;
    size_t longest = 0;
    for (const char *const *pair = options->resolve; pair && pair[0] && pair[1]; pair += 2) {
        size_t size = strlen(pair[0]);
        if (size >= longest && strncmp(uri, pair[0], size) == 0) {
            folder = pair[1];
            longest = size;
        }
    }
    if (!folder)
        return NULL;
    g_autofree char *rest = g_strndup(uri + longest, strcspn(uri + longest, "?#"));
    g_autofree char *path = bb_uri_decode(rest);
    if (!path)
        return NULL;
    g_auto(GStrv) segments = g_strsplit(path, "/", -1);
    if (g_strv_contains((const char *const *)segments, ".."))
        return NULL;
    return g_build_filename(folder, path, NULL);
}

static bool refuse_uri(const char *uri, const char *reason, GError **error)
{
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE, "cannot resolve \"%s\": %s", uri, reason);
    return false;
}

static bool load_resource(bb_compiler *compiler, const char *uri, GError **error)
{
    g_autofree char *content = NULL;
    g_autofree char *path = NULL;
    gsize size = 0;
    const char *text = bb_metaschema_find(uri);
    const char *source = uri;
    if (text) {
        size = strlen(text);
    } else {
        path = find_file(compiler->options, uri);
        if (!path)
            return refuse_uri(uri, "no schema has this URI and no folder is given for it", error);
        g_autoptr(GError) reason = NULL;
        if (!g_file_get_contents(path, &content, &size, &reason))
            return refuse_uri(uri, reason->message, error);
        text = content;
        source = path;
    }
    if (++compiler->document_count > DOCUMENT_LIMIT)
        return refuse_uri(uri, "too many documents", error);
    bb_document *document = bb_document_parse(compiler, source, text, size, error);
    return document && bb_resolve_root(compiler, document, uri, error);
}

bb_resource *bb_resolve_resource(bb_compiler *compiler, const char *uri, GError **error)
{
    bb_resource *resource = g_hash_table_lookup(compiler->resources, uri);
    if (resource)
        return resource;
    if (!load_resource(compiler, uri, error))
        return NULL;
    return g_hash_table_lookup(compiler->resources, uri);
}

/* The child of `token` that a segment of a JSON pointer names; 0 where there is none. */
static uint32_t find_child(const bb_document *document, uint32_t token, const char *segment)
{
    const bb_token *tokens = document->tokens;
    if (tokens[token].type != BB_ARRAY)
        return bb_document_member(document, token, segment);
    guint64 index = 0;
    if (!g_ascii_string_to_unsigned(segment, 10, 0, G_MAXUINT32, &index, NULL) ||
        (segment[0] == '0' && segment[1]))
        return 0;
    for (uint32_t i = token + 1; i < tokens[token].next; i = tokens[i].next) {
        if (index-- == 0)
            return i;
    }
    return 0;
}

/* Undoes ~0 and ~1 in place. */
static void unescape_segment(char *segment)
{
    char *out = segment;
    for (; *segment; segment++) {
        char byte = *segment;
        if (byte == '~' && (segment[1] == '0' || segment[1] == '1'))
            byte = *++segment == '0' ? '~' : '/';
        *out++ = byte;
    }
    *out = '\0';
}

/* Follows a JSON pointer from the root of a resource. `resource` becomes that of the target. */
static bool follow_pointer(bb_resource **resource, const char *pointer, uint32_t *ret_token)
{
    bb_document *document = (*resource)->document;
    uint32_t token = (*resource)->root;
    g_auto(GStrv) segments = g_strsplit(pointer + 1, "/", -1);
    /* g_strsplit gives nothing for "", the one empty segment. */
    static const char *const empty[] = {"", NULL};
    const char *const *at = segments[0] ? (const char *const *)segments : empty;
    for (; *at; at++) {
        g_autofree char *segment = g_strdup(*at);
        unescape_segment(segment);
        token = find_child(document, token, segment);
        if (!token)
            return false;
        if (document->resources[token])
            *resource = document->resources[token];
    }
    *ret_token = token;
    return true;
}

/* The token that a fragment names in a resource. */
static bool find_fragment(bb_resource **resource, const char *fragment, uint32_t *ret_token,
                          bool *ret_plain)
{
    *ret_plain = false;
    *ret_token = (*resource)->root;
    if (!*fragment)
        return true;
    if (*fragment == '/')
        return follow_pointer(resource, fragment, ret_token);
    gpointer found = g_hash_table_lookup((*resource)->anchors, fragment);
    *ret_plain = true;
    *ret_token = GPOINTER_TO_UINT(found) - 1;
    return found != NULL;
}

bb_draft *bb_resolve_reference(bb_compiler *compiler, const bb_draft *from, uint32_t token,
                               const char **ret_anchor, GError **error)
{
    *ret_anchor = NULL;
    if (!expect_string(from->document, token, error))
        return NULL;
    const char *reference = bb_document_string(compiler, from->document, token);
    g_autofree char *uri = bb_uri_resolve(from->node.resource->uri, reference);
    char *mark = strchr(uri, '#');
    g_autofree char *fragment = bb_uri_decode(mark ? mark + 1 : "");
    if (mark)
        *mark = '\0';
    g_autoptr(GError) reason = NULL;
    bb_resource *resource = bb_resolve_resource(compiler, uri, &reason);
    uint32_t target = 0;
    bool plain = false;
    if (!resource) {
        (void)bb_document_refuse(from->document, token, error, "%s", reason->message);
        return NULL;
    }
    if (!fragment || !find_fragment(&resource, fragment, &target, &plain)) {
        (void)bb_document_refuse(from->document, token, error,
                                 "cannot resolve \"%s\": there is no such place", reference);
        return NULL;
    }
    if (plain)
        *ret_anchor = bb_arena_copy(compiler->arena, fragment, strlen(fragment));
    if (!bb_resolve_index(compiler, resource->document, target, resource, error))
        return NULL;
    return bb_draft_get(compiler, resource->document, target, error);
}
