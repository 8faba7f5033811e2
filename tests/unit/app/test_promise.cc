// What `busbar check` says holds for each handler.
#include <gtest/gtest.h>

extern "C" {
#include "app/promise.h"
}

namespace
{

int32_t handle(void *, busbar_call *, const busbar_batch *, int32_t *)
{
    return BUSBAR_PASS;
}

struct Promise : testing::Test {
    bb_settings settings = {};
    bb_event_settings event = {};
    bb_event_type type = {};
    bb_handler_binding bindings[3] = {};
    char name[8] = "sink", plugin[8] = "plugin", domain[8] = "orders",
         broker[20] = "localhost:9092";
    char off[24] = "{\"exactly_once\":false}";
    char embedded[10] = "embedded";
    GArray *promises = nullptr;

    void SetUp() override
    {
        settings.bootstrap = broker;
        type.settings = &event;
        type.domain = domain;
        type.handlers = g_ptr_array_new();
    }

    void TearDown() override
    {
        if (promises)
            g_array_unref(promises);
        g_ptr_array_unref(type.handlers);
    }

    bb_handler_binding &bind(uint32_t capabilities)
    {
        bb_handler_binding &binding = bindings[type.handlers->len];
        binding.name = name;
        binding.plugin = plugin;
        binding.capabilities = capabilities;
        g_ptr_array_add(type.handlers, &binding);
        return binding;
    }

    bb_promise_level weakest()
    {
        if (promises)
            g_array_unref(promises);
        promises = bb_promises_of(&settings, &type);
        const bb_promise *found = bb_promises_weakest(promises);
        return found ? found->level : BB_PROMISE_NONE;
    }
};

constexpr uint32_t store = BUSBAR_IDEMPOTENT | BUSBAR_STORES_OFFSETS | BUSBAR_TRANSACTIONAL;

TEST_F(Promise, NothingHandlesIt)
{
    EXPECT_EQ(weakest(), BB_PROMISE_NONE);
}

TEST_F(Promise, OffsetsInTheTransactionOfTheEvents)
{
    bind(store);
    EXPECT_EQ(weakest(), BB_PROMISE_EXACTLY_ONCE);
}

TEST_F(Promise, AHandlerThatIsToldToKeepNoOffsets)
{
    bind(store).config = off;
    EXPECT_EQ(weakest(), BB_PROMISE_EFFECTIVELY_ONCE);
}

TEST_F(Promise, OffsetsBesideTheEventsAreLess)
{
    bind(BUSBAR_STORES_OFFSETS);
    EXPECT_EQ(weakest(), BB_PROMISE_EFFECTIVELY_ONCE);
}

TEST_F(Promise, TheWeakestDecides)
{
    bind(store);
    bind(0);
    bind(BUSBAR_IDEMPOTENT);
    EXPECT_EQ(weakest(), BB_PROMISE_AT_LEAST_ONCE);
    EXPECT_EQ(bb_promises_weakest(promises), &g_array_index(promises, bb_promise, 1));
}

TEST_F(Promise, AnEmitterNeedsTheTransactionsOfARealBroker)
{
    bind(BUSBAR_EMITS_ONLY);
    EXPECT_EQ(weakest(), BB_PROMISE_AT_LEAST_ONCE);
    event.delivery = BB_EXACTLY_ONCE;
    EXPECT_EQ(weakest(), BB_PROMISE_EXACTLY_ONCE);
    settings.bootstrap = embedded;
    EXPECT_EQ(weakest(), BB_PROMISE_AT_LEAST_ONCE);
}

TEST_F(Promise, OffsetsThatAreCommittedFirstLowerEverything)
{
    bind(store);
    event.delivery = BB_AT_MOST_ONCE;
    EXPECT_EQ(weakest(), BB_PROMISE_AT_MOST_ONCE);
}

TEST_F(Promise, TheDomainsOwnHandleComesFirst)
{
    bind(store);
    type.ops.handle = handle;
    EXPECT_EQ(weakest(), BB_PROMISE_AT_LEAST_ONCE);
    EXPECT_STREQ(bb_promises_weakest(promises)->name, "orders");
    event.delivery = BB_EXACTLY_ONCE;
    EXPECT_EQ(weakest(), BB_PROMISE_EXACTLY_ONCE);
    EXPECT_NE(bb_promises_weakest(promises)->condition, nullptr);
}

} // namespace
