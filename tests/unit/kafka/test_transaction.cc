/* The order of things in exactly-once, as a table of what is seen and what follows. */
#include <gtest/gtest.h>

#include <cstring>

extern "C" {
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/transaction.h"
#include "kafka/transaction_watch.h"
}

namespace
{

const bb_transaction_limits limits = {1000, 100, 5000};
const bb_transaction_view idle = {0, TRUE, FALSE};
const bb_transaction_view busy = {3, FALSE, FALSE};
const bb_transaction_view spoiled = {3, FALSE, TRUE};

/* A state machine with a clock of its own. */
class Transaction : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        bb_transaction_init(&transaction, &limits);
    }

    bb_transaction_action next(const bb_transaction_view &view = idle)
    {
        return bb_transaction_next(&transaction, &view, now);
    }

    void answer(bb_transaction_outcome outcome, bool clean = true)
    {
        bb_transaction_answer(&transaction, outcome, clean ? TRUE : FALSE, now, 0);
    }

    /* Up to a transaction that takes records. */
    void open()
    {
        ASSERT_EQ(BB_TRANSACTION_INIT, next());
        answer(BB_OUTCOME_DONE);
        ASSERT_EQ(BB_TRANSACTION_BEGIN, next());
        answer(BB_OUTCOME_DONE);
        ASSERT_EQ(BB_TRANSACTION_READ, next());
    }

    /* Up to a commit of ten records. */
    void commit()
    {
        open();
        bb_transaction_took(&transaction, 10, now);
        now += limits.interval_ms;
        ASSERT_EQ(BB_TRANSACTION_COMMIT, next());
    }

    /* From an abort that is due to records being read again. */
    void recover(bool with_new_producer)
    {
        now = transaction.due_ms;
        if (with_new_producer) {
            ASSERT_EQ(BB_TRANSACTION_INIT, next());
            answer(BB_OUTCOME_DONE);
        }
        ASSERT_EQ(BB_TRANSACTION_REWIND, next());
        answer(BB_OUTCOME_DONE);
        ASSERT_EQ(BB_TRANSACTION_BEGIN, next());
        answer(BB_OUTCOME_DONE);
        EXPECT_EQ(BB_TRANSACTION_READ, next());
        EXPECT_TRUE(bb_transaction_is_settled(&transaction));
    }

    bb_transaction transaction;
    gint64 now = 1000000;
};

bb_transaction_error error(bool fatal, bool retriable, bool requires_abort,
                           rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT)
{
    return {code, fatal, retriable, requires_abort};
}

} // namespace

TEST_F(Transaction, EndsWhenTheIntervalIsOver)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    now += limits.interval_ms - 1;
    EXPECT_EQ(BB_TRANSACTION_READ, next(busy));
    now++;
    EXPECT_EQ(BB_TRANSACTION_DRAIN, next(busy));
    EXPECT_EQ(BB_TRANSACTION_COMMIT, next());
    EXPECT_FALSE(bb_transaction_is_settled(&transaction));
    answer(BB_OUTCOME_DONE);
    EXPECT_TRUE(bb_transaction_is_settled(&transaction));
    EXPECT_EQ(BB_TRANSACTION_BEGIN, next());
}

TEST_F(Transaction, TheIntervalBeginsWithTheFirstRecord)
{
    open();
    now += 10 * limits.interval_ms;
    EXPECT_EQ(BB_TRANSACTION_READ, next());
    bb_transaction_took(&transaction, 1, now);
    EXPECT_EQ(BB_TRANSACTION_READ, next(busy));
}

TEST_F(Transaction, EndsAtTheBoundOfRecords)
{
    open();
    bb_transaction_took(&transaction, limits.records - 1, now);
    EXPECT_EQ(BB_TRANSACTION_READ, next(busy));
    bb_transaction_took(&transaction, 1, now);
    EXPECT_EQ(BB_TRANSACTION_DRAIN, next(busy));
}

