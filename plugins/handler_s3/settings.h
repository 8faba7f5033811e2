/* The configuration of an `s3` handler for one event type. */
#ifndef S3_SETTINGS_H
#define S3_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum { S3_LINES = 1, S3_PARQUET = 2, S3_DELTA = 3 };
enum { S3_PLAIN = 1, S3_GZIP = 2, S3_ZSTD = 3, S3_SNAPPY = 4 };
enum { S3_FROM_MAX = 8 };

/* Texts are borrowed from the trees, NULL where not given. */
typedef struct s3_settings {
    json_t *tree;
    json_t *contract;
    const json_t *annotation; /* "s3" of x-busbar-storage; NULL: none */
    const char *bucket;
    char *endpoint; /* without a slash at its end */
    char *region;
    bool path_style;
    const char *access_key, *secret_key, *session_token;
    const char *credentials_file, *profile;
    char *path; /* expanded, without slashes at its ends */
    int format;
    int compression;
    const char *column; /* of the partitions; NULL: there are none */
    const char *from[S3_FROM_MAX];
    size_t from_count;
    bool envelope;
    bool exactly_once;
    uint64_t max_rows;
    uint64_t max_bytes;
    uint64_t part_bytes;
    uint64_t checkpoint_every;
    int64_t takeover_ms;
    long timeout_ms;
    long connect_timeout_ms;
} s3_settings;

/* NULL, or what is wrong. `settings` can be cleared in any case. */
const char *s3_settings_read(s3_settings *settings, const char *config, size_t config_size,
                             const char *event, const char *contract, size_t contract_size);
void s3_settings_clear(s3_settings *settings);

#endif
