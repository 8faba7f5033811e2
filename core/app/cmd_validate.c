/* `busbar validate`: one verdict for every line, without Kafka. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/lines.h"
#include "app/progress.h"
#include "app/session.h"
#include "app/validator.h"
#include "base/text.h"

static char *option_schema;
static gboolean option_json;
static gboolean option_quiet;
static gboolean option_first;
static char *option_format;
static char **option_resolve;

static const GOptionEntry options[] = {
    {"schema", 's', 0, G_OPTION_ARG_FILENAME, &option_schema,
     "Validate against this JSON Schema file instead of an event's contract", "FILE"},
    {"json", 'j', 0, G_OPTION_ARG_NONE, &option_json,
     "One JSON object for every line: line, valid, errors (pointer, keyword, message)", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &option_quiet, "Only the lines that are refused", NULL},
    {"first-error", 0, 0, G_OPTION_ARG_NONE, &option_first,
     "Only the first error of a line (default: up to 100)", NULL},
    {"format", 0, 0, G_OPTION_ARG_STRING, &option_format,
     "With --schema: whether `format` asserts (default) or annotates", "assert|annotate"},
    {"resolve", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &option_resolve,
     "With --schema: folder for references that begin with the prefix; may be repeated",
     "URI-PREFIX=FOLDER"},
    {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

enum { MAX_ERRORS = 100 };

typedef struct verdict_counts {
    guint64 valid, refused, empty;
} verdict_counts;

static void print_json(guint64 number, const bb_failure *failures, guint count, GString *out)
{
    g_string_append_printf(out, "{\"line\":%" G_GUINT64_FORMAT ",\"valid\":%s,\"errors\":[", number,
                           count ? "false" : "true");
    for (guint i = 0; i < count; i++) {
        const bb_failure *failure = &failures[i];
        g_string_append(out, i ? ",{\"pointer\":" : "{\"pointer\":");
        bb_text_append_json(out, failure->pointer, strlen(failure->pointer));
        g_string_append(out, ",\"keyword\":");
        bb_text_append_json(out, failure->keyword, strlen(failure->keyword));
        g_string_append(out, ",\"message\":");
        bb_text_append_json(out, failure->message, strlen(failure->message));
        g_string_append_c(out, '}');
    }
    g_string_append(out, "]}\n");
}

static void print_text(guint64 number, const bb_failure *failures, guint count, GString *out)
{
    if (count == 0) {
        g_string_append_printf(out, "line %" G_GUINT64_FORMAT ": valid\n", number);
        return;
    }
    g_string_append_printf(out, "line %" G_GUINT64_FORMAT ": refused\n", number);
    for (guint i = 0; i < count; i++)
        g_string_append_printf(out, "    %s: %s (%s)\n",
                               *failures[i].pointer ? failures[i].pointer : "(whole event)",
                               failures[i].message, failures[i].keyword);
}

/* The verdict on one line, written to standard output. */
static void judge(bb_validator *validator, const bb_line *line, verdict_counts *counts)
{
    static const bb_failure too_long = {"", "malformed", "the line is longer than 16 MiB"};
    const bb_failure *failures = &too_long;
    g_autoptr(GString) out = g_string_new(NULL);
    guint count = 1;
    if (!line->too_long)
        failures = bb_validator_run(validator, line->text, line->size, &count);
    if (count)
        counts->refused++;
    else
        counts->valid++;
    if (!count && option_quiet)
        return;
    if (option_json)
        print_json(line->number, failures, count, out);
    else
        print_text(line->number, failures, count, out);
    (void)fwrite(out->str, 1, out->len, stdout); /* looked at with ferror at the end */
}

static gboolean is_empty(const bb_line *line)
{
    for (gsize i = 0; i < line->size; i++) {
        if (line->text[i] != ' ' && line->text[i] != '\t')
            return FALSE;
    }
    return !line->too_long;
}

static void print_summary(const bb_lines *lines, const verdict_counts *counts)
{
    (void)fprintf(stderr,
                  "%s: %" G_GUINT64_FORMAT " valid, %" G_GUINT64_FORMAT " refused, "
                  "%" G_GUINT64_FORMAT " empty lines skipped\n",
                  bb_lines_name(lines), counts->valid, counts->refused, counts->empty);
}

static int validate_lines(bb_validator *validator, bb_lines *lines)
{
    bb_line line;
    verdict_counts counts = {0, 0, 0};
    g_autoptr(GError) error = NULL;
    /* On a terminal the verdicts themselves show how far it is. */
    g_autoptr(bb_progress) progress = isatty(STDOUT_FILENO) ? NULL : bb_progress_new("validating");
    while (bb_lines_next(lines, &line, &error)) {
        if (is_empty(&line))
            counts.empty++;
        else
            judge(validator, &line, &counts);
        bb_progress_update(progress, line.number, counts.refused, 0);
    }
    g_clear_pointer(&progress, bb_progress_free);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        bb_app_error("standard output cannot be written");
        return BB_EXIT_USAGE;
    }
    print_summary(lines, &counts);
    if (error)
        return bb_app_fail(g_steal_pointer(&error));
    return counts.refused ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

