/* Publishes the lines of standard input with libbusbar and says what became of each.
 *
 *     publish CONFIG EVENT < events.jsonl
 *
 * The exit code is 0 when all were delivered, 1 when some were not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <busbar/client.h>

struct counts {
    unsigned long delivered, rejected, failed;
};

/* Called once for each line, in order. The texts are dead when it returns. */
static void on_outcome(const busbar_outcome *outcome, void *user)
{
    struct counts *counts = user;
    unsigned long line = (unsigned long)(uintptr_t)outcome->opaque;
    switch (outcome->status) {
    case BUSBAR_OUTCOME_DELIVERED:
        counts->delivered++;
        printf("%lu: delivered to %s, partition %d, offset %lld\n", line, outcome->topic,
               (int)outcome->partition, (long long)outcome->offset);
        break;
    case BUSBAR_OUTCOME_REJECTED:
        counts->rejected++;
        printf("%lu: rejected at \"%s\": %s\n", line, outcome->pointer, outcome->message);
        break;
    default:
        counts->failed++;
        printf("%lu: failed: %s%s\n", line, outcome->message,
               outcome->retriable ? " (try again)" : "");
        break;
    }
}

static int publish_lines(busbar_client *client, const char *event)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    uintptr_t number = 0;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        number++;
        if (line[size - 1] == '\n')
            size--;
        if (size == 0)
            continue;
        /* the bytes are copied; the number comes back as `opaque` */
        if (busbar_client_publish(client, event, line, (size_t)size, (void *)number) != 0) {
            fprintf(stderr, "%s: no such event type\n", event);
            free(line);
            return -1;
        }
    }
    free(line);
    return 0;
}

int main(int argc, char **argv)
{
    struct counts counts = {0, 0, 0};
    char reason[512];
    if (argc != 3) {
        fprintf(stderr, "usage: %s CONFIG EVENT < events.jsonl\n", argv[0]);
        return 2;
    }
    busbar_client *client =
        busbar_client_open(argv[1], on_outcome, &counts, reason, sizeof(reason));
    if (!client) {
        fprintf(stderr, "%s\n", reason);
        return 2;
    }
    int taken = publish_lines(client, argv[2]);
    busbar_client_close(client, 30000); /* waits for the outcomes */
    fprintf(stderr, "%lu delivered, %lu rejected, %lu failed\n", counts.delivered, counts.rejected,
            counts.failed);
    return taken != 0 ? 2 : counts.rejected || counts.failed ? 1 : 0;
}
