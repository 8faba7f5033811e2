/* What exactly-once asks of a configuration, and the ids of transactions. */
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "kafka/transaction_check.h"
#include "kafka/transaction_id.h"
}

/* What the kernel says to who takes a name or asks for a socket; 0: what it really says. */
extern int bind_errno, socket_errno; /* other tests set them too */
int bind_errno, socket_errno;

/* These stand in front of the C library's, for the programs under test alone. */
extern "C" {

int bind(int handle, const struct sockaddr *address, socklen_t size) noexcept
{
    static auto *next = reinterpret_cast<decltype(bind) *>(dlsym(RTLD_NEXT, "bind"));
    if (!bind_errno)
        return next(handle, address, size);
    errno = bind_errno;
    return -1;
}

int socket(int domain, int type, int protocol) noexcept
{
    static auto *next = reinterpret_cast<decltype(socket) *>(dlsym(RTLD_NEXT, "socket"));
    if (!socket_errno || domain != AF_UNIX)
        return next(domain, type, protocol);
    errno = socket_errno;
    return -1;
}
}

namespace
{

/* An event type that is delivered exactly once. */
class ExactlyOnce : public ::testing::Test
{
  protected:
    ExactlyOnce()
    {
        settings.kafka = g_ptr_array_new_with_free_func(free_property);
        settings.drain_ms = 30000;
        type.full_name = g_strdup("shop.order");
        type.group = g_strdup("orders");
        type.settings = event;
        type.handlers = g_ptr_array_new_with_free_func(g_free);
        event->delivery = BB_EXACTLY_ONCE;
    }

    ~ExactlyOnce() override
    {
        g_ptr_array_unref(settings.kafka);
        g_ptr_array_unref(type.handlers);
        g_free(type.full_name);
        g_free(type.group);
        bb_event_settings_free(event);
    }

    static void free_property(gpointer data)
    {
        bb_kafka_property *property = static_cast<bb_kafka_property *>(data);
        g_free(property->name);
        g_free(property->value);
        g_free(property);
    }

    void set(const char *name, const char *value)
    {
        bb_kafka_property *property = g_new0(bb_kafka_property, 1);
        property->name = g_strdup(name);
        property->value = g_strdup(value);
        g_ptr_array_add(settings.kafka, property);
    }

    void bind(uint32_t capabilities)
    {
        bb_handler_binding *binding = g_new0(bb_handler_binding, 1);
        binding->name = const_cast<char *>("sink");
        binding->plugin = const_cast<char *>("some_plugin");
        binding->capabilities = capabilities;
        g_ptr_array_add(type.handlers, binding);
    }

    std::vector<std::string> refusals()
    {
        GPtrArray *found = bb_transaction_refusals(&settings, &type);
        std::vector<std::string> texts;
        for (guint i = 0; i < found->len; i++)
            texts.push_back(static_cast<char *>(g_ptr_array_index(found, i)));
        g_ptr_array_unref(found);
        return texts;
    }

    void expect_refusal(const char *part)
    {
        std::vector<std::string> texts = refusals();
        ASSERT_EQ(1u, texts.size());
        EXPECT_TRUE(strstr(texts[0].c_str(), part)) << texts[0];
    }

    std::string id()
    {
        bb_transaction_id made;
        GError *error = nullptr;
        EXPECT_TRUE(bb_transaction_id_init(&made, &type, &error));
        std::string text = made.text ? made.text : "";
        bb_transaction_id_clear(&made);
        return text;
    }

    bb_settings settings = {};
    bb_event_settings *event = bb_event_settings_new("order");
    bb_event_type type = {};
};

} // namespace

TEST_F(ExactlyOnce, HoldsWithTheDefaults)
{
    bind(BUSBAR_EMITS_ONLY);
    EXPECT_TRUE(refusals().empty());
}

TEST_F(ExactlyOnce, HoldsWithHandlersThatTakeAnEventTwice)
{
    bind(BUSBAR_IDEMPOTENT);
    bind(BUSBAR_STORES_OFFSETS);
    EXPECT_TRUE(refusals().empty());
}

TEST_F(ExactlyOnce, IsRefusedWithAHandlerThatWritesSomewhereElse)
{
    bind(BUSBAR_EMITS_ONLY);
    bind(BUSBAR_TRANSACTIONAL);
    expect_refusal("handler `sink` (plugin some_plugin)");
}

