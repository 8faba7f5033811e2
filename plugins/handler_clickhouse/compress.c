/* Bodies of requests, compressed. */
#include "compress.h"

#include <stdlib.h>
#include <string.h>

#ifdef CH_ZSTD
#include <zstd.h>
#endif
#ifdef CH_ZLIB
#include <zlib.h>
#endif

/* Fast ones: the server waits for the bytes, and the network is rarely the narrow place. */
#define ZSTD_LEVEL 1
#define GZIP_LEVEL 1

struct ch_compressor {
    const char *encoding;
#ifdef CH_ZSTD
    ZSTD_CCtx *zstd;
#endif
};

static const char *const known[] = {
#ifdef CH_ZSTD
    "zstd",
#endif
#ifdef CH_ZLIB
    "gzip",
#endif
    "none"};

bool ch_compress_knows(const char *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i], name) == 0)
            return true;
    }
    return false;
}

ch_compressor *ch_compressor_new(const char *name)
{
    ch_compressor *compressor = calloc(1, sizeof(*compressor));
    if (!compressor)
        return NULL;
    compressor->encoding = name ? name : known[0];
#ifdef CH_ZSTD
    compressor->zstd = ZSTD_createCCtx();
    if (!compressor->zstd) {
        free(compressor);
        return NULL;
    }
#endif
    return compressor;
}

void ch_compressor_free(ch_compressor *compressor)
{
    if (!compressor)
        return;
#ifdef CH_ZSTD
    ZSTD_freeCCtx(compressor->zstd);
#endif
    free(compressor);
}

const char *ch_compressor_encoding(const ch_compressor *compressor)
{
    return strcmp(compressor->encoding, "none") == 0 ? "" : compressor->encoding;
}

#ifdef CH_ZSTD
static bool run_zstd(ch_compressor *compressor, const handler_buffer *in, handler_buffer *out)
{
    if (!handler_buffer_reserve(out, ZSTD_compressBound(in->size)))
        return false;
    size_t size = ZSTD_compressCCtx(compressor->zstd, out->data, out->capacity, in->data, in->size,
                                    ZSTD_LEVEL);
    out->size = ZSTD_isError(size) ? 0 : size;
    return !ZSTD_isError(size);
}
#endif

#ifdef CH_ZLIB
static bool run_gzip(const handler_buffer *in, handler_buffer *out)
{
    const int window_bits = 15 + 16; /* with the head of gzip */
    z_stream stream = {.next_in = (Bytef *)in->data, .avail_in = (uInt)in->size};
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    bool good = handler_buffer_reserve(out, deflateBound(&stream, (uLong)in->size));
    stream.next_out = (Bytef *)out->data;
    stream.avail_out = (uInt)out->capacity;
    good = good && deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out->size = good ? stream.total_out : 0;
    (void)deflateEnd(&stream); /* nothing is lost any more */
    return good;
}
#endif

bool ch_compressor_run(ch_compressor *compressor, const handler_buffer *in, handler_buffer *out)
{
    out->size = 0;
#ifdef CH_ZSTD
    if (strcmp(compressor->encoding, "zstd") == 0)
        return run_zstd(compressor, in, out);
#endif
#ifdef CH_ZLIB
    if (strcmp(compressor->encoding, "gzip") == 0)
        return run_gzip(in, out);
#endif
    return handler_buffer_add(out, in->data, in->size);
}
