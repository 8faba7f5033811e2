/* The command `generate`: invented events of a type, one JSON line each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/command.h"
#include "app/generate.h"
#include "app/session.h"
#include "contract/canonical.h"

static gint64 option_count = 10;
static gint64 option_seed = 1;
static int option_bad;
static char *option_at;

static const GOptionEntry options[] = {
    {"number", 'n', 0, G_OPTION_ARG_INT64, &option_count, "How many events (default 10)", "N"},
    {"seed", 's', 0, G_OPTION_ARG_INT64, &option_seed,
     "The same seed gives the same events (default 1)", "S"},
    {"bad", 'b', 0, G_OPTION_ARG_INT, &option_bad,
     "Share of events that break one rule of the contract (default 0)", "PERCENT"},
    {"at", 0, 0, G_OPTION_ARG_STRING, &option_at,
     "The events happened in the day before this instant (default: last midnight, UTC)", "TIME"},
    G_OPTION_ENTRY_NULL,
};

/* The instant of --at; 0 where it is not given. */
static gboolean read_at(gint64 *ret_us)
{
    bb_instant instant = {0};
    *ret_us = 0;
    if (!option_at)
        return TRUE;
    if (!bb_instant_parse(option_at, strlen(option_at), &instant))
        return FALSE;
    *ret_us = instant.unix_us;
    return TRUE;
}

/* Spreads the bad ones evenly: event i is bad where the running share reaches a whole. */
static gboolean is_bad(gint64 index)
{
    return (index + 1) * option_bad / 100 > index * option_bad / 100;
}

static int print_all(bb_generator *generator)
{
    g_autoptr(GString) line = g_string_sized_new(2048);
    for (gint64 i = 0; i < option_count; i++) {
        g_string_truncate(line, 0);
        bb_generator_event(generator, (guint64)i, is_bad(i), line);
        g_string_append_c(line, '\n');
        if (fwrite(line->str, 1, line->len, stdout) != line->len)
            break;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        bb_app_error("standard output: %s", g_strerror(errno));
        return BB_EXIT_USAGE;
    }
    return BB_EXIT_DONE;
}

static int run(int argc, char **argv)
{
    int status = BB_EXIT_DONE;
    gsize size = 0;
    gint64 at_us;
    GError *error = NULL;
    if (argc != 2)
        return bb_app_usage("generate", "expected one event type, found %d", argc - 1);
    if (option_count < 0 || option_bad < 0 || option_bad > 100)
        return bb_app_usage("generate", "-n must be at least 0, and --bad from 0 to 100");
    if (!read_at(&at_us))
        return bb_app_usage("generate", "--at must be %s, found \"%s\"",
                            bb_lax_expectation(BB_LAX_TIMESTAMP), option_at);
    g_autoptr(bb_session) session = bb_session_new(&status);
    const bb_event_type *type = session ? bb_session_event(session, argv[1], &status) : NULL;
    if (!type)
        return status;
    const char *contract = bb_contract_text(type->contract, &size);
    g_autoptr(bb_generator) generator =
        bb_generator_new(contract, size, (guint64)option_seed, at_us, &error);
    return generator ? print_all(generator) : bb_app_fail(error);
}

const bb_command bb_command_generate = {
    .name = "generate",
    .arguments = "EVENT",
    .summary = "Print invented events of a type, one JSON line each",
    .description =
        "Makes events from the contract of the event type: values fit their format, their limits "
        "and their list of values, ids come from bounded sets, so that keys repeat.\n\n"
        "With --bad, some events break exactly one rule: a required member is missing, a value is "
        "too long, a UUID is none, the text ends too early, and so on.",
    .examples = "busbar generate customer.user_event -n 3\n"
                "    three user events\n"
                "busbar generate security.security_event -n 1000 --bad 5 | busbar validate "
                "security.security_event --json\n"
                "    which of them are refused, and why",
    .options = options,
    .run = run,
};
