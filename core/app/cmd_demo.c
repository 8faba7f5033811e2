/* `busbar demo`: all enabled event types through the real publish and run paths on the embedded
 * broker. */
#include <stdio.h>

#include <glib/gstdio.h>

#include "app/command.h"
#include "app/demo_store.h"
#include "app/demo_table.h"
#include "app/session.h"
#include "app/signals.h"
#include "base/clock.h"
#include "kafka/embedded.h"
#include "kafka/publisher.h"
#include "kafka/raw.h"

static gint option_events = 5000;
static gint option_bad = 4;
static gint option_rate = 2500;
static gint option_seed = 1;
static char *option_out;
static char *option_with;

static const GOptionEntry options[] = {
    {"events", 'n', 0, G_OPTION_ARG_INT, &option_events, "How many events in all (default 5000)",
     "N"},
    {"bad", 0, 0, G_OPTION_ARG_INT, &option_bad, "Share of bad events in percent (default 4)",
     "PERCENT"},
    {"rate", 0, 0, G_OPTION_ARG_INT, &option_rate,
     "Events per second, 0 for no limit (default 2500)", "N"},
    {"seed", 0, 0, G_OPTION_ARG_INT, &option_seed, "Seed of the generated events (default 1)", "N"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &option_out,
     "Folder for the results (default: a new one in the temporary folder)", "DIR"},
    {"with", 0, 0, G_OPTION_ARG_STRING, &option_with,
     "Also store the events in a store that is started for it and thrown away: postgresql, "
     "clickhouse or s3",
     "STORE"},
    {NULL, 0, 0, 0, NULL, NULL, NULL},
};

typedef struct demo {
    char *folder;
    bb_demo_store *store; /* NULL: none is asked for */
    bb_session *session;
    bb_publisher *publisher;
    bb_raw *raw;
    bb_runner *runner;
    bb_demo_table *table;
    bb_demo_row *rows;
    guint row_count;
    gint64 last_draw_ms;
} demo;

