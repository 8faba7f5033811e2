/* An S3 server of its own for `busbar demo --with s3`.
 *
 * It listens on a free port of the loopback interface, with keys made for it, in files that only
 * its user can read. What is in it is shown by curl, which signs requests. */
#include "app/demo_store_kind.h"

#include <stdio.h>
#include <string.h>

#include "app/demo_listing.h"
#include "base/error.h"

#define BUCKET "ownlens"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define HOW_TO_GET                                                                                 \
    "get one with `go install github.com/versity/versitygw/cmd/versitygw@latest` (Go 1.21 or "     \
    "later), or put MinIO's `minio` into PATH; it need not be started"

typedef struct lake {
    bb_demo_store base;
    char *program;
    gboolean is_minio;
    char *curl, *curl_config;
    char *url; /* of the bucket */
    guint16 port;
    bb_demo_server server;
} lake;

/* Where `go install` puts programs, which need not be in PATH. */
static char *find_go_program(const char *name)
{
    const char *bin = g_getenv("GOBIN"), *path = g_getenv("GOPATH");
    g_auto(GStrv) folders = g_strsplit(path ? path : "", G_SEARCHPATH_SEPARATOR_S, 2);
    char *places[] = {bin ? g_build_filename(bin, name, NULL) : NULL,
                      folders[0] ? g_build_filename(folders[0], "bin", name, NULL) : NULL,
                      g_build_filename(g_get_home_dir(), "go", "bin", name, NULL)};
    char *found = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        if (!found && places[i] && g_file_test(places[i], G_FILE_TEST_IS_EXECUTABLE))
            found = g_steal_pointer(&places[i]);
        g_free(places[i]);
    }
    return found;
}

static gboolean find(bb_demo_store *store, GError **error)
{
    lake *self = (lake *)store;
    self->program = g_find_program_in_path("versitygw");
    if (!self->program)
        self->program = find_go_program("versitygw");
    if (!self->program) {
        self->program = g_find_program_in_path("minio");
        self->is_minio = TRUE;
    }
    if (!self->program) {
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "no S3 server is installed: there is no program versitygw in PATH or where Go "
                    "puts it, and no minio in PATH; " HOW_TO_GET);
        return FALSE;
    }
    self->curl = g_find_program_in_path("curl");
    if (!self->curl)
        g_set_error(error, BB_ERROR, BB_ERROR_USAGE,
                    "there is no program curl in PATH, by which the demo shows what is in the "
                    "store: install it (7.86 or later; Debian: `apt-get install curl`)");
    return self->curl != NULL;
}

/* Keys are no argument, so that no list of processes has them. */
static gboolean write_files(lake *self, const char *secret, GError **error)
{
    g_autofree char *key = g_build_filename(self->base.folder, "secret", NULL);
    g_autofree char *text = g_strdup_printf("silent\nshow-error\nfail\nuser = \"demo:%s\"\n"
                                            "aws-sigv4 = \"aws:amz:us-east-1:s3\"\n"
                                            "header = \"x-amz-content-sha256: " EMPTY_SHA256 "\"\n",
                                            secret);
    self->curl_config = g_build_filename(self->base.folder, "curl", NULL);
    return bb_demo_write_private(key, secret, error) &&
           bb_demo_write_private(self->curl_config, text, error);
}

static gboolean is_ready(gpointer user)
{
    const lake *self = user;
    const char *const make[] = {self->curl, "-K", self->curl_config, "-X", "PUT", self->url, NULL};
    /* one that listens need not be ready: it is when it makes the bucket */
    return bb_demo_port_answers(self->port) && bb_demo_run(make, NULL, NULL, NULL);
}