TEST_F(Transaction, WithoutRecordsNothingIsEnded)
{
    open();
    bb_transaction_end_by(&transaction, now);
    EXPECT_EQ(BB_TRANSACTION_READ, next());
    EXPECT_TRUE(bb_transaction_is_settled(&transaction));
}

TEST_F(Transaction, AbortsWhenTheDrainTakesTooLong)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    bb_transaction_end_by(&transaction, now + 50);
    EXPECT_EQ(BB_TRANSACTION_DRAIN, next(busy));
    now += 50;
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(busy));
    answer(BB_OUTCOME_DONE);
    EXPECT_EQ(BB_TRANSACTION_WAIT, next());
    recover(/* with_new_producer= */ false);
}

TEST_F(Transaction, AbortsWhenARecordCameBackUnfinished)
{
    const bb_transaction_view unfinished = {0, FALSE, FALSE};
    open();
    bb_transaction_took(&transaction, 3, now);
    bb_transaction_end_by(&transaction, now + 50);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(unfinished));
}

TEST_F(Transaction, AbortsWhatIsSpoiledAtOnce)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(spoiled));
    answer(BB_OUTCOME_DONE);
    recover(/* with_new_producer= */ false);
}

TEST_F(Transaction, AbortsWhatIsSpoiledWhileItDrains)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    bb_transaction_end_by(&transaction, now + 50);
    EXPECT_EQ(BB_TRANSACTION_DRAIN, next(busy));
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(spoiled));
}

TEST_F(Transaction, AbortsWhatIsLost)
{
    open();
    bb_transaction_spoil(&transaction);
    EXPECT_EQ(BB_TRANSACTION_READ, next()); /* there was nothing to lose */
    bb_transaction_took(&transaction, 3, now);
    bb_transaction_spoil(&transaction);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(busy));
}

TEST_F(Transaction, KeepsTheProducerAfterAnAbortableError)
{
    commit();
    answer(BB_OUTCOME_ABORT);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next());
    EXPECT_FALSE(transaction.replace);
    answer(BB_OUTCOME_DONE);
    recover(/* with_new_producer= */ false);
}

TEST_F(Transaction, ReplacesTheProducerWhenTheCommitIsInDoubt)
{
    commit();
    answer(BB_OUTCOME_REPLACE);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next());
    EXPECT_TRUE(transaction.replace); /* it is not asked to abort */
    answer(BB_OUTCOME_REPLACE);
    recover(/* with_new_producer= */ true);
    EXPECT_FALSE(transaction.replace);
}

TEST_F(Transaction, ReplacesTheProducerBehindARequestWithoutAnswerThoughTheCommitWentWell)
{
    commit();
    answer(BB_OUTCOME_DONE, /* clean= */ false);
    EXPECT_EQ(BB_TRANSACTION_INIT, next()); /* before the next transaction, nothing else */
    EXPECT_TRUE(transaction.replace);
    answer(BB_OUTCOME_DONE);
    EXPECT_EQ(BB_TRANSACTION_BEGIN, next()); /* nothing is read again: it was committed */
}

TEST_F(Transaction, ReplacesTheProducerBehindARequestWithoutAnswerAfterAnAbort)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(spoiled));
    answer(BB_OUTCOME_DONE, /* clean= */ false);
    recover(/* with_new_producer= */ true);
}

TEST_F(Transaction, ReplacesTheProducerThatCannotAbort)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(spoiled));
    answer(BB_OUTCOME_AGAIN);
    recover(/* with_new_producer= */ true);
}

