/* Bytes into a compressed stream in memory. */
#include "pack.h"

#include <stdlib.h>
#include <string.h>

#include "settings.h"

#ifdef S3_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef S3_HAVE_ZSTD
#include <zstd.h>
#endif

enum { ROOM = 65536 };

struct s3_pack {
    int compression;
    handler_buffer *out;
#ifdef S3_HAVE_ZLIB
    z_stream gzip;
#endif
#ifdef S3_HAVE_ZSTD
    ZSTD_CCtx *zstd;
#endif
};

bool s3_pack_can(int compression)
{
#ifdef S3_HAVE_ZLIB
    if (compression == S3_GZIP)
        return true;
#endif
#ifdef S3_HAVE_ZSTD
    if (compression == S3_ZSTD)
        return true;
#endif
    return compression == S3_PLAIN;
}

const char *s3_pack_suffix(int compression)
{
    return compression == S3_GZIP ? ".gz" : compression == S3_ZSTD ? ".zst" : "";
}

#ifdef S3_HAVE_ZLIB
static bool begin_gzip(s3_pack *pack)
{
    /* 16 + 15: gzip's head, the largest window */
    return deflateInit2(&pack->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + 15, 8,
                        Z_DEFAULT_STRATEGY) == Z_OK;
}

static bool run_gzip(s3_pack *pack, const void *data, size_t size, bool end)
{
    pack->gzip.next_in = (Bytef *)data; /* it is not written to */
    pack->gzip.avail_in = (uInt)size;
    for (;;) {
        if (!handler_buffer_reserve(pack->out, ROOM))
            return false;
        pack->gzip.next_out = (Bytef *)pack->out->data + pack->out->size;
        pack->gzip.avail_out = ROOM;
        int status = deflate(&pack->gzip, end ? Z_FINISH : Z_NO_FLUSH);
        pack->out->size += ROOM - pack->gzip.avail_out;
        if (status == Z_STREAM_END)
            return deflateReset(&pack->gzip) == Z_OK;
        if (status != Z_OK && status != Z_BUF_ERROR)
            return false;
        if (!end && !pack->gzip.avail_in && pack->gzip.avail_out)
            return true;
    }
}
#endif

#ifdef S3_HAVE_ZSTD
static bool run_zstd(s3_pack *pack, const void *data, size_t size, bool end)
{
    ZSTD_inBuffer in = {data, size, 0};
    for (;;) {
        if (!handler_buffer_reserve(pack->out, ROOM))
            return false;
        ZSTD_outBuffer out = {pack->out->data + pack->out->size, ROOM, 0};
        size_t left =
            ZSTD_compressStream2(pack->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return false;
        pack->out->size += out.pos;
        if (end ? left == 0 : in.pos == in.size)
            return true;
    }
}
#endif

s3_pack *s3_pack_new(int compression, handler_buffer *out)
{
    s3_pack *pack = calloc(1, sizeof(*pack));
    if (!pack)
        return NULL;
    pack->out = out;
    bool good = true;
#ifdef S3_HAVE_ZLIB
    if (compression == S3_GZIP)
        good = begin_gzip(pack);
#endif
#ifdef S3_HAVE_ZSTD
    if (compression == S3_ZSTD)
        good = (pack->zstd = ZSTD_createCCtx()) != NULL;
#endif
    pack->compression = good ? compression : 0;
    if (good)
        return pack;
    s3_pack_free(pack);
    return NULL;
}

static bool run(s3_pack *pack, const void *data, size_t size, bool end)
{
#ifdef S3_HAVE_ZLIB
    if (pack->compression == S3_GZIP)
        return run_gzip(pack, data, size, end);
#endif
#ifdef S3_HAVE_ZSTD
    if (pack->compression == S3_ZSTD)
        return run_zstd(pack, data, size, end);
#endif
    (void)end; /* plain bytes have no end of their own */
    return handler_buffer_add(pack->out, data, size);
}

bool s3_pack_add(s3_pack *pack, const void *data, size_t size)
{
    return size == 0 || run(pack, data, size, false);
}

bool s3_pack_end(s3_pack *pack)
{
    return run(pack, "", 0, true);
}

void s3_pack_free(s3_pack *pack)
{
    if (!pack)
        return;
#ifdef S3_HAVE_ZLIB
    if (pack->compression == S3_GZIP)
        (void)deflateEnd(&pack->gzip); /* what is left in it is not wanted */
#endif
#ifdef S3_HAVE_ZSTD
    (void)ZSTD_freeCCtx(pack->zstd); /* accepts NULL */
#endif
    free(pack);
}