static gboolean start_server(lake *self, const char *secret, GError **error)
{
    const char *folder = self->base.folder;
    g_autofree char *address = g_strdup_printf("127.0.0.1:%u", self->port);
    g_autofree char *data = g_build_filename(folder, "data", NULL);
    g_autofree char *meta = g_build_filename(folder, "meta", NULL);
    g_autofree char *log = g_build_filename(folder, "log", NULL);
    g_autofree char *key = g_strdup_printf(
        "%s=%s", self->is_minio ? "MINIO_ROOT_PASSWORD" : "ROOT_SECRET_KEY", secret);
    const char *const versity[] = {self->program, "--quiet", "--port", address, "posix",
                                   "--sidecar",   meta,      data,     NULL};
    const char *const minio[] = {self->program, "server", "--address", address, data, NULL};
    const char *const keys[] = {self->is_minio ? "MINIO_ROOT_USER=demo" : "ROOT_ACCESS_KEY=demo",
                                key, "MINIO_BROWSER=off", NULL};
    if (g_mkdir_with_parents(data, 0700) != 0 || g_mkdir_with_parents(meta, 0700) != 0) {
        g_set_error(error, BB_ERROR, BB_ERROR_IO, "%s: no folders can be made", folder);
        return FALSE;
    }
    return bb_demo_server_start(&self->server, self->is_minio ? minio : versity, keys, log,
                                error) &&
           bb_demo_server_wait(&self->server, is_ready, self, error);
}

static gboolean start(bb_demo_store *store, GError **error)
{
    lake *self = (lake *)store;
    g_autofree char *secret = bb_demo_secret(error);
    self->port = bb_demo_free_port();
    self->url = g_strdup_printf("http://127.0.0.1:%u/" BUCKET, self->port);
    store->handler = g_strdup_printf(
        "{ plugin: s3, bucket: " BUCKET ", endpoint: \"http://127.0.0.1:%u\", access_key: demo, "
        "secret_key: \"${file:%s/secret}\", format: lines, compression: none }",
        self->port, store->folder);
    return secret && write_files(self, secret, error) && start_server(self, secret, error);
}

/* Pages of a thousand names each, by the last name of the one before. */
static gboolean list(const lake *self, bb_demo_listing *listing, GError **error)
{
    do {
        const char *last = bb_demo_listing_last(listing);
        g_autofree char *after = g_uri_escape_string(last ? last : "", NULL, FALSE);
        g_autofree char *url =
            g_strdup_printf("%s?list-type=2%s%s", self->url, last ? "&start-after=" : "", after);
        const char *const get[] = {self->curl, "-K", self->curl_config, url, NULL};
        g_autofree char *page = NULL;
        if (!bb_demo_run(get, NULL, &page, error) ||
            !bb_demo_listing_add(listing, page, strlen(page), error))
            return FALSE;
    } while (bb_demo_listing_goes_on(listing));
    return TRUE;
}

static gboolean show_first_lines(const lake *self, const char *name, GError **error)
{
    enum { LINES = 3, WIDTH = 160 };
    g_autofree char *escaped = g_uri_escape_string(name, "/", FALSE);
    g_autofree char *url = g_strdup_printf("%s/%s", self->url, escaped);
    const char *const get[] = {self->curl, "-K", self->curl_config, url, NULL};
    g_autofree char *text = NULL;
    if (!bb_demo_run(get, NULL, &text, error))
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", LINES + 1);
    printf("\nThe first lines of %s:\n", name);
    for (guint i = 0; i < LINES && lines[i] && *lines[i]; i++)
        printf("  %.*s%s\n", WIDTH, lines[i], strlen(lines[i]) > WIDTH ? "..." : "");
    return TRUE;
}

static gboolean show(const bb_demo_store *store, GError **error)
{
    const lake *self = (const lake *)store;
    g_autoptr(bb_demo_listing) listing = bb_demo_listing_new();
    if (!list(self, listing, error))
        return FALSE;
    printf("\nIn the bucket " BUCKET ", as curl sees it:\n");
    bb_demo_listing_print(listing);
    const char *name = bb_demo_listing_first(listing, "data-lake/customer/events/");
    return !name || show_first_lines(self, name, error);
}

static void stop(bb_demo_store *store)
{
    lake *self = (lake *)store;
    bb_demo_server_stop(&self->server);
    g_free(self->program);
    g_free(self->curl);
    g_free(self->curl_config);
    g_free(self->url);
}

const bb_demo_store_kind bb_demo_s3 = {.name = "s3",
                                       .folder = "busbar-demo-s3-XXXXXX",
                                       .consume = "{ order: partition, flush_interval: 2s }",
                                       .size = sizeof(lake),
                                       .find = find,
                                       .start = start,
                                       .show = show,
                                       .stop = stop};
