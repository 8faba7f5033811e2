/* Any bytes: the tape against jansson, and its wide code against its portable code. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/event/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *difference)
{
    if (!difference)
        return;
    fprintf(stderr, "%s\n", difference);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bb_parser *wide, *portable;
    if (!wide) {
        wide = bb_parser_new(/* limits= */ NULL);
        portable = bb_parser_new(/* limits= */ NULL);
    }
    char *text = malloc(size ? size : 1); /* of exactly this size: no byte beyond it is readable */
    memcpy(text, data, size);
    check(oracle_check_portable(wide, portable, text, size));
    check(oracle_check(wide, text, size));
    free(text);
    return 0;
}
