// Questions and answers between the supervisor and a worker.
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

extern "C" {
#include "app/ask.h"
#include "base/clock.h"
}

namespace
{

struct Ask : testing::Test {
    int sockets[2] = {-1, -1};

    void SetUp() override
    {
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    }

    void TearDown() override
    {
        for (int fd : sockets)
            close(fd);
    }

    void answer(guint32 serial, const std::string &text)
    {
        GString *out = g_string_new_len(text.data(), static_cast<gssize>(text.size()));
        EXPECT_TRUE(bb_ask_answer(sockets[1], serial, out));
        g_string_free(out, TRUE);
    }

    // "-" when none came in time.
    std::string receive(guint32 serial, gint64 within_ms)
    {
        GString *got = bb_ask_receive(sockets[0], serial, bb_clock_monotonic_ms() + within_ms);
        if (!got)
            return "-";
        std::string text(got->str, got->len);
        g_string_free(got, TRUE);
        return text;
    }
};

TEST_F(Ask, AQuestionArrivesAndItsAnswerComesBack)
{
    guint32 serial = 0;
    bb_ask_kind kind = BB_ASK_LIVE;
    ASSERT_TRUE(bb_ask_send(sockets[0], 7, BB_ASK_STATUS));
    ASSERT_TRUE(bb_ask_wait(sockets[1], &serial, &kind));
    EXPECT_EQ(serial, 7u);
    EXPECT_EQ(kind, BB_ASK_STATUS);
    answer(7, "[1]");
    EXPECT_EQ(receive(7, 10000), "[1]");
}

TEST_F(Ask, ALateAnswerToAnotherQuestionIsDropped)
{
    answer(1, "late");
    answer(2, "");
    EXPECT_EQ(receive(2, 10000), "");
}

TEST_F(Ask, WithoutAnAnswerTheWaitIsBounded)
{
    EXPECT_EQ(receive(1, 0), "-");
}

TEST_F(Ask, AnAnswerMayBeLargerThanTheSocketHolds)
{
    std::string large(4u << 20, 'x');
    std::thread other([&] { answer(3, large); });
    EXPECT_EQ(receive(3, 60000), large);
    other.join();
}

TEST_F(Ask, TheEndOfTheOtherSideEndsTheWait)
{
    guint32 serial;
    bb_ask_kind kind;
    shutdown(sockets[0], SHUT_WR);
    EXPECT_FALSE(bb_ask_wait(sockets[1], &serial, &kind));
    shutdown(sockets[1], SHUT_WR);
    EXPECT_EQ(receive(1, 10000), "-");
}

TEST_F(Ask, ASizeThatCannotBeIsNoAnswer)
{
    const guint32 head[2] = {1, 0xffffffffu};
    ASSERT_EQ(write(sockets[1], head, sizeof(head)), static_cast<ssize_t>(sizeof(head)));
    EXPECT_EQ(receive(1, 10000), "-");
}

} // namespace
