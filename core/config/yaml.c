/* YAML text to a tree of nodes, over the events of libyaml. */
#include "config/yaml.h"

#include <string.h>
#include <yaml.h>

typedef struct yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the event in hand */
    gboolean has_event;
    const char *file;
    GPtrArray *problems;
    GHashTable *anchors; /* name -> bb_node *, copies */
    gsize nodes;
    guint depth;
    gboolean failed; /* stop: the rest makes no sense */
} yaml_reader;

static bb_setting_place place_of(const yaml_reader *reader, const yaml_mark_t *mark)
{
    return (bb_setting_place){reader->file, (guint)mark->line + 1, (guint)mark->column + 1};
}

/* libyaml's texts in other words where they are hard to read. */
static const char *explain(const char *problem)
{
    if (!problem)
        return "the text is not YAML";
    if (strstr(problem, "found character that cannot start any token"))
        return "a character stands here that cannot begin a value; a tab cannot be used for "
               "indentation, and texts that begin with @, ` or % need quotes";
    if (strstr(problem, "mapping values are not allowed in this context"))
        return "a `key: value` cannot stand here; look at the indentation, and quote texts that "
               "contain `: `";
    if (strstr(problem, "did not find expected ',' or"))
        return "expected `,` or the closing bracket; between { } and [ ] texts with ${...}, commas "
               "or brackets need quotes";
    return problem;
}

static void report_parser(yaml_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    bb_setting_place place = place_of(reader, &parser->problem_mark);
    if (parser->error == YAML_READER_ERROR) {
        place.line = 1;
        place.column = 1;
        bb_problem_add(reader->problems, &place, NULL, "not readable as text: %s at byte %zu",
                       parser->problem ? parser->problem : "bad encoding", parser->problem_offset);
        return;
    }
    if (parser->context && parser->context_mark.line + 1 != place.line)
        bb_problem_add(reader->problems, &place, NULL, "%s (%s that begins in line %zu)",
                       explain(parser->problem), parser->context, parser->context_mark.line + 1);
    else
        bb_problem_add(reader->problems, &place, NULL, "%s", explain(parser->problem));
}

static void drop_event(yaml_reader *reader)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = FALSE;
}

/* Takes the next event in hand. */
static gboolean next_event(yaml_reader *reader)
{
    drop_event(reader);
    if (reader->failed)
        return FALSE;
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        report_parser(reader);
        reader->failed = TRUE;
        return FALSE;
    }
    reader->has_event = TRUE;
    return TRUE;
}

static void stop_at(yaml_reader *reader, const bb_setting_place *place, const char *message)
{
    bb_problem_add(reader->problems, place, NULL, "%s", message);
    reader->failed = TRUE;
}

static gboolean count_nodes(yaml_reader *reader, const bb_setting_place *place, gsize count)
{
    reader->nodes += count;
    if (reader->nodes <= BB_YAML_MAX_NODES)
        return TRUE;
    stop_at(reader, place, "more than 100,000 values; aliases count as often as they are used");
    return FALSE;
}

/* Copies count too: anchors inside anchors would otherwise cost the square of the text. */
static void keep_anchor(yaml_reader *reader, const yaml_char_t *anchor, const bb_node *node)
{
    if (anchor && count_nodes(reader, &node->place, bb_node_count(node)))
        g_hash_table_replace(reader->anchors, g_strdup((const char *)anchor), bb_node_copy(node));
}

static bb_node *read_alias(yaml_reader *reader)
{
    bb_setting_place place = place_of(reader, &reader->event.start_mark);
    const char *name = (const char *)reader->event.data.alias.anchor;
    const bb_node *anchor = g_hash_table_lookup(reader->anchors, name);
    if (!anchor) {
        bb_problem_add(reader->problems, &place, NULL, "alias *%s has no anchor &%s before it",
                       name, name);
        reader->failed = TRUE;
        return NULL;
    }
    if (!count_nodes(reader, &place, bb_node_count(anchor)))
        return NULL;
    return bb_node_copy(anchor);
}

/* The type that a tag such as !!str asks for; FALSE for tags outside the core schema. */
static gboolean apply_tag(bb_node *node, const char *tag)
{
    static const struct {
        const char *tag;
        bb_scalar_type type;
    } tags[] = {{YAML_STR_TAG, BB_SCALAR_TEXT},
                {YAML_INT_TAG, BB_SCALAR_INTEGER},
                {YAML_FLOAT_TAG, BB_SCALAR_REAL},
                {YAML_BOOL_TAG, BB_SCALAR_BOOLEAN},
                {YAML_NULL_TAG, BB_SCALAR_NULL}};
    if (strcmp(tag, "!") == 0)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (strcmp(tags[i].tag, tag) != 0)
            continue;
        bb_scalar_type found = bb_scalar_resolve(node->text);
        node->type = tags[i].type;
        return node->type == BB_SCALAR_TEXT || node->type == found ||
               (node->type == BB_SCALAR_REAL && found == BB_SCALAR_INTEGER);
    }
    return FALSE;
}

static bb_node *read_scalar(yaml_reader *reader)
{
    bb_setting_place place = place_of(reader, &reader->event.start_mark);
    const char *text = (const char *)reader->event.data.scalar.value;
    const char *tag = (const char *)reader->event.data.scalar.tag;
    if (strlen(text) != reader->event.data.scalar.length) {
        stop_at(reader, &place, "a NUL character cannot stand in a value");
        return NULL;
    }
    bb_node *node = bb_node_new(BB_NODE_SCALAR, &place);
    node->text = g_strdup(text);
    node->plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !tag;
    node->type = node->plain ? bb_scalar_resolve(text) : BB_SCALAR_TEXT;
    if (tag && !apply_tag(node, tag))
        bb_problem_add(reader->problems, &place, NULL,
                       "tag %s does not fit here; only !!str, !!int, !!float, !!bool and !!null on "
                       "values of their kind are understood",
                       tag);
    keep_anchor(reader, reader->event.data.scalar.anchor, node);
    return node;
}