/* "prefix=folder" texts as the pairs that the compiler takes; NULL when one has another form. */
static char **split_resolve(void)
{
    GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);
    for (char **text = option_resolve; text && *text; text++) {
        const char *equals = strchr(*text, '=');
        if (!equals || equals == *text || !equals[1]) {
            g_ptr_array_unref(pairs);
            return NULL;
        }
        g_ptr_array_add(pairs, g_strndup(*text, (gsize)(equals - *text)));
        g_ptr_array_add(pairs, g_strdup(equals + 1));
    }
    g_ptr_array_add(pairs, NULL);
    g_ptr_array_set_free_func(pairs, NULL);
    return (char **)g_ptr_array_free(pairs, FALSE);
}

static int validate_schema(const char *path)
{
    GError *error = NULL;
    g_auto(GStrv) resolve = split_resolve();
    if (!resolve)
        return bb_app_usage("validate", "--resolve takes the form URI-PREFIX=FOLDER");
    if (option_format && strcmp(option_format, "assert") != 0 &&
        strcmp(option_format, "annotate") != 0)
        return bb_app_usage("validate", "--format is assert or annotate, found `%s`",
                            option_format);
    bb_contract_options contract = {
        .source = option_schema,
        .annotate_format = g_strcmp0(option_format, "annotate") == 0,
        .resolve = (const char *const *)resolve,
    };
    g_autoptr(bb_validator) validator =
        bb_validator_new_schema(option_schema, &contract, option_first ? 1 : MAX_ERRORS, &error);
    if (!validator)
        return bb_app_fail(error);
    g_autoptr(bb_lines) lines = bb_lines_open(path, &error);
    return lines ? validate_lines(validator, lines) : bb_app_fail(error);
}

static int validate_event(const char *name, const char *path)
{
    int exit_code = BB_EXIT_USAGE;
    GError *error = NULL;
    if (option_format || option_resolve)
        return bb_app_usage("validate", "%s goes with --schema only",
                            option_format ? "--format" : "--resolve");
    g_autoptr(bb_session) session = bb_session_new(&exit_code);
    if (!session)
        return exit_code;
    const bb_event_type *type = bb_session_event(session, name, &exit_code);
    if (!type)
        return exit_code;
    g_autoptr(bb_validator) validator =
        bb_validator_new_event(type, option_first ? 1 : MAX_ERRORS, session->metrics, &error);
    if (!validator)
        return bb_app_fail(error);
    g_autoptr(bb_lines) lines = bb_lines_open(path, &error);
    return lines ? validate_lines(validator, lines) : bb_app_fail(error);
}

static int run_validate(int argc, char **argv)
{
    int own = option_schema ? 1 : 2; /* where FILE stands */
    if (argc < own)
        return bb_app_usage("validate", "needs an EVENT, as customer.user_event, or --schema FILE");
    if (argc > own + 1)
        return bb_app_usage("validate", "takes one file, found also `%s`", argv[own + 1]);
    const char *path = argc > own ? argv[own] : NULL;
    if (!path && isatty(STDIN_FILENO))
        (void)fprintf(stderr, "reading JSON lines from the terminal; Ctrl-D ends\n");
    return option_schema ? validate_schema(path) : validate_event(argv[1], path);
}

extern const bb_command bb_command_validate;
const bb_command bb_command_validate = {
    .name = "validate",
    .arguments = "EVENT|--schema FILE [FILE|-]",
    .summary = "Judge events against their contract, one verdict for every line",
    .description =
        "Reads one JSON event from each line of FILE or of standard input and says for each "
        "whether it would be accepted: its contract and the rules of its plugin. Needs no Kafka "
        "and changes nothing.\n\n"
        "With --schema, any JSON Schema file (draft 2020-12) is the contract. References are "
        "resolved from local folders only, see --resolve.\n\n"
        "Empty lines are skipped and counted. A line longer than 16 MiB is refused. The exit code "
        "is 0 when all were valid, 1 when some were refused, 2 when something could not be read.",
    .examples = "busbar validate customer.user_event events.jsonl\n"
                "    a verdict for every line, in words\n"
                "tail -n 100 events.jsonl | busbar validate customer.session --json\n"
                "    the same for programs\n"
                "busbar validate --schema order.json --resolve https://example.com/=schemas "
                "orders.jsonl\n"
                "    against a schema of your own",
    .options = options,
    .run = run_validate,
};
