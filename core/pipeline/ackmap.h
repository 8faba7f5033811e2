/* The map of records that are finished beyond the committed offset, as text for the metadata of a
 * commit.
 *
 * Text: "bb:" and the base64 of: version (1), form (0 runs, 1 bits), body, CRC-32 in four bytes,
 * low first. Runs are pairs of LEB128 numbers: from the end of the run before (at first: the
 * committed offset) to its first, and from its first to its last. Bits begin with the committed
 * offset, lowest bit first. The checksum covers the committed offset too: a map counts for that one
 * alone. Pure. */
#ifndef BB_ACKMAP_H
#define BB_ACKMAP_H

#include <glib.h>

/* Kafka's default of offset.metadata.max.bytes. */
#define BB_ACKMAP_MAX_BYTES 4096

/* Offsets from `first` to `last`. */
typedef struct bb_run {
    gint64 first;
    gint64 last;
} bb_run;

/* `runs` (bb_run) rise and begin beyond `offset`. NULL when there are none or nothing fits.
 * `ret_end`: what is at or behind it did not fit; G_MAXINT64: all did. */
char *bb_ackmap_encode(gint64 offset, const GArray *runs, gsize max_bytes, gint64 *ret_end);

/* The runs (bb_run) of a map of `offset`; NULL when the text is something else, damaged, or of
 * another offset. */
GArray *bb_ackmap_decode(const char *text, gsize size, gint64 offset);

#endif
