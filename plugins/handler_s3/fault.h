/* What went wrong, and whether waiting may help. */
#ifndef S3_FAULT_H
#define S3_FAULT_H

#include <stdbool.h>
#include <stdio.h>

#include "client.h"

typedef struct s3_fault {
    bool lasting; /* somebody must look at it */
    char text[800];
} s3_fault;

static inline void s3_fault_set(s3_fault *fault, bool lasting, const char *text)
{
    fault->lasting = lasting;
    (void)snprintf(fault->text, sizeof(fault->text), "%s", text);
}

static inline void s3_fault_reply(s3_fault *fault, const s3_reply *reply)
{
    s3_fault_set(fault, !s3_reply_passing(reply), reply->trouble);
}

#endif
