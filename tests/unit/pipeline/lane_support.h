/* An event type whose plugin is a table of answers in the test, and a world that notes what a lane
 * does. */
#ifndef BB_TEST_LANE_SUPPORT_H
#define BB_TEST_LANE_SUPPORT_H

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "pipeline/lane.h"
#include "pipeline/policy.h"
}

/* The part of the host that plugins use here. */
inline int32_t fake_fail(busbar_call *call, uint32_t index, int32_t verdict, uint32_t scope,
                         busbar_bytes pointer, busbar_bytes text)
{
    bb_call *own = reinterpret_cast<bb_call *>(call);
    if (index < own->statement_count)
        own->statements[index] = {verdict, scope,
                                  bb_arena_copy(own->scratch, pointer.data, pointer.size),
                                  bb_arena_copy(own->scratch, text.data, text.size)};
    return verdict;
}

inline const busbar_origin *fake_origin(const busbar_event *event)
{
    return event->origin;
}

inline int32_t fake_emit(busbar_call *call, const busbar_record *record)
{
    bb_call *own = reinterpret_cast<bb_call *>(call);
    char *reason = nullptr;
    int32_t verdict = own->emitter->send(own->emitter, record, &reason);
    g_free(reason);
    return verdict;
}

inline const busbar_host *fake_host()
{
    static busbar_host host = [] {
        busbar_host table = {};
        table.struct_size = sizeof(table);
        table.fail = fake_fail;
        table.origin = fake_origin;
        table.emit = fake_emit;
        return table;
    }();
    return &host;
}

/* A handler whose answers the test writes. Shared by all of its instances. */
struct FakeHandler {
    struct Call {
        std::vector<gint64> offsets;
        std::vector<uint32_t> attempts;
    };
    std::vector<Call> calls;
    std::vector<gint64> pending, durable; /* accepted and not flushed; flushed */
    int flushes = 0;
    std::atomic<int> opened{0}, closed{0};           // of several lanes at a time
    std::deque<int32_t> open_answers, flush_answers; /* used up front; then PASS */
    /* The verdict for one event; default PASS. */
    std::function<int32_t(busbar_call *, uint32_t index, const busbar_event *)> verdict;
    /* When set, the answer for all; the verdicts stay zero. */
    std::function<int32_t(busbar_call *)> whole;
    std::function<void(busbar_call *)> on_flush;

    bb_handler_binding binding(bool with_flush)
    {
        bb_handler_binding made = {};
        made.name = const_cast<char *>("fake");
        made.plugin = const_cast<char *>("fake_plugin");
        made.plugin_version = const_cast<char *>("1.0");
        made.ops.struct_size = sizeof(made.ops);
        made.ops.open = open;
        made.ops.handle = handle;
        made.ops.flush = with_flush ? flush : nullptr;
        made.ops.close = close;
        config_ = std::to_string(reinterpret_cast<uintptr_t>(this));
        made.config = &config_[0];
        return made;
    }

    static int32_t open(busbar_call *call, busbar_bytes config, void **ret_self)
    {
        auto *self =
            reinterpret_cast<FakeHandler *>(std::stoull(std::string(config.data, config.size)));
        int32_t answer = take(self->open_answers);
        if (answer != BUSBAR_PASS)
            return answer == BUSBAR_RETRY || answer == BUSBAR_FATAL
                       ? busbar_fail(call, answer, "open says no")
                       : answer;
        self->opened++;
        *ret_self = self;
        return BUSBAR_PASS;
    }

    static int32_t handle(void *data, busbar_call *call, const busbar_batch *batch,
                          int32_t *verdicts)
    {
        auto *self = static_cast<FakeHandler *>(data);
        Call note;
        for (uint32_t i = 0; i < batch->count; i++) {
            const busbar_origin *origin = call->host->origin(batch->events[i]);
            note.offsets.push_back(origin->offset);
            note.attempts.push_back(origin->attempt);
            EXPECT_EQ(0, verdicts[i]);
        }
        self->calls.push_back(note);
        if (self->whole) {
            int32_t answer = self->whole(call);
            if (answer == BUSBAR_PASS)
                for (uint32_t i = 0; i < batch->count; i++)
                    verdicts[i] = BUSBAR_PASS;
            else
                return answer;
        }
        for (uint32_t i = 0; i < batch->count; i++) {
            if (!verdicts[i])
                verdicts[i] =
                    self->verdict ? self->verdict(call, i, batch->events[i]) : BUSBAR_PASS;
            if (verdicts[i] == BUSBAR_PASS)
                self->pending.push_back(note.offsets[i]);
        }
        return BUSBAR_PASS;
    }

    static int32_t flush(void *data, busbar_call *call)
    {
        auto *self = static_cast<FakeHandler *>(data);
        self->flushes++;
        if (self->on_flush)
            self->on_flush(call);
        int32_t answer = take(self->flush_answers);
        if (answer == BUSBAR_PASS)
            self->durable.insert(self->durable.end(), self->pending.begin(), self->pending.end());
        self->pending.clear();
        return answer == BUSBAR_RETRY ? busbar_unavailable(call, "disk full") : answer;
    }

    static void close(void *data)
    {
        static_cast<FakeHandler *>(data)->closed++;
    }

  private:
    static int32_t take(std::deque<int32_t> &answers)
    {
        if (answers.empty())
            return BUSBAR_PASS;
        int32_t answer = answers.front();
        answers.pop_front();
        return answer;
    }
    std::string config_;
};

/* An event type with the contract {"required": ["a"]} and the handlers of the test. */
class FakeType
{
  public:
    bb_event_type type = {};
    bb_event_settings *settings;

    FakeType()
    {
        static const char contract[] =
            R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})";
        const bb_contract_options options = {"test", FALSE, nullptr};
        GError *error = nullptr;
        type.contract = bb_contract_compile(contract, sizeof(contract) - 1, &options, &error);
        EXPECT_TRUE(type.contract) << (error ? error->message : "");
        settings = bb_event_settings_new("event");
        settings->retry_initial_ms = 100;
        settings->retry_max_ms = 1000;
        settings->retry_attempts = 3;
        settings->flush_interval_ms = 500;
        type.full_name = const_cast<char *>("test.event");
        type.domain = const_cast<char *>("test");
        type.name = const_cast<char *>("event");
        type.topic = const_cast<char *>("topic");
        type.group = const_cast<char *>("group");
        type.dead_letter_topic = const_cast<char *>("topic.dlq");
        type.plugin = const_cast<char *>("test_plugin");
        type.plugin_version = const_cast<char *>("2.1");
        type.host = fake_host();
        type.settings = settings;
        type.handlers = g_ptr_array_new();
    }
    ~FakeType()
    {
        g_ptr_array_unref(type.handlers);
        bb_event_settings_free(settings);
        bb_contract_unref(type.contract);
    }
    FakeType(const FakeType &) = delete;
    void bind(FakeHandler &handler, bool with_flush)
    {
        bindings_.push_back(std::make_unique<bb_handler_binding>(handler.binding(with_flush)));
        g_ptr_array_add(type.handlers, bindings_.back().get());
    }

  private:
    std::vector<std::unique_ptr<bb_handler_binding>> bindings_;
};

#endif
