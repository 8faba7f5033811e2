/* `busbar storage`: what the handlers of the enabled event types need in their stores, and making
 * it. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/session.h"
#include "base/clock.h"
#include "pipeline/call.h"

static char *option_handler;
static gboolean option_foreign_keys;
static gboolean option_sql;
static gboolean option_json;

static const GOptionEntry options[] = {
    {"handler", 0, 0, G_OPTION_ARG_STRING, &option_handler,
     "Only this handler, by its name in the configuration", "NAME"},
    {"foreign-keys", 0, 0, G_OPTION_ARG_NONE, &option_foreign_keys,
     "New tables refer to the tables that the contract names; those must be there", NULL},
    {"sql", 0, 0, G_OPTION_ARG_NONE, &option_sql,
     "With plan: print the statements that make what is missing, and nothing else", NULL},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "One JSON object for every table, partition and index: event, handler, kind, name, state, "
     "differences, statement",
     NULL},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* What was found, in all. */
typedef struct sums {
    gboolean applies;
    guint asked, objects, missing, differ, made, failed;
    int code;         /* of the first store that did not answer, or its configuration */
    GHashTable *seen; /* "handler kind name": several event types may share a table */
} sums;

static void print_json(const char *event, const char *handler, const json_t *object)
{
    json_auto_t *line = json_pack("{s:s, s:s}", "event", event, "handler", handler);
    json_object_update((json_t *)line, (json_t *)object);
    char *text = json_dumps(line, JSON_COMPACT);
    puts(text ? text : "{}");
    free(text); /* jansson's allocator */
}

static void print_object(const char *event, const char *handler, const json_t *object,
                         const char *state)
{
    size_t i;
    json_t *difference;
    if (option_json) {
        print_json(event, handler, object);
        return;
    }
    const char *statement = json_string_value(json_object_get(object, "statement"));
    if (option_sql) {
        if (strcmp(state, "missing") == 0 && statement)
            printf("%s;\n", statement);
        return;
    }
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *name = json_string_value(json_object_get(object, "name"));
    printf("%-8s %-10s %-56s %s (%s)\n", state, kind ? kind : "", name ? name : "", event, handler);
    json_array_foreach(json_object_get(object, "differences"), i, difference)
    {
        const char *text = json_string_value(difference);
        printf("         - %s\n", text ? text : "");
    }
}

static void take_object(sums *all, const char *event, const char *handler, const json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *state = json_string_value(json_object_get(object, "state"));
    state = state ? state : "unknown";
    if (!g_hash_table_add(all->seen, g_strdup_printf("%s %s %s", handler, kind, name)))
        return;
    all->objects++;
    all->missing += strcmp(state, "missing") == 0 ? 1 : 0;
    all->differ += strcmp(state, "differs") == 0 ? 1 : 0;
    all->made += strcmp(state, "made") == 0 ? 1 : 0;
    all->failed += strcmp(state, "failed") == 0 ? 1 : 0;
    print_object(event, handler, object, state);
}

/* The request as the plugin contract describes it. */
static char *make_request(const bb_event_type *type, gboolean applies)
{
    gsize size = 0;
    const char *text = bb_contract_text(type->contract, &size);
    json_t *contract = json_loadb(text, size, 0, NULL);
    json_auto_t *request =
        json_pack("{s:s, s:s, s:I, s:b, s:o}", "action", applies ? "apply" : "plan", "event",
                  type->full_name, "now", (json_int_t)(bb_clock_wall_us() / G_USEC_PER_SEC),
                  "foreign_keys", option_foreign_keys, "contract", contract);
    return request ? json_dumps(request, JSON_COMPACT) : NULL;
}

static void take_reply(sums *all, const bb_event_type *type, const char *handler,
                       busbar_bytes reply)
{
    size_t i;
    json_t *object;
    json_auto_t *tree = json_loadb(reply.data ? reply.data : "", reply.size, 0, NULL);
    const json_t *objects = json_object_get(tree, "objects");
    if (!json_is_array(objects)) {
        bb_app_error("%s, handler %s: the plugin's answer is no list of objects", type->full_name,
                     handler);
        all->code = BB_EXIT_PLUGIN;
        return;
    }
    json_array_foreach(objects, i, object) take_object(all, type->full_name, handler, object);
}