TEST_F(ExactlyOnce, IsRefusedWithATimeoutThatIsNotLongerThanIntervalAndDrain)
{
    set("transaction.timeout.ms", "31000");
    expect_refusal("`transaction.timeout.ms` is 31000 ms");
    settings.drain_ms = 29999;
    EXPECT_TRUE(refusals().empty());
}

TEST_F(ExactlyOnce, IsRefusedWithADrainThatNoBrokerLetsATransactionWaitFor)
{
    settings.drain_ms = 20 * 60 * 1000;
    expect_refusal("`transaction.timeout.ms` is 900000 ms");
}

TEST_F(ExactlyOnce, IsRefusedWithRecordsOfAbortedTransactions)
{
    set("isolation.level", "read_uncommitted");
    expect_refusal("`isolation.level` is read_uncommitted");
}

TEST_F(ExactlyOnce, AtLeastOnceAsksForNothing)
{
    event->delivery = BB_AT_LEAST_ONCE;
    bind(0);
    set("isolation.level", "read_uncommitted");
    set("transaction.timeout.ms", "1");
    EXPECT_TRUE(refusals().empty());
}

TEST_F(ExactlyOnce, TheTimeoutIsEnoughUnlessItIsConfigured)
{
    EXPECT_EQ(41000, bb_transaction_timeout_ms(&settings, event));
    settings.drain_ms = 120000;
    EXPECT_EQ(131000, bb_transaction_timeout_ms(&settings, event));
    set("transaction.timeout.ms", "300000");
    EXPECT_EQ(300000, bb_transaction_timeout_ms(&settings, event));
}

TEST_F(ExactlyOnce, TheIdNamesGroupEventTypeAndInstance)
{
    event->instance_id = g_strdup("member-1");
    EXPECT_EQ("orders.shop.order.member-1", id());
    event->transaction_instance = g_strdup("blue");
    EXPECT_EQ("orders.shop.order.blue", id());
}

TEST_F(ExactlyOnce, TwoOfOneMachineHaveDifferentIdsAndAGoneOnesIdIsTakenAgain)
{
    bb_transaction_id first, second;
    ASSERT_TRUE(bb_transaction_id_init(&first, &type, nullptr));
    ASSERT_TRUE(bb_transaction_id_init(&second, &type, nullptr));
    std::string text = first.text;
    EXPECT_STRNE(first.text, second.text);
    EXPECT_EQ(0u, text.find(std::string("orders.shop.order.") + g_get_host_name() + "-"));
    bb_transaction_id_clear(&first);
    EXPECT_EQ(text, id());
    bb_transaction_id_clear(&second);
}

TEST_F(ExactlyOnce, WithoutAFreeIdTheReasonIsSaid)
{
    struct {
        int bind, socket;
        const char *part;
    } const cases[] = {{EADDRINUSE, 0, "Address already in use"},
                       {EACCES, 0, "Permission denied"},
                       {0, EMFILE, "Too many open files"}};
    for (const auto &one : cases) {
        bb_transaction_id made;
        GError *error = nullptr;
        bind_errno = one.bind;
        socket_errno = one.socket;
        gboolean taken = bb_transaction_id_init(&made, &type, &error);
        bind_errno = socket_errno = 0;
        EXPECT_FALSE(taken);
        ASSERT_NE(nullptr, error);
        EXPECT_NE(nullptr, strstr(error->message, one.part)) << error->message;
        EXPECT_NE(nullptr, strstr(error->message, "consume.transaction.instance"))
            << error->message;
        g_error_free(error);
        bb_transaction_id_clear(&made); /* there is nothing to give back */
    }
}

TEST_F(ExactlyOnce, TheTimeoutIsNeverTooShortForABroker)
{
    settings.drain_ms = 100;
    event->transaction_ms = 100;
    EXPECT_EQ(15000, bb_transaction_timeout_ms(&settings, event));
}

TEST_F(ExactlyOnce, HoldsWithoutHandlersAndPropertiesAndWithTheIsolationThatItHasAnyway)
{
    bb_settings bare = {};
    bb_event_type plain = {};
    bare.drain_ms = 30000;
    plain.settings = event;
    GPtrArray *found = bb_transaction_refusals(&bare, &plain);
    EXPECT_EQ(0u, found->len);
    g_ptr_array_unref(found);
    set("isolation.level", "read_committed");
    EXPECT_TRUE(refusals().empty());
}