TEST_F(Transaction, WaitsLongerAfterEachFailureAndForgetsThemAfterACommit)
{
    gint64 last = 0;
    ASSERT_EQ(BB_TRANSACTION_INIT, next());
    for (int i = 0; i < 4; i++) {
        answer(BB_OUTCOME_AGAIN);
        EXPECT_EQ(BB_TRANSACTION_WAIT, next());
        EXPECT_GT(transaction.due_ms - now, last);
        last = transaction.due_ms - now;
        now = transaction.due_ms;
        EXPECT_EQ(BB_TRANSACTION_INIT, next());
    }
    answer(BB_OUTCOME_DONE);
    EXPECT_EQ(BB_TRANSACTION_BEGIN, next());
    answer(BB_OUTCOME_DONE);
    bb_transaction_took(&transaction, 1, now);
    bb_transaction_end_by(&transaction, now);
    EXPECT_EQ(BB_TRANSACTION_COMMIT, next());
    answer(BB_OUTCOME_DONE);
    EXPECT_EQ(0u, transaction.failures);
    EXPECT_EQ(BB_TRANSACTION_BEGIN, next());
}

TEST_F(Transaction, ARewindIsTriedAgainAndNothingIsReadBefore)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(spoiled));
    answer(BB_OUTCOME_DONE);
    now = transaction.due_ms;
    EXPECT_EQ(BB_TRANSACTION_REWIND, next());
    answer(BB_OUTCOME_AGAIN);
    EXPECT_EQ(BB_TRANSACTION_WAIT, next());
    EXPECT_FALSE(bb_transaction_is_settled(&transaction));
    recover(/* with_new_producer= */ false);
}

TEST_F(Transaction, ABeginThatFailsCostsTheProducer)
{
    ASSERT_EQ(BB_TRANSACTION_INIT, next());
    answer(BB_OUTCOME_DONE);
    ASSERT_EQ(BB_TRANSACTION_BEGIN, next());
    answer(BB_OUTCOME_REPLACE);
    now = transaction.due_ms;
    EXPECT_EQ(BB_TRANSACTION_INIT, next());
    EXPECT_TRUE(transaction.replace);
}

TEST_F(Transaction, ASecondEndMovesTheDeadlineOfTheDrain)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    bb_transaction_end_by(&transaction, now + 5000);
    bb_transaction_end_by(&transaction,
                          now + 50); /* a revocation while the interval's end drains */
    now += 49;
    EXPECT_EQ(BB_TRANSACTION_DRAIN, next(busy));
    now++;
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(busy));
}

TEST_F(Transaction, BetweenTransactionsThereIsNothingToEndOrToSpoil)
{
    ASSERT_EQ(BB_TRANSACTION_INIT, next());
    answer(BB_OUTCOME_DONE);
    bb_transaction_end_by(&transaction, now);
    bb_transaction_spoil(&transaction);
    EXPECT_EQ(BB_TRANSACTION_BEGIN, next());
    answer(BB_OUTCOME_DONE);
    EXPECT_EQ(BB_TRANSACTION_READ, next());
    EXPECT_TRUE(bb_transaction_is_settled(&transaction));
}

TEST_F(Transaction, AbortsWhatIsLostWhileItDrains)
{
    open();
    bb_transaction_took(&transaction, 3, now);
    bb_transaction_end_by(&transaction, now + 50);
    EXPECT_EQ(BB_TRANSACTION_DRAIN, next(busy));
    bb_transaction_spoil(&transaction);
    EXPECT_EQ(BB_TRANSACTION_ABORT, next(busy));
}

TEST_F(Transaction, ABeginIsTriedAgainLater)
{
    ASSERT_EQ(BB_TRANSACTION_INIT, next());
    answer(BB_OUTCOME_DONE);
    ASSERT_EQ(BB_TRANSACTION_BEGIN, next());
    answer(BB_OUTCOME_AGAIN);
    EXPECT_EQ(BB_TRANSACTION_WAIT, next());
    now = transaction.due_ms;
    EXPECT_EQ(BB_TRANSACTION_BEGIN, next()); /* with the same producer */
}

TEST_F(Transaction, WhatIsHopelessStaysSo)
{
    ASSERT_EQ(BB_TRANSACTION_INIT, next());
    answer(BB_OUTCOME_HOPELESS);
    now += 1000000;
    EXPECT_EQ(BB_TRANSACTION_WAIT, next());
}