static bb_node *read_value(yaml_reader *reader);

static bb_node *read_list(yaml_reader *reader)
{
    bb_setting_place place = place_of(reader, &reader->event.start_mark);
    g_autoptr(bb_node) list = bb_node_new(BB_NODE_LIST, &place);
    g_autofree char *anchor = g_strdup((const char *)reader->event.data.sequence_start.anchor);
    while (next_event(reader) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        bb_node *child = read_value(reader);
        if (!child)
            return NULL;
        bb_node_add(list, NULL, child);
    }
    if (reader->failed)
        return NULL;
    keep_anchor(reader, (const yaml_char_t *)anchor, list);
    return g_steal_pointer(&list);
}

/* The key in hand as text; NULL when it cannot be one. */
static char *read_key(yaml_reader *reader, bb_setting_place *ret_place)
{
    *ret_place = place_of(reader, &reader->event.start_mark);
    if (reader->event.type != YAML_SCALAR_EVENT) {
        stop_at(reader, ret_place, "a key must be a plain or quoted text");
        return NULL;
    }
    g_autoptr(bb_node) node = read_scalar(reader);
    if (!node || !count_nodes(reader, ret_place, 1))
        return NULL;
    return g_steal_pointer(&node->text);
}

/* Adds a member, or reports that its key is there already. */
static void add_member(yaml_reader *reader, bb_node *map, GHashTable *seen, const char *key,
                       const bb_setting_place *key_place, bb_node *child_new)
{
    const bb_node *first = g_hash_table_lookup(seen, key);
    child_new->key_place = *key_place;
    if (first) {
        g_autofree char *there = bb_place_text(&first->key_place);
        bb_problem_add(reader->problems, key_place, NULL,
                       "key `%s` is given twice; the first is at %s", key, there);
        bb_node_free(child_new);
        return;
    }
    if (strcmp(key, "<<") == 0)
        bb_problem_add(reader->problems, key_place, NULL,
                       "merge keys (<<) are not part of YAML 1.2; use `defaults:` or an alias for "
                       "the whole value");
    bb_node_add(map, key, child_new);
    g_hash_table_insert(seen, child_new->key, child_new);
}

static bb_node *read_map(yaml_reader *reader)
{
    bb_setting_place place = place_of(reader, &reader->event.start_mark);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(bb_node) map = bb_node_new(BB_NODE_MAP, &place);
    g_autofree char *anchor = g_strdup((const char *)reader->event.data.mapping_start.anchor);
    while (next_event(reader) && reader->event.type != YAML_MAPPING_END_EVENT) {
        bb_setting_place key_place;
        g_autofree char *key = read_key(reader, &key_place);
        if (!key || !next_event(reader))
            return NULL;
        bb_node *child = read_value(reader);
        if (!child)
            return NULL;
        add_member(reader, map, seen, key, &key_place, child);
    }
    if (reader->failed)
        return NULL;
    keep_anchor(reader, (const yaml_char_t *)anchor, map);
    return g_steal_pointer(&map);
}

static bb_node *read_value(yaml_reader *reader)
{
    bb_setting_place place = place_of(reader, &reader->event.start_mark);
    bb_node *node = NULL;
    if (reader->event.type == YAML_ALIAS_EVENT)
        return read_alias(reader);
    if (!count_nodes(reader, &place, 1))
        return NULL;
    if (reader->event.type == YAML_SCALAR_EVENT)
        return read_scalar(reader);
    if (reader->depth >= BB_YAML_MAX_DEPTH) {
        stop_at(reader, &place, "nested more than 64 levels deep");
        return NULL;
    }
    reader->depth++;
    node = reader->event.type == YAML_MAPPING_START_EVENT ? read_map(reader) : read_list(reader);
    reader->depth--;
    return node;
}

/* The one document of the stream. */
static bb_node *read_document(yaml_reader *reader)
{
    g_autoptr(bb_node) root = NULL;
    bb_setting_place start = {reader->file, 1, 1};
    if (!next_event(reader) || !next_event(reader)) /* stream start, then document start or end */
        return NULL;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return bb_node_new(BB_NODE_MAP, &start);
    if (!next_event(reader))
        return NULL;
    root = read_value(reader);
    if (!root || !next_event(reader) || !next_event(reader)) /* document end, then stream end */
        return NULL;
    if (reader->event.type != YAML_STREAM_END_EVENT) {
        bb_setting_place place = place_of(reader, &reader->event.start_mark);
        stop_at(reader, &place, "a second document begins here; a file holds one document");
        return NULL;
    }
    if (root->kind == BB_NODE_SCALAR && root->type == BB_SCALAR_NULL)
        return bb_node_new(BB_NODE_MAP, &start);
    return g_steal_pointer(&root);
}

static void free_node(gpointer node)
{
    bb_node_free(node);
}

bb_node *bb_yaml_parse(const char *file, const char *text, gsize size, GPtrArray *problems)
{
    yaml_reader reader = {.file = file, .problems = problems};
    bb_setting_place start = {file, 1, 1};
    if (size > BB_YAML_MAX_BYTES) {
        bb_problem_add(problems, &start, NULL, "larger than 4 MiB");
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        bb_problem_add(problems, &start, NULL, "out of memory");
        return NULL;
    }
    reader.anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_node);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
    bb_node *root = read_document(&reader);
    drop_event(&reader);
    g_hash_table_unref(reader.anchors);
    yaml_parser_delete(&reader.parser);
    return root;
}
