/* A text and edits of it, split by a NUL: the spliced text against the same edits in jansson. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/event/splice_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bb_parser *parser;
    if (!parser)
        parser = bb_parser_new(/* limits= */ NULL);
    const uint8_t *split = size ? memchr(data, 0, size) : NULL;
    if (!split)
        return 0;
    size_t text_size = (size_t)(split - data);
    char *text = malloc(text_size ? text_size : 1);
    memcpy(text, data, text_size);
    const char *difference = splice_check(parser, text, text_size, split + 1, size - text_size - 1);
    free(text);
    if (difference) {
        fprintf(stderr, "%s\n", difference);
        abort();
    }
    return 0;
}