TEST(TransactionJudge, AnInitThatTimedOutIsTriedAgain)
{
    const bb_transaction_error late = error(false, true, false);
    EXPECT_EQ(BB_OUTCOME_AGAIN, bb_transaction_judge(BB_TRANSACTION_INIT, FALSE, &late));
}

TEST(TransactionJudge, AnInitThatCannotBeTriedAgainCostsTheProducer)
{
    const bb_transaction_error other = error(false, false, false, RD_KAFKA_RESP_ERR__STATE);
    EXPECT_EQ(BB_OUTCOME_REPLACE, bb_transaction_judge(BB_TRANSACTION_INIT, FALSE, &other));
}

TEST(TransactionJudge, AnInitThatBrokersWillNeverGrantIsHopeless)
{
    for (rd_kafka_resp_err_t code :
         {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT}) {
        const bb_transaction_error never = error(true, false, false, code);
        EXPECT_EQ(BB_OUTCOME_HOPELESS, bb_transaction_judge(BB_TRANSACTION_INIT, FALSE, &never));
    }
}

TEST(TransactionJudge, AFatalErrorCostsTheProducerWherever)
{
    const bb_transaction_error fatal = error(true, false, false, RD_KAFKA_RESP_ERR__FENCED);
    for (bb_transaction_action action :
         {BB_TRANSACTION_INIT, BB_TRANSACTION_BEGIN, BB_TRANSACTION_COMMIT, BB_TRANSACTION_ABORT}) {
        EXPECT_EQ(BB_OUTCOME_REPLACE, bb_transaction_judge(action, FALSE, &fatal));
        EXPECT_EQ(BB_OUTCOME_REPLACE, bb_transaction_judge(action, TRUE, &fatal));
    }
}

TEST(TransactionJudge, OffsetsAreSentAgainButAnEndWithoutAnswerIsInDoubt)
{
    const bb_transaction_error late = error(false, true, false);
    EXPECT_EQ(BB_OUTCOME_AGAIN, bb_transaction_judge(BB_TRANSACTION_COMMIT, FALSE, &late));
    EXPECT_EQ(BB_OUTCOME_REPLACE, bb_transaction_judge(BB_TRANSACTION_COMMIT, TRUE, &late));
    EXPECT_EQ(BB_OUTCOME_REPLACE, bb_transaction_judge(BB_TRANSACTION_ABORT, TRUE, &late));
}

TEST(TransactionJudge, AnAbortableErrorIsAborted)
{
    const bb_transaction_error abortable = error(false, false, true);
    EXPECT_EQ(BB_OUTCOME_ABORT, bb_transaction_judge(BB_TRANSACTION_COMMIT, FALSE, &abortable));
    EXPECT_EQ(BB_OUTCOME_ABORT, bb_transaction_judge(BB_TRANSACTION_COMMIT, TRUE, &abortable));
}

TEST(TransactionJudge, AnythingElseCostsTheProducer)
{
    const bb_transaction_error other = error(false, false, false, RD_KAFKA_RESP_ERR__STATE);
    EXPECT_EQ(BB_OUTCOME_REPLACE, bb_transaction_judge(BB_TRANSACTION_COMMIT, FALSE, &other));
    EXPECT_EQ(BB_OUTCOME_REPLACE, bb_transaction_judge(BB_TRANSACTION_BEGIN, FALSE, &other));
}

namespace
{

enum { FETCH = 1, ADD_PARTITIONS = 24, ADD_OFFSETS = 25, END = 26, OFFSET_COMMIT = 28 };

class TransactionWatch : public ::testing::Test
{
  protected:
    ~TransactionWatch() override
    {
        bb_transaction_watch_free(watch);
    }

    void sent(gint16 key)
    {
        bb_transaction_watch_sent(watch, key);
    }

    void answered(gint16 key, rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR)
    {
        bb_transaction_watch_answered(watch, key, code);
    }

