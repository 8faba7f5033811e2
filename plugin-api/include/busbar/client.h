/* libbusbar: publishing from a program of one's own, with the engine of `busbar publish`.
 *
 * Every event that is handed over gets exactly one outcome: delivered, rejected (by the contract or
 * the domain's rules) or failed (by Kafka). A client is safe to use from several threads. */
#ifndef BUSBAR_CLIENT_H
#define BUSBAR_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BUSBAR_CLIENT_API __attribute__((visibility("default")))
#else
#define BUSBAR_CLIENT_API
#endif

typedef struct busbar_client busbar_client;

enum {
    BUSBAR_OUTCOME_DELIVERED = 1, /* the broker has confirmed it */
    BUSBAR_OUTCOME_REJECTED =
        2, /* the event is wrong: `pointer`, `keyword`, `message` say where and why */
    BUSBAR_OUTCOME_FAILED =
        3 /* Kafka did not take it; `retriable` says whether to try again makes sense */
};

/** @brief What became of one event. All texts are borrowed and dead when the callback returns;
 * absent ones are NULL. */
typedef struct busbar_outcome {
    uint32_t struct_size;
    int32_t status; /* BUSBAR_OUTCOME_* */
    void *opaque;   /* as handed to `busbar_client_publish` */
    const char *topic;
    int32_t partition; /* -1 unless delivered */
    int32_t retriable; /* not 0: failed for a passing reason */
    int64_t offset;    /* -1 unless delivered */
    const char *pointer;
    const char *keyword;
    const char *message;
} busbar_outcome;

/** @brief Called once for each event, in the order in which events of one thread were handed over.
 * It must not call the client: publish refuses (-1), flush and close do nothing. [any: from inside
 * publish, flush and close, or from the client's own thread; never two at the same time] */
typedef void (*busbar_outcome_fn)(const busbar_outcome *outcome, void *user);

/** @brief Opens a client from a configuration file. Does not wait for Kafka: events are queued
 * until it answers.
 *  @param config_path path of the YAML file; NULL: as the command line finds it
 *  @param on_outcome may be NULL; @param user handed to it
 *  @param error_text filled with one sentence on failure; may be NULL
 *  @return NULL on failure */
BUSBAR_CLIENT_API busbar_client *busbar_client_open(const char *config_path,
                                                    busbar_outcome_fn on_outcome, void *user,
                                                    char *error_text, size_t error_size);

/** @brief Validates, enriches and sends one event; the bytes are copied. Blocks while the queue is
 * full.
 *  @param event_name "customer.user_event"
 *  @return 0 when it was handed over (its outcome will come, or has come); -1 for an unknown event
 * name, one whose plugin cannot be made ready (the log says why), or from inside the callback */
BUSBAR_CLIENT_API int busbar_client_publish(busbar_client *client, const char *event_name,
                                            const char *json, size_t size, void *opaque);

/** @brief As `busbar_client_publish` for `count` events. @return how many were handed over */
BUSBAR_CLIENT_API size_t busbar_client_publish_batch(busbar_client *client, const char *event_name,
                                                     const char *const *json, const size_t *sizes,
                                                     size_t count, void *const *opaques);

/** @brief Waits until every event has its outcome. @return how many still have none after
 * `timeout_ms` (negative: no limit) */
BUSBAR_CLIENT_API size_t busbar_client_flush(busbar_client *client, int timeout_ms);

/** @brief Flushes up to `timeout_ms`, gives what is left the outcome FAILED, and frees the client.
 * Accepts NULL. */
BUSBAR_CLIENT_API void busbar_client_close(busbar_client *client, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
