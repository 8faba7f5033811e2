/* A ClickHouse server of its own for `busbar demo --with clickhouse`.
 *
 * It listens on two free ports of the loopback interface; its user has a password made for it, in
 * files that only its user can read. */
#include "app/demo_store_kind.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Of 2023: batches are known again by tokens, and compressed bodies are read. */
enum { OLDEST_YEAR = 23 };

#define HOW_TO_GET                                                                                 \
    "get ClickHouse 23 or later (https://clickhouse.com/docs/install has packages for Debian and " \
    "Fedora, and one program without any) and put `clickhouse` into PATH; it need not be started"

typedef struct house {
    bb_demo_store base;
    char *server_path, *client_path;
    const char *server_word, *client_word; /* first argument of the one program; NULL: two */
    char *client_config;
    guint16 http_port, tcp_port;
    bb_demo_server server;
} house;

/* Debian's server is where only root's PATH leads. */
static char *find_program(const char *name)
{
    g_autofree char *aside = g_build_filename("/usr/sbin", name, NULL);
    char *path = g_find_program_in_path(name);
    if (!path && g_file_test(aside, G_FILE_TEST_IS_EXECUTABLE))
        path = g_steal_pointer(&aside);
    return path;
}

static gboolean find_programs(house *self, GError **error)
{
    self->server_path = g_find_program_in_path("clickhouse");
    if (self->server_path) {
        self->client_path = g_strdup(self->server_path);
        self->server_word = "server";
        self->client_word = "client";
        return TRUE;
    }
    self->server_path = find_program("clickhouse-server");
    self->client_path = find_program("clickhouse-client");
    if (self->server_path && self->client_path)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                "ClickHouse is not installed: there is no program %s in PATH; " HOW_TO_GET,
                self->server_path ? "clickhouse-client" : "clickhouse or clickhouse-server");
    return FALSE;
}

/* The client is asked: old servers do not say it. "ClickHouse client version 24.8.4.13 (...)." */
static gboolean check_version(const house *self, GError **error)
{
    const char *const split[] = {self->client_path, "--version", NULL};
    const char *const one[] = {self->client_path, self->client_word, "--version", NULL};
    g_autofree char *said = NULL;
    if (!bb_demo_run(self->client_word ? one : split, NULL, &said, error))
        return FALSE;
    const char *mark = strstr(said, "version ");
    const char *version = mark ? mark + strlen("version ") : "";
    if (g_ascii_strtoull(version, NULL, 10) >= OLDEST_YEAR)
        return TRUE;
    g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                "%s is too old or unknown, it says `%s`: batches are inserted once by a token that "
                "it has to know; " HOW_TO_GET,
                self->server_path, g_strstrip(said));
    return FALSE;
}

static gboolean find(bb_demo_store *store, GError **error)
{
    house *self = (house *)store;
    return find_programs(self, error) && check_version(self, error);
}

static gboolean write_users(const char *folder, const char *secret, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "users.xml", NULL);
    g_autofree char *password = g_build_filename(folder, "password", NULL);
    g_autofree char *text = g_strdup_printf(
        "<clickhouse>\n  <profiles><default/></profiles>\n  <quotas><default/></quotas>\n"
        "  <users><default>\n    <password>%s</password>\n    <networks><ip>127.0.0.1</ip>"
        "</networks>\n    <profile>default</profile>\n    <quota>default</quota>\n"
        "  </default></users>\n</clickhouse>\n",
        secret);
    return bb_demo_write_private(path, text, error) &&
           bb_demo_write_private(password, secret, error);
}

static gboolean write_server(const house *self, const char *path, GError **error)
{
    const char *folder = self->base.folder;
    g_autofree char *text = g_strdup_printf(
        "<clickhouse>\n  <logger><level>warning</level><console>1</console></logger>\n"
        "  <listen_host>127.0.0.1</listen_host>\n  <http_port>%u</http_port>\n"
        "  <tcp_port>%u</tcp_port>\n  <path>%s/data/</path>\n  <tmp_path>%s/tmp/</tmp_path>\n"
        "  <user_files_path>%s/files/</user_files_path>\n"
        "  <format_schema_path>%s/schemas/</format_schema_path>\n"
        "  <user_directories><users_xml><path>%s/users.xml</path></users_xml></user_directories>\n"
        "  <default_profile>default</default_profile>\n"
        "  <default_database>default</default_database>\n"
        "  <mark_cache_size>67108864</mark_cache_size>\n</clickhouse>\n",
        self->http_port, self->tcp_port, folder, folder, folder, folder, folder);
    return bb_demo_write_private(path, text, error);
}

