/* Checks UUIDs (RFC 4122 text form, any letter case). */
#include "contract/format_checks.h"

#include <string.h>

/* Which of eight bytes are hexadecimal digits, tested at once: the high bit of each byte that is
 * none is set in the result. All steps stay inside their byte because the inputs are below 0x80. */
static uint64_t find_not_hex(uint64_t bytes)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t high = 0x8080808080808080u;
    uint64_t low = bytes & ~high;
    uint64_t letter = low | ones * 0x20;
    uint64_t from_0 = low + ones * (0x80 - '0');
    uint64_t above_9 = low + ones * (0x7F - '9');
    uint64_t from_a = letter + ones * (0x80 - 'a');
    uint64_t above_f = letter + ones * (0x7F - 'f');
    uint64_t hex = (from_0 & ~above_9) | (from_a & ~above_f);
    return (~hex | bytes) & high;
}

static uint64_t load(const char *text)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    return bytes;
}

/* The eight bytes around two groups: "xxxx-xxxx" without its hyphen. */
static uint64_t load_around(const char *text)
{
    uint32_t left, right;
    memcpy(&left, text, sizeof left);
    memcpy(&right, text + 5, sizeof right);
    return (uint64_t)left << 32 | right;
}

/* The high bit of each byte that is a capital, given hexadecimal digits only. */
static uint64_t find_capital(uint64_t bytes)
{
    return (bytes << 1) & ~(bytes << 2) & 0x8080808080808080u;
}

bool bb_format_uuid(const char *text, size_t size)
{
    bool capitals;
    return bb_uuid_read(text, size, &capitals);
}

bool bb_uuid_read(const char *text, size_t size, bool *ret_capitals)
{
    if (size != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
        return false;
    uint64_t a = load(text);
    uint64_t b = load_around(text + 9);
    uint64_t c = load_around(text + 19);
    uint64_t d = load(text + 28);
    if ((find_not_hex(a) | find_not_hex(b) | find_not_hex(c) | find_not_hex(d)) != 0)
        return false;
    *ret_capitals = (find_capital(a) | find_capital(b) | find_capital(c) | find_capital(d)) != 0;
    return true;
}
