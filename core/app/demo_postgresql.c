/* A PostgreSQL cluster of its own for `busbar demo --with postgresql`.
 *
 * It listens on no network: its socket is in a folder that only its user can enter. */
#include "app/demo_store_kind.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"

#define HOW_TO_GET                                                                                 \
    "install it (Debian: `apt-get install postgresql`, Fedora: `dnf install postgresql-server`, "  \
    "Alpine: `apk add postgresql`); it need not be started"

typedef struct cluster {
    bb_demo_store base;
    char *data;
    char *log;
    char *initdb, *pg_ctl, *psql;
    struct passwd *user; /* whom the server runs as; NULL: ourselves */
    gboolean started;
} cluster;

/* "15" of the folder's name; 0 for others. */
static guint64 version_of(const char *name)
{
    return g_ascii_isdigit(*name) ? g_ascii_strtoull(name, NULL, 10) : 0;
}

/* Debian keeps the server's programs outside of PATH, in a folder for each version. */
static char *find_program(const char *name)
{
    const char *root = "/usr/lib/postgresql", *version = NULL;
    g_autoptr(GDir) folder = g_dir_open(root, 0, NULL);
    g_autofree char *best = NULL;
    guint64 highest = 0;
    while (folder && (version = g_dir_read_name(folder))) {
        g_autofree char *path = g_build_filename(root, version, "bin", name, NULL);
        if (version_of(version) <= highest || !g_file_test(path, G_FILE_TEST_IS_EXECUTABLE))
            continue;
        highest = version_of(version);
        g_free(best);
        best = g_steal_pointer(&path);
    }
    return best ? g_steal_pointer(&best) : g_find_program_in_path(name);
}

static gboolean find_programs(cluster *self, GError **error)
{
    struct {
        const char *name;
        char **path;
    } wanted[] = {{"initdb", &self->initdb}, {"pg_ctl", &self->pg_ctl}, {"psql", &self->psql}};
    for (guint i = 0; i < G_N_ELEMENTS(wanted); i++) {
        *wanted[i].path = find_program(wanted[i].name);
        if (*wanted[i].path)
            continue;
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "PostgreSQL is not installed: there is no program %s in PATH or below "
                    "/usr/lib/postgresql; " HOW_TO_GET,
                    wanted[i].name);
        return FALSE;
    }
    return TRUE;
}

static gboolean choose_user(cluster *self, GError **error)
{
    if (geteuid() != 0)
        return TRUE;
    self->user = getpwnam("postgres");
    if (!self->user)
        self->user = getpwnam("nobody");
    if (self->user)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`: "
                "run the demo as another user");
    return FALSE;
}

static gboolean find(bb_demo_store *store, GError **error)
{
    cluster *self = (cluster *)store;
    return find_programs(self, error) && choose_user(self, error);
}

static gboolean start_server(cluster *self, GError **error)
{
    g_autofree char *settings = g_strdup_printf(
        "-c listen_addresses= -c unix_socket_directories=%s -c fsync=off", self->base.folder);
    const char *const init[] = {self->initdb, "-D", self->data, "-U", "busbar",      "-A",
                                "trust",      "-E", "UTF8",     "-N", "--no-locale", NULL};
    const char *const start[] = {self->pg_ctl, "-D",      self->data, "-w",     "-t",    "60",
                                 "-l",         self->log, "-o",       settings, "start", NULL};
    if (!bb_demo_run(init, self->user, NULL, error))
        return FALSE;
    self->started = TRUE; /* or half so: it is stopped in both cases */
    return bb_demo_run(start, self->user, NULL, error);
}

static gboolean start(bb_demo_store *store, GError **error)
{
    cluster *self = (cluster *)store;
    self->data = g_build_filename(store->folder, "data", NULL);
    self->log = g_build_filename(store->folder, "log", NULL);
    store->handler =
        g_strdup_printf("{ plugin: postgresql, connection: { host: \"%s\", user: busbar, "
                        "dbname: postgres }, events: { data_quality.quality_metric: { mode: "
                        "upsert, key: [table_name, column_name, metric_date] } } }",
                        store->folder);
    if (!self->user || chown(store->folder, self->user->pw_uid, self->user->pw_gid) == 0)
        return start_server(self, error);
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", store->folder, g_strerror(errno));
    return FALSE;
}

static void stop(bb_demo_store *store)
{
    cluster *self = (cluster *)store;
    const char *const arguments[] = {self->pg_ctl, "-D", self->data, "-w",   "-m",
                                     "fast",       "-t", "30",       "stop", NULL};
    if (self->started)
        (void)bb_demo_run(arguments, self->user, NULL, NULL); /* it may have ended already */
    g_free(self->data);
    g_free(self->log);
    g_free(self->initdb);
    g_free(self->pg_ctl);
    g_free(self->psql);
}

static gboolean show(const bb_demo_store *store, GError **error)
{
    /* counted by the server itself, whatever tables there are */
    static const char counts[] =
        "SELECT relname AS \"table\", (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) "
        "AS n FROM %I', relname), false, true, '')))[1]::text::bigint AS \"rows\" FROM pg_class "
        "WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = "
        "'public'::regnamespace AND relname <> 'busbar_offsets' ORDER BY 1";
    static const char rows[] = "SELECT event_id, event_type, event_timestamp, country_code AS "
                               "country FROM customer_events "
                               "ORDER BY event_timestamp DESC LIMIT 5";
    const cluster *self = (const cluster *)store;
    const char *const arguments[] = {
        self->psql,  "-X", "-h",         store->folder, "-U",   "busbar", "-d", "postgres", "-P",
        "pager=off", "-P", "footer=off", "-c",          counts, "-c",     rows, NULL};
    printf("\nIn PostgreSQL, as psql sees it:\n");
    (void)fflush(stdout); /* psql writes to it next */
    return bb_demo_run_shown(arguments, self->user, error);
}

const bb_demo_store_kind bb_demo_postgresql = {.name = "postgresql",
                                               .folder = "busbar-demo-pg-XXXXXX",
                                               .has_tables = TRUE,
                                               .size = sizeof(cluster),
                                               .find = find,
                                               .start = start,
                                               .show = show,
                                               .stop = stop};