static void ask(sums *all, const bb_session *session, const bb_event_type *type,
                const bb_handler_binding *binding)
{
    g_autoptr(bb_arena) scratch = bb_arena_new(0);
    bb_statement stated = {0};
    busbar_bytes reply = {NULL, 0};
    char *request = make_request(type, all->applies);
    bb_call call = {.base = {.struct_size = sizeof(busbar_call),
                             .stage = BUSBAR_STAGE_SETUP,
                             .host = type->host},
                    .type = type,
                    .who = binding->name,
                    .scratch = scratch,
                    .statements = &stated,
                    .statement_count = 1,
                    .metrics = session->metrics};
    all->asked++;
    int32_t verdict =
        binding->storage(&call.base, busbar_text(binding->config), busbar_text(request), &reply);
    free(request); /* jansson's allocator */
    if (verdict == BUSBAR_PASS) {
        take_reply(all, type, binding->name, reply);
        return;
    }
    bb_app_error("%s, handler %s: %s", type->full_name, binding->name,
                 stated.text && *stated.text ? stated.text : "no reason given");
    if (!all->code)
        all->code = verdict == BUSBAR_RETRY   ? BB_EXIT_KAFKA
                    : verdict == BUSBAR_FATAL ? BB_EXIT_USAGE
                                              : BB_EXIT_PLUGIN;
}

/* The events of the command line; all where it names none. */
static gboolean is_wanted(const bb_event_type *type, char **names)
{
    return !*names || g_strv_contains((const char *const *)names, type->full_name);
}

static void ask_all(sums *all, const bb_session *session, char **names)
{
    for (guint i = 0; i < bb_registry_count(session->registry); i++) {
        const bb_event_type *type = bb_registry_at(session->registry, i);
        for (guint k = 0; is_wanted(type, names) && k < type->handlers->len; k++) {
            const bb_handler_binding *binding = g_ptr_array_index(type->handlers, k);
            if (binding->storage && (!option_handler || strcmp(option_handler, binding->name) == 0))
                ask(all, session, type, binding);
        }
    }
}

static int finish(const sums *all)
{
    if (!all->asked) {
        bb_app_error("none of the event types has a handler%s%s that keeps tables; bind one under "
                     "`handlers:`",
                     option_handler ? " named " : "", option_handler ? option_handler : "");
        return BB_EXIT_USAGE;
    }
    if (all->applies)
        (void)fprintf(stderr,
                      "%u objects: %u made, %u failed, %u differ and were left as they are\n",
                      all->objects, all->made, all->failed, all->differ);
    else
        (void)fprintf(stderr, "%u objects: %u missing, %u differ%s\n", all->objects, all->missing,
                      all->differ,
                      all->missing ? "; `busbar storage apply` makes the missing ones" : "");
    if (all->code)
        return all->code;
    return all->failed || all->missing || (!all->applies && all->differ) ? BB_EXIT_REFUSED
                                                                         : BB_EXIT_DONE;
}

static int run_storage(int argc, char **argv)
{
    int code = BB_EXIT_USAGE;
    sums all = {.applies = argc > 1 && strcmp(argv[1], "apply") == 0};
    if (argc < 2 || (!all.applies && strcmp(argv[1], "plan") != 0))
        return bb_app_usage("storage", "needs one of plan, apply%s%s%s",
                            argc > 1 ? "; found `" : "", argc > 1 ? argv[1] : "",
                            argc > 1 ? "`" : "");
    if (option_sql && (all.applies || option_json))
        return bb_app_usage("storage", "--sql goes with plan alone");
    g_autoptr(bb_session) session = bb_session_new(&code);
    if (!session)
        return code;
    for (int i = 2; i < argc; i++) {
        if (!bb_session_event(session, argv[i], &code))
            return code;
    }
    all.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ask_all(&all, session, argv + 2);
    g_hash_table_unref(all.seen);
    return finish(&all);
}

extern const bb_command bb_command_storage;
const bb_command bb_command_storage = {
    .name = "storage",
    .arguments = "plan|apply [EVENT...]",
    .summary = "Show or make the tables that the handlers of the event types need",
    .description =
        "plan lists the tables, partitions and indexes that the handlers of the enabled event "
        "types "
        "need, and whether each is present, missing, or differs from what the contract says, with "
        "every difference by name and type. It changes nothing.\n\n"
        "apply makes what is missing. It never drops anything and never changes what is there; "
        "what "
        "differs is reported and left as it is.\n\n"
        "The exit code of plan is 0 when there is nothing to do and 1 when something is missing or "
        "differs; that of apply is 0 when nothing is missing at the end and 1 when something could "
        "not be made. Both give 3 when a store cannot be reached, 2 or 4 when the configuration, a "
        "plugin or the store is at fault.",
    .examples = "busbar storage plan\n"
                "    what is there, what is missing, what differs\n"
                "busbar storage plan --sql customer.user_event\n"
                "    the statements, for whoever keeps the database\n"
                "busbar storage apply --handler postgres\n"
                "    makes what is missing for one handler",
    .options = options,
    .run = run_storage,
};
