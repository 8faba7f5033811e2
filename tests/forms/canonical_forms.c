/* Prints the canonical form of each line "type<TAB>JSON text", or "refused". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/canonical.h"
#include "event/tape.h"

static void print_form(bb_parser *parser, bb_lax lax, const char *json, size_t size)
{
    bb_tape tape;
    bb_parse_error error;
    if (!bb_parse(parser, json, size, &tape, &error)) {
        puts("malformed");
        return;
    }
    const bb_token *token = &tape.tokens[0];
    size_t room = size + 8 > BB_CANONICAL_MAX ? size + 8 : BB_CANONICAL_MAX;
    g_autofree char *text = g_strndup(json + token->start, token->size);
    g_autofree char *out = g_malloc(room);
    size_t text_size = token->size;
    size_t out_size = 0;
    if (token->type == BB_STRING)
        text_size = bb_unescape(json + token->start, token->size, text);
    switch (bb_canonicalize(lax, token->type, text, text_size, out, &out_size)) {
    case BB_CANONICAL_SAME:
        puts(json);
        return;
    case BB_CANONICAL_CHANGED:
        printf("%.*s\n", (int)out_size, out);
        return;
    case BB_CANONICAL_REFUSED:
        puts("refused");
    }
}

int main(void)
{
    g_autoptr(bb_parser) parser = bb_parser_new(NULL);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *json = strchr(line, '\t');
        if (!json)
            return EXIT_FAILURE;
        *json++ = '\0';
        print_form(parser, bb_lax_find(line), json, strlen(json));
    }
    free(line);
    return EXIT_SUCCESS;
}
