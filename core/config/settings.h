/* Settings: the configuration file and its drop-ins, checked and immutable.
 *
 * Text is YAML (JSON is YAML): one main file plus `conf.d/(*).yaml` beside it, merged in the order
 * of their names. ${VAR},
 * ${VAR:-default} and ${file:path} are expanded in values after parsing. Errors name
 * file:line:column. */
#ifndef BB_SETTINGS_H
#define BB_SETTINGS_H

#include <glib.h>
#include <jansson.h>

typedef struct bb_setting_place {
    const char *file;
    guint line;   /* from 1 */
    guint column; /* from 1 */
} bb_setting_place;

/* A librdkafka property from `kafka:` (passed the allow-list). */
typedef struct bb_kafka_property {
    char *name;
    char *value;
    gboolean secret; /* never printed */
} bb_kafka_property;

typedef enum { BB_AT_LEAST_ONCE, BB_EXACTLY_ONCE, BB_AT_MOST_ONCE } bb_guarantee;
/* What becomes of a record that cannot be handled. */
typedef enum { BB_ON_DEAD_LETTER, BB_ON_DROP, BB_ON_STOP, BB_ON_PAUSE } bb_on_failure;
typedef enum { BB_ORDER_KEY, BB_ORDER_PARTITION, BB_ORDER_NONE } bb_order;
/* How the members of a group share the partitions; AUTO: the best that is safe. */
typedef enum {
    BB_ASSIGN_AUTO,
    BB_ASSIGN_EAGER,
    BB_ASSIGN_COOPERATIVE,
    BB_ASSIGN_CONSUMER
} bb_assignment;
typedef enum {
    BB_KEY_CONTRACT,
    BB_KEY_RAW,
    BB_KEY_JSON
} bb_key_form; /* CONTRACT: as x-busbar-wire says */
typedef enum { BB_META_CONTRACT, BB_META_HEADERS, BB_META_BODY, BB_META_NONE } bb_metadata_place;

/* domains.<domain>.events.<event> */
typedef struct bb_event_settings {
    char *name;
    gboolean enabled;
    char *topic;           /* NULL: the plugin's */
    char *schema;          /* absolute path; NULL: the plugin's contract */
    json_t *plugin_config; /* `settings:`, handed to the plugin; NULL: none */
    bb_setting_place place;
    /* publish: */
    bb_key_form key_form;
    char *key_template; /* NULL: the contract's */
    bb_metadata_place metadata;
    char *producer; /* NULL: the contract's */
    /* consume: */
    char *group; /* NULL: the plugin's, or "<domain>.<event>" */
    bb_assignment assignment;
    char *instance_id; /* template of a static member's id; NULL: none */
    bb_guarantee delivery;
    gint64 transaction_ms;      /* exactly once: longest time before a transaction is ended */
    guint transaction_records;  /* or so many records before that */
    char *transaction_instance; /* this process in the ids of its transactions; NULL: found */
    bb_order order;
    guint concurrency;       /* lanes; 0 runs the stages on the consumer's thread */
    guint batch_records;     /* largest batch handed to handle */
    guint64 in_flight_bytes; /* bound of records read and not finished */
    guint in_flight_records;
    gint64 flush_interval_ms; /* longest time between a handler's PASS and its flush */
    gint64 commit_interval_ms;
    gboolean enrich;         /* canonical forms, defaults and the plugin's enrich while consuming */
    char *offset_reset;      /* earliest | latest | error; of the first start of a group */
    char *dedup_key;         /* JSON pointer; NULL: off */
    guint dedup_records;     /* window; 0: by time */
    gint64 dedup_window_ms;  /* window; 0: by records */
    guint64 dedup_bytes;     /* bound of its memory */
    char *on_out_of_range;   /* stop | earliest | latest */
    char *dead_letter_topic; /* NULL: "<topic>.dlq" */
    gboolean dead_letter_create;
    gint64 retry_initial_ms, retry_max_ms;
    guint retry_attempts;    /* of a RETRY with record scope, before it is dead-lettered; 0: without
                                end */
    gboolean retry_topics;   /* such a record waits in retry topics, not in its lane */
    GArray *retry_delays_ms; /* gint64: of each retry topic */
    GPtrArray *retry_names;  /* char *: of the retry topics; empty: made of topic and group */
    gboolean retry_create;   /* a retry topic that is missing is made */
    gboolean retry_keep_order;  /* of a key, over retry topics */
    guint retry_order_keys;     /* so many keys at most have records there */
    bb_on_failure on_reject;    /* of a record that is refused */
    bb_on_failure on_exhausted; /* of one whose attempts are used up */
    bb_on_failure on_fault;     /* of one that a plugin gives no verdict about */
    GPtrArray *handlers;        /* char *: names of `handlers:` */
} bb_event_settings;

