/* What went wrong at the server, and what that means for the events in hand. */
#ifndef CH_FAULT_H
#define CH_FAULT_H

#include <stddef.h>

enum {
    CH_FAULT_NONE = 0,
    CH_FAULT_PASSING = 1, /* connection, memory, too many parts: the same again, later */
    CH_FAULT_DATA = 2,    /* a row is at fault */
    CH_FAULT_LASTING = 3  /* table, right or setting is at fault: somebody must look at it */
};

typedef struct ch_fault {
    int kind;
    int code;        /* of ClickHouse; 0 where there is none */
    char text[512];  /* one sentence, without secrets */
    char column[64]; /* "" where it is not known */
} ch_fault;

/* By the code of the exception. */
int ch_fault_kind(int code);
/* From the answer to a request that failed: HTTP status, code of the header (0: none), body. */
void ch_fault_from_answer(ch_fault *fault, long status, int code, const char *body, size_t size);
void ch_fault_set(ch_fault *fault, int kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
