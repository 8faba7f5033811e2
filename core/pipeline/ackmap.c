/* Writing and reading of ack maps. */
#include "pipeline/ackmap.h"

#include <string.h>

static const char prefix[] = "bb:";

enum {
    PREFIX_SIZE = 3,
    VERSION = 1,
    RUNS = 0,
    BITS = 1,
    HEAD_SIZE = 2,
    SUM_SIZE = 4,
    MAX_READ = 1 << 16 /* of a text, against nonsense */
};

static guint32 crc_bytes(guint32 crc, const guint8 *data, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
    }
    return crc;
}

static void put_number(guint8 *out, guint64 number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (guint8)(number >> (8 * i));
}

static guint32 checksum(gint64 offset, const guint8 *data, gsize size)
{
    guint8 place[8];
    put_number(place, (guint64)offset, sizeof(place));
    return ~crc_bytes(crc_bytes(0xffffffffu, place, sizeof(place)), data, size);
}

static gsize put_varint(guint8 *out, guint64 number)
{
    gsize size = 0;
    for (; number >= 0x80; number >>= 7)
        out[size++] = (guint8)(number | 0x80);
    out[size++] = (guint8)number;
    return size;
}

/* As many runs as fit. */
static void write_runs(GByteArray *body, gint64 offset, const GArray *runs, gsize room,
                       gint64 *ret_end)
{
    gint64 before = offset;
    *ret_end = G_MAXINT64;
    for (guint i = 0; i < runs->len; i++) {
        const bb_run *run = &g_array_index(runs, bb_run, i);
        guint8 pair[20];
        gsize size = put_varint(pair, (guint64)(run->first - before));
        size += put_varint(pair + size, (guint64)(run->last - run->first));
        if (body->len + size > room) {
            *ret_end = run->first;
            return;
        }
        g_byte_array_append(body, pair, (guint)size);
        before = run->last;
    }
}

static void write_bits(GByteArray *body, gint64 offset, const GArray *runs, gsize room,
                       gint64 *ret_end)
{
    const bb_run *last = &g_array_index(runs, bb_run, runs->len - 1);
    guint64 wanted = (guint64)(last->last - offset) / 8 + 1;
    gsize size = MIN(wanted, room);
    gint64 end = offset + (gint64)size * 8;
    *ret_end = wanted > room ? end : G_MAXINT64;
    g_byte_array_set_size(body, (guint)size);
    memset(body->data, 0, size);
    for (guint i = 0; i < runs->len; i++) {
        const bb_run *run = &g_array_index(runs, bb_run, i);
        for (gint64 at = run->first; at <= run->last && at < end; at++)
            body->data[(at - offset) / 8] |= (guint8)(1u << ((at - offset) % 8));
    }
}

static char *finish(gint64 offset, int form, const GByteArray *body)
{
    gsize size = HEAD_SIZE + body->len;
    g_autofree guint8 *raw = g_malloc(size + SUM_SIZE);
    raw[0] = VERSION;
    raw[1] = (guint8)form;
    memcpy(raw + HEAD_SIZE, body->data, body->len);
    put_number(raw + size, checksum(offset, raw, size), SUM_SIZE);
    g_autofree char *text = g_base64_encode(raw, size + SUM_SIZE);
    return g_strconcat(prefix, text, NULL);
}

char *bb_ackmap_encode(gint64 offset, const GArray *runs, gsize max_bytes, gint64 *ret_end)
{
    gsize raw = max_bytes > PREFIX_SIZE ? (max_bytes - PREFIX_SIZE) / 4 * 3 : 0;
    gint64 end = G_MAXINT64, bits_end = G_MAXINT64;
    *ret_end = end;
    if (!runs->len)
        return NULL;
    *ret_end = g_array_index(runs, bb_run, 0).first;
    if (raw <= HEAD_SIZE + SUM_SIZE)
        return NULL;
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autoptr(GByteArray) bits = g_byte_array_new();
    write_runs(body, offset, runs, raw - HEAD_SIZE - SUM_SIZE, &end);
    write_bits(bits, offset, runs, raw - HEAD_SIZE - SUM_SIZE, &bits_end);
    gboolean use_bits = bits_end > end || (bits_end == end && bits->len < body->len);
    *ret_end = use_bits ? bits_end : end;
    if (*ret_end <= g_array_index(runs, bb_run, 0).first)
        return NULL;
    return finish(offset, use_bits ? BITS : RUNS, use_bits ? bits : body);
}

static void add_run(GArray *runs, gint64 first, gint64 last)
{
    bb_run *before = runs->len ? &g_array_index(runs, bb_run, runs->len - 1) : NULL;
    const bb_run run = {first, last};
    if (before && before->last + 1 == first)
        before->last = last;
    else
        g_array_append_val(runs, run);
}

static gboolean read_varint(const guint8 **at, const guint8 *end, guint64 *ret_number)
{
    guint64 number = 0;
    for (guint shift = 0; *at < end && shift < 63; shift += 7) {
        guint8 byte = *(*at)++;
        number |= (guint64)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_number = number;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean read_runs(GArray *runs, gint64 offset, const guint8 *at, const guint8 *end)
{
    guint64 gap, length, before = (guint64)offset;
    while (at < end) {
        if (!read_varint(&at, end, &gap) || !read_varint(&at, end, &length) || !gap ||
            gap > (guint64)G_MAXINT64 - before || length > (guint64)G_MAXINT64 - before - gap)
            return FALSE;
        add_run(runs, (gint64)(before + gap), (gint64)(before + gap + length));
        before += gap + length;
    }
    return TRUE;
}

static gboolean read_bits(GArray *runs, gint64 offset, const guint8 *at, const guint8 *end)
{
    if (offset > G_MAXINT64 - (end - at) * 8)
        return FALSE;
    for (; at < end; at++, offset += 8) {
        for (int bit = 0; bit < 8; bit++) {
            if (*at & (1u << bit))
                add_run(runs, offset + bit, offset + bit);
        }
    }
    return TRUE;
}

static gboolean is_base64(const char *text, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        if (!g_ascii_isalnum(text[i]) && !strchr("+/=", text[i]))
            return FALSE;
    }
    return size > 0 && size % 4 == 0;
}

GArray *bb_ackmap_decode(const char *text, gsize size, gint64 offset)
{
    if (!text || offset < 0 || size <= PREFIX_SIZE || size > MAX_READ ||
        memcmp(text, prefix, PREFIX_SIZE) != 0 ||
        !is_base64(text + PREFIX_SIZE, size - PREFIX_SIZE))
        return NULL;
    g_autofree char *copy = g_strndup(text + PREFIX_SIZE, size - PREFIX_SIZE);
    gsize raw_size = 0;
    g_autofree guint8 *raw = g_base64_decode(copy, &raw_size);
    if (raw_size <= HEAD_SIZE + SUM_SIZE || raw[0] != VERSION)
        return NULL;
    const guint8 *end = raw + raw_size - SUM_SIZE;
    guint8 sum[SUM_SIZE];
    put_number(sum, checksum(offset, raw, raw_size - SUM_SIZE), SUM_SIZE);
    if (memcmp(sum, end, SUM_SIZE) != 0)
        return NULL;
    g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(bb_run));
    gboolean good = raw[1] == RUNS   ? read_runs(runs, offset, raw + HEAD_SIZE, end)
                    : raw[1] == BITS ? read_bits(runs, offset, raw + HEAD_SIZE, end)
                                     : FALSE;
    return good && runs->len ? g_steal_pointer(&runs) : NULL;
}