typedef struct bb_domain_settings {
    char *name;
    char *plugin; /* name, or path of a .so; "generic" for a schema alone */
    gboolean enabled;
    bb_setting_place place;
    GPtrArray *events; /* bb_event_settings *; events the plugin brings and the file does not name
                          are added by the registry */
    gboolean only_listed;        /* `events` switches at least one on: events that are not named
                                    stay off */
    bb_event_settings *defaults; /* for events that the file does not name */
} bb_domain_settings;

typedef struct bb_handler_settings {
    char *name;
    char *plugin;   /* name, or path of a .so */
    char *handler;  /* name of the handler inside the plugin; NULL: the plugin's only one */
    json_t *config; /* the other keys: the handler's own */
    bb_setting_place place;
} bb_handler_settings;

/* workers: the processes of `busbar run` */
typedef struct bb_worker_settings {
    gboolean by_domain;        /* one process per domain; else one for all */
    gint64 record_deadline_ms; /* of the stages before `handle`, per record; 0: none */
    gint64 call_deadline_ms;   /* of every other call into a plugin; 0: none */
    guint quarantine_records;  /* different records that a plugin may end its process with; 0: any
                                  number */
    gint64 quarantine_window_ms;
} bb_worker_settings;

typedef struct bb_settings {
    char *path;             /* of the main file; NULL: built-in defaults */
    GPtrArray *files;       /* char *: all files read */
    char *bootstrap;        /* "host:port,..." or "embedded" */
    GPtrArray *kafka;       /* bb_kafka_property * */
    GPtrArray *plugin_path; /* char *: folders, absolute, in the order of search */
    char *plugin_manifest;  /* file with the SHA-256 of every plugin; NULL: any may be loaded */
    GPtrArray *domains;     /* bb_domain_settings * */
    GPtrArray *handlers;    /* bb_handler_settings * */
    gint log_level;
    gboolean log_json;
    gint64 drain_ms; /* bound of the drain at the end */
    bb_worker_settings workers;
    char *admin_listen; /* "host:port" of the admin port; NULL: there is none */
    json_t *tree;       /* merged file with secrets masked, for `check --json` */
    gpointer places;    /* JSON pointer -> bb_setting_place; see bb_settings_place */
} bb_settings;

/* One finding. */
typedef struct bb_config_problem {
    bb_setting_place place;
    char *pointer; /* into the merged tree */
    char *message; /* what was expected and found, and what to do */
} bb_config_problem;

/* Where the main file is looked for when neither a path nor $BUSBAR_CONFIG names it: busbar.yaml
 * and config/busbar.yaml in the working directory, etc/busbar/busbar.yaml of the installation,
 * /etc/busbar/busbar.yaml. g_strfreev. */
char **bb_settings_search(void);

/* Loads and checks. `path` NULL: $BUSBAR_CONFIG, then the first that is there of
 * bb_settings_search. `overrides`: "key.path=value" texts from --set, or NULL. All problems are
 * found in one pass and appended to `problems` (bb_config_problem *), sorted by file and line.
 * Returns NULL when there is any. */
bb_settings *bb_settings_load(const char *path, const char *const *overrides, GPtrArray *problems);
void bb_settings_free(bb_settings *settings);

/* Text "file:line:column: message". */
char *bb_config_problem_text(const bb_config_problem *problem);
void bb_config_problem_free(gpointer problem);

/* Where a value of the merged tree stands; file NULL when it is a default. */
bb_setting_place bb_settings_place(const bb_settings *settings, const char *pointer);

/* The published JSON Schema of the file. */
const char *bb_settings_schema(gsize *ret_size);

/* Defaults of an event that no file names; for tests and for the registry. */
bb_event_settings *bb_event_settings_new(const char *name);
void bb_event_settings_free(gpointer settings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(bb_settings, bb_settings_free)

#endif
