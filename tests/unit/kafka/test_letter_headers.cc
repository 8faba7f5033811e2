// The busbar.* headers: which are busbar's own, what goes with what, and how long they may be.
#include "runner_support.h"

extern "C" {
#include "kafka/letter_headers.h"
}

namespace
{

using Names = std::set<std::string>;

const Names REASON = {"busbar.stage",  "busbar.reason",     "busbar.pointer",     "busbar.keyword",
                      "busbar.plugin", "busbar.attempts",   "busbar.time",        "busbar.signal",
                      "busbar.stack",  "busbar.first_time", "busbar.first_reason"};
const Names PLACE = {"busbar.topic", "busbar.partition", "busbar.offset"};
const Names RETRY = {"busbar.timestamp", "busbar.retry_tier", "busbar.retry_due"};
const Names FOREIGN = {"trace", "busbar.hops", "busbar", "busbar.offsets", ""};

class LetterHeaders : public ::testing::Test
{
  protected:
    LetterHeaders()
    {
        fault.stage = BUSBAR_STAGE_SINK;
        fault.pointer = fault.keyword = "";
        fault.message = "busy";
        item.origin.topic = busbar_text("first-topic");
        item.origin.partition = 3;
        item.origin.offset = 41;
    }
    ~LetterHeaders() override
    {
        rd_kafka_headers_destroy(headers);
    }
    void add(const Names &names)
    {
        for (const std::string &name : names)
            rd_kafka_header_add(headers, name.c_str(), -1, "x", 1);
    }
    Names names() const
    {
        Names found;
        const char *name;
        const void *value;
        size_t size;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
            found.insert(name);
        return found;
    }
    std::string text_of(const char *name) const
    {
        const void *value = nullptr;
        size_t size = 0;
        if (rd_kafka_header_get_last(headers, name, &value, &size))
            return "(none)";
        return std::string(static_cast<const char *>(value), size);
    }
    void describe(const bb_event_type *type)
    {
        bb_letter_headers_add(headers, type, &item, &fault, 1700000001987654);
    }

    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    FakeType fake;
    bb_item item = {};
    bb_fault fault = {};
};

} // namespace

TEST_F(LetterHeaders, EachThatBusbarAddsIsItsOwnAndNoOther)
{
    for (const Names *own : {&REASON, &PLACE, &RETRY})
        for (const std::string &name : *own)
            EXPECT_TRUE(bb_letter_headers_is_own(name.c_str())) << name;
    for (const std::string &name : FOREIGN)
        EXPECT_FALSE(bb_letter_headers_is_own(name.c_str())) << name;
}

TEST_F(LetterHeaders, OneKindGoesAtATimeAndTheAnswerSaysWhetherThereWasAny)
{
    struct {
        gboolean (*drop)(rd_kafka_headers_t *);
        const Names *gone;
    } const kinds[] = {{bb_letter_headers_drop_reason, &REASON},
                       {bb_letter_headers_drop_place, &PLACE},
                       {bb_letter_headers_drop_retry, &RETRY}};
    Names left = {"trace", "busbar.hops"};
    add(left);
    for (const Names *own : {&REASON, &PLACE, &RETRY}) {
        add(*own);
        left.insert(own->begin(), own->end());
    }
    for (const auto &kind : kinds) {
        EXPECT_TRUE(kind.drop(headers));
        for (const std::string &name : *kind.gone)
            left.erase(name);
        EXPECT_EQ(left, names());
        EXPECT_FALSE(kind.drop(headers)); // none is left
    }
}

TEST_F(LetterHeaders, AReasonIsThereWithTheFirstOneAlone)
{
    add({"busbar.first_reason"});
    EXPECT_TRUE(bb_letter_headers_drop_reason(headers));
    EXPECT_EQ(Names(), names());
    add({"busbar.stack"});
    EXPECT_TRUE(bb_letter_headers_drop_reason(headers));
    EXPECT_EQ(Names(), names());
}

TEST_F(LetterHeaders, TheTopicIsTheOneThatTheRecordWasInFirst)
{
    bb_event_type tier = fake.type;
    tier.source = &fake.type;
    describe(&tier);
    EXPECT_EQ("first-topic", text_of("busbar.topic"));
    describe(&fake.type);
    EXPECT_EQ(fake.type.topic, text_of("busbar.topic"));
}

TEST_F(LetterHeaders, ATopicThatKafkaWouldNotAllowIsCut)
{
    bb_event_type tier = fake.type;
    std::string lengthy(1000, 't');
    tier.source = &fake.type;
    item.origin.topic = {lengthy.data(), lengthy.size()};
    describe(&tier);
    EXPECT_EQ(std::string(249, 't'), text_of("busbar.topic"));
}

TEST_F(LetterHeaders, TextsAreBoundedAndEndWithAWholeCharacter)
{
    const std::string umlaut = "\xc3\xa4";
    std::string text = "a";
    for (int i = 0; i < 1000; i++)
        text += umlaut;
    bb_letter_headers_text(headers, "busbar.reason", text.c_str(), 1000);
    EXPECT_EQ(text.substr(0, 999), text_of("busbar.reason"));
    bb_letter_headers_text(headers, "busbar.pointer", text.c_str(), 1);
    EXPECT_EQ("a", text_of("busbar.pointer"));
    bb_letter_headers_text(headers, "busbar.stage", "\xa4\xa4\xa4", 2); // no character at all
    EXPECT_EQ("", text_of("busbar.stage"));
}

TEST_F(LetterHeaders, SignalAndStackAreThereWhenThereWasACrash)
{
    describe(&fake.type);
    EXPECT_EQ("(none)", text_of("busbar.signal"));
    EXPECT_EQ("(none)", text_of("busbar.stack"));
    EXPECT_EQ("", text_of("busbar.plugin"));
    fault.stack = "";
    describe(&fake.type);
    EXPECT_EQ("(none)", text_of("busbar.stack"));
    fault.signal = "SIGSEGV";
    fault.stack = "handle+0x10";
    fault.plugin = "shop";
    describe(&fake.type);
    EXPECT_EQ("SIGSEGV", text_of("busbar.signal"));
    EXPECT_EQ("handle+0x10", text_of("busbar.stack"));
    EXPECT_EQ("shop", text_of("busbar.plugin"));
}
