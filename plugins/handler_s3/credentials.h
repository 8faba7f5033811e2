/* Whom requests are signed for: from the configuration, the environment, a file, or the role of the
 * container or machine. */
#ifndef S3_CREDENTIALS_H
#define S3_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"

typedef struct s3_credentials {
    char access_key[128];
    char secret_key[256];
    char token[4096];   /* "": none */
    int64_t expires_s;  /* 0: never */
    int64_t again_s;    /* when they are to be fetched again, where they expire */
    const char *source; /* in words */
} s3_credentials;

/* Fills them in, or again when they end within five minutes; those that are there count until they
 * end. False: `ret_trouble` is a sentence without secrets, `*ret_lasting` says whether waiting will
 * not help. */
bool s3_credentials_get(s3_credentials *credentials, const s3_settings *settings,
                        int64_t now_seconds, char ret_trouble[512], bool *ret_lasting);
void s3_credentials_clear(s3_credentials *credentials);

/* Reads one profile of a file as the AWS tools write it. Public for its tests. */
bool s3_credentials_read_file(s3_credentials *credentials, const char *path, const char *profile,
                              char ret_trouble[512]);
/* Reads the answer of a role's endpoint. Public for its tests. */
bool s3_credentials_read_answer(s3_credentials *credentials, const char *json, size_t size);

#endif
