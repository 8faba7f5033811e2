/* Bodies of requests, compressed. */
#ifndef CH_COMPRESS_H
#define CH_COMPRESS_H

#include <stdbool.h>

#include "../handler_common/buffer.h"

typedef struct ch_compressor ch_compressor;

/* Whether "zstd", "gzip" or "none" was built in. */
bool ch_compress_knows(const char *name);

/* By name; NULL: the first that was built in. NULL when memory is out. */
ch_compressor *ch_compressor_new(const char *name);
void ch_compressor_free(ch_compressor *compressor);
/* As in Content-Encoding; "" for none. */
const char *ch_compressor_encoding(const ch_compressor *compressor);
/* Replaces what `out` holds. False when memory is out. */
bool ch_compressor_run(ch_compressor *compressor, const handler_buffer *in, handler_buffer *out);

#endif