static gboolean write_client(house *self, const char *secret, GError **error)
{
    self->client_config = g_build_filename(self->base.folder, "client.xml", NULL);
    g_autofree char *text = g_strdup_printf("<clickhouse>\n  <host>127.0.0.1</host>\n"
                                            "  <port>%u</port>\n  <user>default</user>\n"
                                            "  <password>%s</password>\n</clickhouse>\n",
                                            self->tcp_port, secret);
    return bb_demo_write_private(self->client_config, text, error);
}

/* The words before the client's query; `ret_arguments` has room for five and the end. */
static void set_query(const house *self, const char *query, const char *ret_arguments[7])
{
    guint count = 0;
    ret_arguments[count++] = self->client_path;
    if (self->client_word)
        ret_arguments[count++] = self->client_word;
    ret_arguments[count++] = "--config-file";
    ret_arguments[count++] = self->client_config;
    ret_arguments[count++] = "--query";
    ret_arguments[count++] = query;
    ret_arguments[count] = NULL;
}

static gboolean is_ready(gpointer user)
{
    const house *self = user;
    return bb_demo_port_answers(self->http_port) && bb_demo_port_answers(self->tcp_port);
}

static gboolean start_server(house *self, GError **error)
{
    g_autofree char *config = g_build_filename(self->base.folder, "config.xml", NULL);
    g_autofree char *log = g_build_filename(self->base.folder, "log", NULL);
    const char *const split[] = {self->server_path, "--config-file", config, NULL};
    const char *const one[] = {self->server_path, self->server_word, "--config-file", config, NULL};
    static const char *const alone[] = {"CLICKHOUSE_WATCHDOG_ENABLE=0", NULL};
    const char *create[7];
    set_query(self, "CREATE DATABASE ownlens_analytics", create);
    return write_server(self, config, error) &&
           bb_demo_server_start(&self->server, self->server_word ? one : split, alone, log,
                                error) &&
           bb_demo_server_wait(&self->server, is_ready, self, error) &&
           bb_demo_run(create, NULL, NULL, error);
}

static gboolean start(bb_demo_store *store, GError **error)
{
    house *self = (house *)store;
    g_autofree char *secret = bb_demo_secret(error);
    self->http_port = bb_demo_free_port();
    self->tcp_port = bb_demo_free_port();
    store->handler = g_strdup_printf(
        "{ plugin: clickhouse, url: \"http://127.0.0.1:%u\", user: default, password: "
        "\"${file:%s/password}\" }",
        self->http_port, store->folder);
    return secret && write_users(store->folder, secret, error) &&
           write_client(self, secret, error) && start_server(self, error);
}

static gboolean show(const bb_demo_store *store, GError **error)
{
    static const char *const queries[] = {
        "SELECT name AS table, total_rows AS rows FROM system.tables WHERE database = "
        "'ownlens_analytics' AND engine LIKE '%MergeTree' AND name NOT LIKE 'busbar%' ORDER BY "
        "name FORMAT PrettyCompactMonoBlock",
        "SELECT event_id, event_type, event_timestamp, country_code AS country FROM "
        "ownlens_analytics.customer_events ORDER BY event_timestamp DESC LIMIT 5 FORMAT "
        "PrettyCompactMonoBlock"};
    const char *arguments[7];
    printf("\nIn ClickHouse, as its client sees it:\n");
    (void)fflush(stdout); /* the client writes to it next */
    for (guint i = 0; i < G_N_ELEMENTS(queries); i++) {
        set_query((const house *)store, queries[i], arguments);
        if (!bb_demo_run_shown(arguments, NULL, error))
            return FALSE;
    }
    return TRUE;
}

static void stop(bb_demo_store *store)
{
    house *self = (house *)store;
    bb_demo_server_stop(&self->server);
    g_free(self->server_path);
    g_free(self->client_path);
    g_free(self->client_config);
}

const bb_demo_store_kind bb_demo_clickhouse = {.name = "clickhouse",
                                               .folder = "busbar-demo-ch-XXXXXX",
                                               .consume =
                                                   "{ order: partition, flush_interval: 2s }",
                                               .has_tables = TRUE,
                                               .size = sizeof(house),
                                               .find = find,
                                               .start = start,
                                               .show = show,
                                               .stop = stop};