    static rd_kafka_resp_err_t produce(rd_kafka_t *client, const char *topic)
    {
        rd_kafka_vu_t parts[2] = {};
        parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
        parts[0].u.cstr = topic;
        parts[1].vtype = RD_KAFKA_VTYPE_VALUE;
        parts[1].u.mem = {const_cast<char *>("v"), 1};
        rd_kafka_error_t *error = rd_kafka_produceva(client, parts, 2);
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        if (error)
            rd_kafka_error_destroy(error);
        return code;
    }

    bool clean()
    {
        return bb_transaction_watch_is_clean(watch) != FALSE;
    }

    bb_transaction_watch *watch = bb_transaction_watch_new();
};

} // namespace

TEST_F(TransactionWatch, IsCleanWhileEachRequestHasItsAnswer)
{
    for (gint16 key : {ADD_PARTITIONS, ADD_OFFSETS, OFFSET_COMMIT, END}) {
        sent(key);
        EXPECT_FALSE(clean());
        answered(key);
        answered(key); /* the client tells it twice */
        EXPECT_TRUE(clean());
    }
}

TEST_F(TransactionWatch, AnEndSentTwiceBeforeAnAnswerIsNotForgotten)
{
    sent(END);
    sent(END);
    answered(END);
    EXPECT_FALSE(clean());
}

TEST_F(TransactionWatch, ALostConnectionIsNotForgotten)
{
    sent(OFFSET_COMMIT);
    answered(OFFSET_COMMIT, RD_KAFKA_RESP_ERR__TRANSPORT);
    sent(OFFSET_COMMIT);
    answered(OFFSET_COMMIT);
    EXPECT_FALSE(clean());
}

TEST_F(TransactionWatch, OtherRequestsDoNotMatter)
{
    sent(FETCH);
    answered(FETCH, RD_KAFKA_RESP_ERR__TIMED_OUT);
    answered(-1, RD_KAFKA_RESP_ERR__TRANSPORT);
    EXPECT_TRUE(clean());
}

TEST_F(TransactionWatch, NoneIsFreedWell)
{
    bb_transaction_watch_free(nullptr);
}

TEST_F(TransactionWatch, AClientThatCannotBeWatchedIsRefused)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    GError *error = nullptr;
    EXPECT_TRUE(bb_transaction_watch_install(watch, conf, &error));
    EXPECT_FALSE(bb_transaction_watch_install(watch, conf, &error)); /* somebody was there before */
    ASSERT_NE(nullptr, error);
    EXPECT_NE(nullptr, strstr(error->message, "cannot be watched")) << error->message;
    g_error_free(error);
    rd_kafka_conf_destroy(conf);
}

TEST_F(TransactionWatch, RequestsOfAClientAreSeenAndWhatHasNoAnswerIsNotForgotten)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *carrier =
        rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), reason, sizeof reason);
    ASSERT_TRUE(carrier) << reason;
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(carrier, 1);
    rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster), reason,
                      sizeof reason);
    rd_kafka_conf_set(conf, "transactional.id", "watched", reason, sizeof reason);
    rd_kafka_conf_set(conf, "socket.timeout.ms", "1000", reason, sizeof reason);
    ASSERT_TRUE(bb_transaction_watch_install(watch, conf, nullptr));
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    ASSERT_TRUE(client) << reason;
    EXPECT_EQ(nullptr, rd_kafka_init_transactions(client, 10000));
    for (bool answers : {true, false}) {
        EXPECT_EQ(nullptr, rd_kafka_begin_transaction(client));
        EXPECT_EQ(RD_KAFKA_RESP_ERR_NO_ERROR, produce(client, "out"));
        if (!answers) /* the connection ends in place of the answer; it is sent again, and well */
            rd_kafka_mock_push_request_errors(cluster, END, 1, RD_KAFKA_RESP_ERR__TRANSPORT);
        EXPECT_EQ(nullptr, rd_kafka_commit_transaction(client, 10000));
        EXPECT_EQ(answers, clean());
    }
    rd_kafka_destroy(client);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(carrier);
}
