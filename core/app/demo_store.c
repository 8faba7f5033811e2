/* A PostgreSQL cluster of its own for `busbar demo --with postgresql`.
 *
 * It listens on no network: its socket is in a folder that only its user can enter. */
#include "app/demo_store.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/error.h"

#define HOW_TO_GET                                                                                 \
    "install it (Debian: `apt-get install postgresql`, Fedora: `dnf install postgresql-server`, "  \
    "Alpine: `apk add postgresql`); it need not be started"

struct bb_demo_store {
    char *folder;
    char *data;
    char *log;
    char *handler;
    char *initdb, *pg_ctl, *psql;
    struct passwd *user; /* whom the server runs as; NULL: ourselves */
    gboolean started;
};

/* In the child: the server refuses to be root. */
static void become(gpointer data)
{
    const struct passwd *user = data;
    if (user && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
}

/* Runs a program to its end; what it says is part of the error. */
static gboolean run(const bb_demo_store *store, const char *const *arguments, gboolean quiet,
                    GError **error)
{
    g_autofree char *said = NULL;
    int status = 0;
    GSpawnFlags flags = quiet ? G_SPAWN_STDOUT_TO_DEV_NULL : G_SPAWN_CHILD_INHERITS_STDIN;
    g_autoptr(GError) trouble = NULL;
    if (!g_spawn_sync("/", (char **)arguments, /* environment= */ NULL, flags, become, store->user,
                      NULL, &said, &status, error))
        return FALSE;
    if (g_spawn_check_wait_status(status, &trouble))
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s: %s", arguments[0], trouble->message,
                said && *said ? g_strchomp(said) : "it says no more");
    return FALSE;
}

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

static gboolean find_programs(bb_demo_store *store, GError **error)
{
    struct {
        const char *name;
        char **path;
    } wanted[] = {{"initdb", &store->initdb}, {"pg_ctl", &store->pg_ctl}, {"psql", &store->psql}};
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

static gboolean choose_user(bb_demo_store *store, GError **error)
{
    if (geteuid() != 0)
        return TRUE;
    store->user = getpwnam("postgres");
    if (!store->user)
        store->user = getpwnam("nobody");
    if (store->user)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`: "
                "run the demo as another user");
    return FALSE;
}

static gboolean make_folder(bb_demo_store *store, GError **error)
{
    store->folder = g_dir_make_tmp("busbar-demo-pg-XXXXXX", error); /* mode 0700 */
    if (!store->folder)
        return FALSE;
    store->data = g_build_filename(store->folder, "data", NULL);
    store->log = g_build_filename(store->folder, "log", NULL);
    store->handler =
        g_strdup_printf("{ plugin: postgresql, connection: { host: \"%s\", user: busbar, "
                        "dbname: postgres }, events: { data_quality.quality_metric: { mode: "
                        "upsert, key: [table_name, column_name, metric_date] } } }",
                        store->folder);
    if (!store->user || chown(store->folder, store->user->pw_uid, store->user->pw_gid) == 0)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: %s", store->folder, g_strerror(errno));
    return FALSE;
}

static gboolean start_server(bb_demo_store *store, GError **error)
{
    g_autofree char *settings = g_strdup_printf(
        "-c listen_addresses= -c unix_socket_directories=%s -c fsync=off", store->folder);
    const char *const init[] = {store->initdb, "-D", store->data, "-U", "busbar",      "-A",
                                "trust",       "-E", "UTF8",      "-N", "--no-locale", NULL};
    const char *const start[] = {store->pg_ctl, "-D",       store->data, "-w",     "-t",    "60",
                                 "-l",          store->log, "-o",        settings, "start", NULL};
    if (!run(store, init, TRUE, error))
        return FALSE;
    store->started = TRUE; /* or half so: it is stopped in both cases */
    return run(store, start, TRUE, error);
}

bb_demo_store *bb_demo_store_start(const char *kind, GError **error)
{
    g_autoptr(bb_demo_store) store = g_new0(bb_demo_store, 1);
    if (strcmp(kind, "postgresql") != 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "--with %s: the demo can start `postgresql` by itself%s", kind,
                    strcmp(kind, "clickhouse") == 0 || strcmp(kind, "s3") == 0
                        ? "; for this one name a server of your own under `handlers:` of the "
                          "demo's busbar.yaml (docs/storage.md says how)"
                        : "");
        return NULL;
    }
    if (!find_programs(store, error) || !choose_user(store, error) || !make_folder(store, error) ||
        !start_server(store, error))
        return NULL;
    return g_steal_pointer(&store);
}

/* The folder is ours, made by mkdtemp; links are not followed. */
static void remove_tree(const char *path)
{
    const char *name;
    GDir *folder = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    if (folder)
        g_dir_close(folder);
    (void)g_remove(path); /* what stays is in the temporary folder */
}

void bb_demo_store_free(bb_demo_store *store)
{
    if (!store)
        return;
    const char *const stop[] = {store->pg_ctl, "-D", store->data, "-w",   "-m",
                                "fast",        "-t", "30",        "stop", NULL};
    if (store->started)
        (void)run(store, stop, TRUE, NULL); /* it may have ended already */
    if (store->folder)
        remove_tree(store->folder);
    g_free(store->folder);
    g_free(store->data);
    g_free(store->log);
    g_free(store->handler);
    g_free(store->initdb);
    g_free(store->pg_ctl);
    g_free(store->psql);
    g_free(store);
}

const char *bb_demo_store_handler(const bb_demo_store *store)
{
    return store->handler;
}

gboolean bb_demo_store_make_tables(const bb_demo_store *store, const char *path, GError **error)
{
    const char *const apply[] = {"/proc/self/exe", "storage", "apply", "--config", path, NULL};
    const bb_demo_store ourselves = {.user = NULL};
    (void)store;
    return run(&ourselves, apply, TRUE, error);
}

gboolean bb_demo_store_show(const bb_demo_store *store, GError **error)
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
    const char *const show[] = {store->psql, "-X",       "-h", store->folder, "-U", "busbar",
                                "-d",        "postgres", "-P", "pager=off",   "-P", "footer=off",
                                "-c",        counts,     "-c", rows,          NULL};
    printf("\nIn PostgreSQL, as psql sees it:\n");
    (void)fflush(stdout); /* psql writes to it next */
    return run(store, show, FALSE, error);
}
