/* Bytes into a compressed stream in memory. */
#ifndef S3_PACK_H
#define S3_PACK_H

#include <stdbool.h>

#include "../handler_common/buffer.h"

typedef struct s3_pack s3_pack;

/* Whether this build can: S3_PLAIN, S3_GZIP or S3_ZSTD (settings.h). */
bool s3_pack_can(int compression);
/* What behind ".jsonl" says how it is packed. */
const char *s3_pack_suffix(int compression);

/* NULL: out of memory. What is packed goes to `out`, which lives as long. */
s3_pack *s3_pack_new(int compression, handler_buffer *out);
bool s3_pack_add(s3_pack *pack, const void *data, size_t size);
/* Ends the stream; the next bytes begin another. */
bool s3_pack_end(s3_pack *pack);
void s3_pack_free(s3_pack *pack);

#endif
