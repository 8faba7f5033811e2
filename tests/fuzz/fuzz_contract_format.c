/* Feeds any bytes to every format and lax type: nothing crashes, and canonical forms are canonical.
 */
#include <stdlib.h>
#include <string.h>

#include "contract/canonical.h"
#include "contract/format.h"
#include "event/tape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool is_form(const char *format, const char *text, size_t size)
{
    return bb_format_find(format)(text, size);
}

/* The promises on canonical text; `text` is without quotes. */
static void check_canonical(bb_lax lax, const char *text, size_t size)
{
    char out[BB_CANONICAL_MAX];
    size_t out_size = 0;
    int type = BB_STRING;
    if (lax == BB_LAX_UUID || lax == BB_LAX_UUID_ANY)
        require(is_form("uuid", text, size));
    else if (lax == BB_LAX_TIMESTAMP)
        require(is_form("date-time", text, size));
    else if (lax == BB_LAX_DATE)
        require(is_form("date", text, size));
    else if (lax == BB_LAX_BOOLEAN)
        type = text[0] == 't' ? BB_TRUE : BB_FALSE;
    else
        type = BB_NUMBER;
    require(bb_canonicalize(lax, type, text, size, out, &out_size) == BB_CANONICAL_SAME);
}

static bool is_json(bb_parser *parser, const char *text, size_t size, int *ret_type)
{
    bb_tape tape;
    bb_parse_error error;
    if (!bb_parse(parser, text, size, &tape, &error) || tape.tokens[0].size != size)
        return false;
    *ret_type = tape.tokens[0].type;
    return true;
}

static void check_lax(bb_parser *parser, bb_lax lax, int type, const char *text, size_t size)
{
    size_t room = size + 8 > BB_CANONICAL_MAX ? size + 8 : BB_CANONICAL_MAX;
    char *out = malloc(room);
    size_t out_size = 0;
    int out_type = 0;
    require(out != NULL);
    bb_canonical result = bb_canonicalize(lax, type, text, size, out, &out_size);
    if (result == BB_CANONICAL_SAME && type != BB_STRING)
        require(lax >= BB_LAX_INTEGER);
    else if (result == BB_CANONICAL_SAME)
        check_canonical(lax, text, size);
    if (result == BB_CANONICAL_CHANGED) {
        require(out_size > 0 && out_size <= room);
        if (out[0] == '"')
            check_canonical(lax, out + 1, out_size - 2);
        else
            check_canonical(lax, out, out_size);
        if (out[0] != '"')
            require(is_json(parser, out, out_size, &out_type) && out_type != BB_STRING);
    }
    free(out);
}

static void check_formats(const char *text, size_t size)
{
    static const char *const names[] = {
        "date-time", "date",          "time",     "duration",     "email", "idn-email",
        "hostname",  "idn-hostname",  "ipv4",     "ipv6",         "uri",   "uri-reference",
        "iri",       "iri-reference", "uuid",     "uri-template", "regex", "relative-json-pointer",
        "ip",        "json-pointer",  "timezone", "http-url",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)is_form(names[i], text, size); /* only that it returns */
    if (is_form("uri", text, size))
        require(is_form("iri", text, size) && is_form("uri-reference", text, size));
    if (is_form("hostname", text, size))
        require(is_form("idn-hostname", text, size));
    if (is_form("email", text, size))
        require(is_form("idn-email", text, size));
    if (is_form("date-time", text, size))
        require(is_form("date", text, 10) && is_form("iri-reference", text, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1);
    int type = 0;
    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    check_formats(text, size);
    bb_parser *parser = bb_parser_new(NULL);
    for (bb_lax lax = BB_LAX_UUID; lax <= BB_LAX_BOOLEAN; lax++) {
        check_lax(parser, lax, BB_STRING, text, size);
        if (is_json(parser, text, size, &type) && type >= BB_FALSE && type <= BB_NUMBER)
            check_lax(parser, lax, type, text, size);
    }
    bb_parser_free(parser);
    free(text);
    return 0;
}