static void demo_clear(demo *self)
{
    bb_publisher_free(self->publisher);
    bb_raw_free(self->raw);
    bb_runner_free(self->runner);
    bb_demo_table_free(self->table);
    bb_session_free(self->session);
    for (guint i = 0; i < self->row_count; i++)
        bb_generator_free(self->rows[i].generator);
    g_free(self->rows);
    bb_demo_store_free(self->store);
    g_free(self->folder);
    bb_embedded_stop();
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(demo, demo_clear)

/* The demo runs from a configuration file like any other, so that it can be read and used again. */
static char *write_config(const demo *self, GError **error)
{
    static const char text[] =
        "# Made by `busbar demo`. Use it again, here with a Kafka of your own:\n"
        "#   busbar --config busbar.yaml --set kafka.bootstrap.servers=localhost:9092 run\n"
        "kafka:\n"
        "  bootstrap.servers: embedded\n"
        "log: { level: warning }\n"
        "domains:\n"
        "  customer:     { plugin: ownlens_customer }\n"
        "  editorial:    { plugin: ownlens_editorial }\n"
        "  company:      { plugin: ownlens_company }\n"
        "  security:     { plugin: ownlens_security }\n"
        "  compliance:   { plugin: ownlens_compliance }\n"
        "  audit:        { plugin: ownlens_audit }\n"
        "  data_quality: { plugin: ownlens_data_quality }\n"
        "  ml_models:    { plugin: ownlens_ml_models }\n"
        "handlers:\n";
    g_autoptr(GString) whole = g_string_new(text);
    g_autofree char *folder = g_strescape(self->folder, NULL); /* as YAML's quotes want it */
    g_string_append_printf(
        whole, "  archive: { plugin: jsonl, path: \"%s/events/{topic}/{date}.jsonl\" }\n", folder);
    if (self->store)
        g_string_append_printf(whole, "  store: %s\n", bb_demo_store_handler(self->store));
    g_string_append_printf(whole, "defaults:\n  handlers: [archive%s]\n",
                           self->store ? ", store" : "");
    if (self->store && bb_demo_store_consume(self->store))
        g_string_append_printf(whole, "  consume: %s\n", bb_demo_store_consume(self->store));
    g_autofree char *path = g_build_filename(self->folder, "busbar.yaml", NULL);
    return g_file_set_contents(path, whole->str, (gssize)whole->len, error) ? g_steal_pointer(&path)
                                                                            : NULL;
}

static char *make_folder(GError **error)
{
    if (!option_out)
        return g_dir_make_tmp("busbar-demo-XXXXXX", error);
    if (g_mkdir_with_parents(option_out, 0777) != 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", option_out, g_strerror(errno));
        return NULL;
    }
    return g_canonicalize_filename(option_out, NULL);
}

static void on_outcome(const bb_outcome *outcome, void *user)
{
    bb_demo_row *row = outcome->opaque;
    (void)user;
    if (outcome->status == BB_DELIVERED)
        row->published++;
    else if (outcome->status == BB_REJECTED)
        row->rejected++;
    else
        bb_app_error("%s: not delivered: %s", row->type->full_name, outcome->message);
}

static void draw(demo *self, gboolean final)
{
    gint64 now_ms = bb_clock_monotonic_ms();
    if (!final && now_ms - self->last_draw_ms < 100)
        return;
    self->last_draw_ms = now_ms;
    for (guint i = 0; i < self->row_count; i++)
        self->rows[i].run = bb_runner_counts(self->runner, self->rows[i].type);
    bb_demo_table_draw(self->table, self->rows, self->row_count, final);
}

/* Makes the topics, the publisher and the consuming side, and starts the latter. */
static gboolean start(demo *self, GError **error)
{
    const bb_registry *registry = self->session->registry;
    const bb_settings *settings = self->session->settings;
    g_autoptr(GPtrArray) types = g_ptr_array_new();
    if (!bb_embedded_start(error))
        return FALSE;
    self->row_count = bb_registry_count(registry);
    self->rows = g_new0(bb_demo_row, self->row_count);
    for (guint i = 0; i < self->row_count; i++) {
        const bb_event_type *type = bb_registry_at(registry, i);
        gsize size;
        const char *contract = bb_contract_text(type->contract, &size);
        self->rows[i].type = type;
        self->rows[i].generator =
            bb_generator_new(contract, size, (guint64)option_seed, bb_clock_wall_us(), error);
        if (!self->rows[i].generator)
            return FALSE;
        g_ptr_array_add(types, (gpointer)type);
        if (!bb_embedded_topic(type->topic, 4, error) ||
            !bb_embedded_topic(type->dead_letter_topic, 1, error))
            return FALSE;
    }
    bb_run_options run_options = {.connect_timeout_ms = 10000};
    self->runner = bb_runner_new(settings, types, &run_options, self->session->metrics, error);
    if (!self->runner)
        return FALSE;
    self->publisher = bb_publisher_new(settings, self->session->metrics, on_outcome, NULL, error);
    self->raw = self->publisher ? bb_raw_new(settings, error) : NULL;
    return self->raw && bb_runner_start(self->runner, error);
}

/* Every second bad event goes past the contract, as from a producer that knows nothing of it: it
 * ends as a dead letter. */
static gboolean send_one(demo *self, guint64 index, GError **error)
{
    bb_demo_row *row = &self->rows[index % self->row_count];
    guint64 nth = index / self->row_count;
    guint64 every = option_bad > 0 ? (guint64)(100 / MIN(option_bad, 100)) : 0;
    gboolean bad = every && nth % every == every - 1;
    g_autoptr(GString) text = g_string_new(NULL);
    bb_generator_event(row->generator, nth, bad, text);
    if (bad && (nth / every) % 2 == 0) {
        row->bypassed++;
        return bb_raw_send(self->raw, row->type->topic, busbar_text(NULL),
                           (busbar_bytes){text->str, text->len}, error);
    }
    row->generated++;
    return bb_publisher_publish(self->publisher, row->type, text->str, text->len, row, error);
}

static gboolean publish_all(demo *self, GError **error)
{
    gint64 begin_ms = bb_clock_monotonic_ms();
    for (guint64 i = 0; i < (guint64)option_events && !bb_signals_count(); i++) {
        if (!send_one(self, i, error))
            return FALSE;
        if (i % 64 != 63)
            continue;
        gint64 ahead_ms = option_rate > 0 ? (gint64)(i * 1000) / option_rate -
                                                (bb_clock_monotonic_ms() - begin_ms)
                                          : 0;
        bb_publisher_poll(self->publisher, (int)CLAMP(ahead_ms, 0, 100));
        draw(self, FALSE);
    }
    gsize missing = bb_publisher_flush(self->publisher, 10000);
    if (missing) {
        g_set_error(error, BB_ERROR, BB_ERROR_KAFKA,
                    "%" G_GSIZE_FORMAT " events were not confirmed in 10 s", missing);
        return FALSE;
    }
    return bb_raw_flush(self->raw, 10000, error);
}

static gboolean all_finished(const demo *self)
{
    for (guint i = 0; i < self->row_count; i++) {
        const bb_demo_row *row = &self->rows[i];
        const bb_run_counts *run = &row->run;
        if (run->handled + run->dropped + run->dead_lettered < row->published + row->bypassed)
            return FALSE;
    }
    return TRUE;
}

/* Waits until everything that was published is finished, then ends the consuming side. */
static gboolean finish(demo *self, GError **error)
{
    gint64 deadline_ms = bb_clock_monotonic_ms() + 20000;
    do {
        g_usleep(20000);
        draw(self, FALSE);
        for (guint i = 0; i < self->row_count; i++)
            self->rows[i].run = bb_runner_counts(self->runner, self->rows[i].type);
    } while (!all_finished(self) && !bb_signals_count() && !bb_runner_done(self->runner) &&
             bb_clock_monotonic_ms() < deadline_ms);
    bb_runner_stop(self->runner);
    return bb_runner_join(self->runner, error);
}

static void print_dead_letters(const demo *self)
{
    g_autoptr(GPtrArray) letters = bb_runner_last_dead_letters(self->runner, 5);
    if (!letters || letters->len == 0)
        return;
    puts("\nThe last dead letters (topic/partition@offset, stage, reason):");
    for (guint i = 0; i < letters->len; i++)
        printf("  %s\n", (const char *)letters->pdata[i]);
}

/* Prints the balance; TRUE when it is even. */
static gboolean print_summary(const demo *self)
{
    guint64 generated = 0, published = 0, rejected = 0, bypassed = 0, handled = 0, dropped = 0,
            dead = 0;
    for (guint i = 0; i < self->row_count; i++) {
        const bb_demo_row *row = &self->rows[i];
        generated += row->generated;
        published += row->published;
        rejected += row->rejected;
        bypassed += row->bypassed;
        handled += row->run.handled;
        dropped += row->run.dropped;
        dead += row->run.dead_lettered;
    }
    gboolean even =
        generated == published + rejected && published + bypassed == handled + dropped + dead;
#define N "%" G_GUINT64_FORMAT
    printf("\nPublishing: " N " events = " N " published + " N " rejected by their contract.\n",
           generated, published, rejected);
    printf("Consuming:  " N " in the topics (" N " of them sent past the contract) = " N
           " handled + " N " dropped + " N " dead-lettered. %s\n",
           published + bypassed, bypassed, handled, dropped, dead,
           even ? "It balances." : "It does NOT balance.");
#undef N
    return even;
}

static void print_next(const demo *self)
{
    printf("\nResults: %s/events (JSON lines by topic and date)\n"
           "Configuration: %s/busbar.yaml\n"
           "\nWhat to try next:\n"
           "  busbar generate customer.user_event -n 3 | busbar validate customer.user_event\n"
           "  busbar broker &                              an embedded broker of its own, prints "
           "its address\n"
           "  busbar --set kafka.bootstrap.servers=ADDRESS publish customer.user_event FILE\n"
           "  busbar new domain orders                     a domain of your own, ready to build\n",
           self->folder, self->folder);
}

static gboolean prepare(demo *self, int *ret_exit, GError **error)
{
    if (option_with && !(self->store = bb_demo_store_start(option_with, error)))
        return FALSE;
    self->folder = make_folder(error);
    g_autofree char *config = self->folder ? write_config(self, error) : NULL;
    if (!config || (self->store && !bb_demo_store_make_tables(self->store, config, error)))
        return FALSE;
    self->session = bb_session_new_from(config, NULL, ret_exit);
    return self->session && start(self, error);
}

static int run(int argc, char **argv)
{
    g_auto(demo) self = {0};
    g_autoptr(GError) error = NULL;
    int exit_code = BB_EXIT_USAGE;
    if (argc > 1) {
        bb_app_error("demo takes no argument, found \"%s\"; see busbar demo --help", argv[1]);
        return BB_EXIT_USAGE;
    }
    bb_signals_catch();
    if (!prepare(&self, &exit_code, &error)) {
        if (error)
            bb_app_error("%s", error->message);
        return error ? bb_error_exit_code(error) : exit_code;
    }
    printf("busbar demo: %d events of %u event types, %d %% of them bad, on an embedded broker\n\n",
           option_events, self.row_count, option_bad);
    self.table = bb_demo_table_new();
    if (!publish_all(&self, &error) || !finish(&self, &error)) {
        bb_app_error("%s", error->message);
        return bb_error_exit_code(error);
    }
    draw(&self, TRUE);
    print_dead_letters(&self);
    gboolean even = print_summary(&self);
    if (self.store && !bb_signals_count() && !bb_demo_store_show(self.store, &error)) {
        bb_app_error("%s", error->message);
        return bb_error_exit_code(error);
    }
    print_next(&self);
    return even ? BB_EXIT_DONE : BB_EXIT_BUG;
}

const bb_command bb_command_demo = {
    .name = "demo",
    .arguments = "",
    .summary = "Show all OwnLens event types flow on an embedded broker",
    .description =
        "Starts an embedded broker in the process, generates events of all ten OwnLens "
        "event types with a share of bad "
        "ones, publishes and consumes them by the same paths as `publish` and `run`, "
        "and writes them as JSON lines.\n\n"
        "Half of the bad events go through the publisher, which refuses them; the other "
        "half is sent past the contract, "
        "as by a foreign producer, and ends in the dead letter topics. The numbers must "
        "balance; the exit code says so.\n\n"
        "`--with` starts a store of its own in a temporary folder and shows what is in it by the "
        "store's own client; all of it is removed at the end, also after Ctrl-C. `postgresql`: a "
        "cluster with a socket that only its user can reach, as user `postgres` or `nobody` when "
        "the demo is run by root. `clickhouse`: `clickhouse` of PATH, 23 or later, on free ports "
        "of the loopback interface. `s3`: `versitygw` of PATH or of Go's folder, else `minio`, on "
        "a free port, JSON lines in a bucket, shown by curl. What is missing is named with how to "
        "get it, and the exit code is 2.",
    .examples =
        "busbar demo\n    The usual one: 5,000 events in a few seconds\n"
        "busbar demo --events 100000 --rate 0 --out results\n    More, as fast as it goes, "
        "into a folder of choice\n"
        "busbar demo --with postgresql\n    Also into a PostgreSQL that is started for it, and "
        "what psql finds there\n"
        "busbar demo --with clickhouse\n    The same with a ClickHouse\n"
        "busbar demo --with s3\n    JSON lines in the bucket of an S3 server",
    .options = options,
    .run = run,
};
