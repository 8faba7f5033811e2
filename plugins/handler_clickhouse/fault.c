/* Faults of the server by their code (src/Common/ErrorCodes.cpp of ClickHouse; they never change).
 */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int passing[] = {
    24,   75,                  /* cannot write */
    159,  160,                 /* time-out, too slow */
    164,  242,                 /* read only: a replica that has lost its keeper */
    173,  241,                 /* memory */
    201,  202,  203, 700,      /* quota, simultaneous queries, connections, sessions */
    204,  209,  210, 236, 243, /* fsync, socket, network, aborted, disk */
    218,  733,                 /* the table is being dropped or restarted */
    225,  999,                 /* keeper */
    252,                       /* too many parts */
    279,  285,  286, 319,      /* connections, replicas, quorum, unknown status of an insert */
    394,  425,  439, 473,      /* cancelled, system, threads, deadlock */
    499,  500,  568, 745,      /* object storage, raft, overloaded */
    1000, 1001, 1002           /* of libraries */
};
static const int data[] = {
    6,   27,  38,  41,  53,  69,  70, 72, 117, 467, /* texts that are no value of the type */
    131, 321, 407,                                  /* too large */
    349,                                            /* null where none may be */
    153, 376, 395, 675, 676, 691,                   /* raised by expressions of the table */
    469                                             /* constraint */
};

static int has(const int *codes, size_t count, int code)
{
    for (size_t i = 0; i < count; i++) {
        if (codes[i] == code)
            return 1;
    }
    return 0;
}

int ch_fault_kind(int code)
{
    if (has(passing, sizeof(passing) / sizeof(passing[0]), code))
        return CH_FAULT_PASSING;
    return has(data, sizeof(data) / sizeof(data[0]), code) ? CH_FAULT_DATA : CH_FAULT_LASTING;
}

/* "Code: 241. DB::Exception: text. (NAME) (version ...)": the text, as one line. */
static void copy_text(ch_fault *fault, const char *body, size_t size)
{
    static const char head[] = "DB::Exception: ";
    char text[sizeof(fault->text)];
    size_t copied = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    memcpy(text, body, copied);
    text[copied] = '\0';
    char *from = strstr(text, head);
    from = from ? from + sizeof(head) - 1 : text;
    char *end = strstr(from, " (version ");
    if (end)
        *end = '\0';
    from[strcspn(from, "\r\n")] = '\0';
    memcpy(fault->text, from, strlen(from) + 1);
}

/* Of a constraint: "... Column values: name = value". */
static void read_column(ch_fault *fault)
{
    static const char mark[] = "Column values: ";
    const char *at = strstr(fault->text, mark);
    const char *name = at ? at + sizeof(mark) - 1 : "";
    size_t size = strcspn(name, " ,");
    if (size && size < sizeof(fault->column)) {
        memcpy(fault->column, name, size);
        fault->column[size] = '\0';
    }
}

void ch_fault_from_answer(ch_fault *fault, long status, int code, const char *body, size_t size)
{
    *fault = (ch_fault){.code = code};
    copy_text(fault, body ? body : "", size);
    if (!code && size > 6 && strncmp(body, "Code: ", 6) == 0)
        fault->code = atoi(body + 6);
    if (fault->code)
        fault->kind = ch_fault_kind(fault->code);
    else /* a proxy, or a server that is on its way up or down */
        fault->kind =
            status >= 500 || status == 408 || status == 429 ? CH_FAULT_PASSING : CH_FAULT_LASTING;
    if (!fault->code || !fault->text[0])
        (void)snprintf(fault->text, sizeof(fault->text), "HTTP status %ld", status);
    read_column(fault);
}

void ch_fault_set(ch_fault *fault, int kind, const char *format, ...)
{
    va_list arguments;
    *fault = (ch_fault){.kind = kind};
    va_start(arguments, format);
    (void)vsnprintf(fault->text, sizeof(fault->text), format, arguments); /* cut where too long */
    va_end(arguments);
}
