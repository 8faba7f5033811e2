/* UUIDs derived from where a record stands, so that a record read twice gets the same ids twice.
 *
 * The form is fixed for good, as ids made by one version must come out of every later one:
 * SipHash-2-4 with 128 bits of output, key "busbar uuid v8.1", over 64-bit little-endian words:
 * size of the topic, the topic padded with zeros to whole words, partition and offset (sign
 * extended), size of the member name, the name padded likewise. The closing word of SipHash counts
 * all words before it, times eight. The sixteen bytes of output, with version 8 and the variant of
 * RFC 9562 set, are the UUID. */
#ifndef BB_DERIVED_H
#define BB_DERIVED_H

#include <stddef.h>
#include <stdint.h>

/* State behind the topic, partition and offset. */
typedef struct bb_derivation {
    uint64_t v[4];
    uint64_t words;
} bb_derivation;

void bb_derivation_init(bb_derivation *derivation, const char *topic, int32_t partition,
                        int64_t offset);
/* The UUID of one member, sixteen bytes. */
void bb_derivation_uuid(const bb_derivation *derivation, const char *name, size_t name_size,
                        uint8_t *out);

/* Lower case 8-4-4-4-12 text of sixteen bytes; `out` needs 36 bytes, there is no NUL. */
void bb_uuid_write(const uint8_t *bytes, char *out);

#endif
