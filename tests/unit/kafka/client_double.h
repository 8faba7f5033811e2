/* What a test makes librdkafka say, and what it was asked: some of its functions are stood in front
 * of, and do what they do unless the test wants otherwise. */
#ifndef BB_TEST_CLIENT_DOUBLE_H
#define BB_TEST_CLIENT_DOUBLE_H

#include <map>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include <librdkafka/rdkafka.h>
}

/* An error that takes the place of what the library says, so many times. */
struct Refusal {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int times = 0;
    bool retriable = false;
};

struct Said {
    const char *protocol = nullptr; /* NULL: what it says by itself */
    bool lost = false;
    bool no_queues = false;
    rd_kafka_resp_err_t assign = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t commit = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t seek = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t seek_partition = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t committed = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t committed_partition = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::vector<std::pair<int, int64_t>> sought; /* partition, offset */
    int asked = 0;                               /* what is committed */
    std::string silent_topic; /* set before threads start: while `silent`, its ends are not told */
    int silent = 0, unanswered = 0; /* any thread, atomic; questions for them */
    int assigned = 0, unassigned = 0, whole = 0, forgotten = 0, listed = 0;

    /* of transactions, on the owner's thread */
    Refusal init, begin, offsets, end, abort;
    bool no_member = false;
    int inits = 0, begins = 0, ends = 0, aborts = 0; /* calls of the library's own */
    std::map<int, int64_t> sent;                     /* offsets of the transaction that is open */
    std::vector<std::map<int, int64_t>> ended;       /* of each that was committed */
    std::vector<std::string> steps; /* done well: init, begin, offsets, end, abort */
};
extern Said said;

#endif
