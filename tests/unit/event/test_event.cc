/* Events: slots, current and original values, edits and the spliced text. */
#include "support.h"

extern "C" {
#include "splice_oracle.h"
}

namespace
{

/* An event with the slots `names`, on an arena of its own. */
class Event
{
  public:
    explicit Event(const std::string &text, const std::vector<std::string> &names = {"a", "b", "c"})
        : names_(names), arena_(bb_arena_new(0))
    {
        EXPECT_TRUE(parser_.parse(text)) << text;
        for (const std::string &name : names_)
            slots_.push_back({Bytes(name), bb_quote(arena_, Bytes(name)),
                              bb_name_hash(name.data(), name.size())});
        bb_event_init(&event, arena_, parser_.text(), text.size(), &parser_.tape, slots_.data(),
                      static_cast<uint32_t>(slots_.size()));
    }
    ~Event()
    {
        bb_event_release(&event);
        bb_arena_free(arena_);
    }
    Event(const Event &) = delete;
    Event &operator=(const Event &) = delete;

    std::string get(uint32_t slot)
    {
        busbar_value value;
        return bb_event_get(&event, slot, &value) ? Text(value.json) : "absent";
    }
    std::string original(uint32_t slot)
    {
        busbar_value value;
        return bb_event_get_original(&event, slot, &value) ? Text(value.json) : "absent";
    }
    std::string find(const std::string &pointer)
    {
        busbar_value value;
        return bb_event_find(&event, Bytes(pointer), &value) ? Text(value.json) : "absent";
    }
    uint32_t token(const std::string &pointer)
    {
        uint32_t token = 0;
        EXPECT_TRUE(bb_event_find_token(&event, Bytes(pointer), &token)) << pointer;
        return token;
    }
    Event &set(const std::string &name, const char *json)
    {
        bb_event_set_name(&event, Bytes(name), busbar_text(json));
        return *this;
    }
    bool remove(const std::string &name)
    {
        return bb_event_remove_name(&event, Bytes(name));
    }
    std::string json()
    {
        return Text(bb_event_json(&event));
    }

    busbar_event event;

  private:
    Parser parser_;
    std::vector<std::string> names_;
    std::vector<bb_slot_name> slots_;
    bb_arena *arena_;
};

std::string Quoted(const std::string &text)
{
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    return Text(bb_quote(arena, Bytes(text)));
}

} // namespace

TEST(Event, SlotsInAnyOrderAndAbsent)
{
    Event event(R"({"c":3,"x":0,"\u0061":1})");
    EXPECT_EQ("1", event.get(0));
    EXPECT_EQ("absent", event.get(1));
    EXPECT_EQ("3", event.get(2));
    EXPECT_EQ("absent", event.get(3));
    EXPECT_EQ("absent", event.original(99));
}

TEST(Event, SlotsAmongManyUnknownMembers)
{
    std::vector<std::string> names;
    std::string text = "{";
    for (int i = 0; i < 200; i++) {
        names.push_back("declared_member_" + std::to_string(i));
        text += "\"unknown_" + std::to_string(i) + "\":0,\"declared_member_" +
                std::to_string(199 - i) + "\":" + std::to_string(i) + ",";
    }
    text.back() = '}';
    Event event(text, names);
    for (uint32_t i = 0; i < 200; i++)
        EXPECT_EQ(std::to_string(199 - i), event.get(i));
}

TEST(Event, WithoutSlotsMembersGoByName)
{
    Event event(R"({"a":1,"b":2})", {});
    event.set("b", "3").set("c", "4");
    EXPECT_TRUE(event.remove("a"));
    EXPECT_FALSE(event.remove("x"));
    EXPECT_EQ(R"({"b":3,"c":4})", event.json());
}

TEST(Event, RootThatIsNoObjectHasNoSlots)
{
    Event event(R"([{"a":1}])");
    EXPECT_EQ("absent", event.get(0));
    event.set("a", "2");
    bb_event_set_slot(&event.event, 0, busbar_text("2"));
    EXPECT_FALSE(event.remove("a"));
    EXPECT_EQ(R"([{"a":1}])", event.json());
    bb_event_set_token(&event.event, event.token("/0/a"), busbar_text("[2]"));
    EXPECT_EQ(R"([{"a":[2]}])", event.json());
}

TEST(Event, WithoutEditsTheTextIsTheOriginal)
{
    Event event(" { \"a\" : 1 } ");
    EXPECT_EQ(event.event.text, bb_event_json(&event.event).data);
    EXPECT_EQ(" { \"a\" : 1 } ", event.json());
}

TEST(Event, CurrentAndOriginalValues)
{
    Event event(R"({"a":"old","c":3})");
    bb_event_set_slot(&event.event, 0, busbar_text(" \"n\\u00e9w\" "));
    bb_event_set_slot(&event.event, 1, busbar_text("[1]"));
    busbar_value value;
    EXPECT_EQ(BUSBAR_STRING, bb_event_get(&event.event, 0, &value));
    EXPECT_NE(0u, value.escaped);
    busbar_bytes text;
    ASSERT_TRUE(bb_event_text(&event.event, &value, &text));
    EXPECT_EQ("n\xc3\xa9w", Text(text));
    EXPECT_EQ("old", event.original(0));
    EXPECT_EQ("[1]", event.get(1));
    EXPECT_EQ("absent", event.original(1));
    EXPECT_EQ("old", event.find("/a"));
    EXPECT_TRUE(event.remove("a"));
    EXPECT_EQ("absent", event.get(0));
    EXPECT_EQ("old", event.original(0));
}

TEST(Event, TypesOfEditedValues)
{
    const std::pair<const char *, int> cases[] = {{"null", BUSBAR_NULL},   {"true", BUSBAR_TRUE},
                                                  {"false", BUSBAR_FALSE}, {"-1", BUSBAR_NUMBER},
                                                  {"0", BUSBAR_NUMBER},    {"\"\"", BUSBAR_STRING},
                                                  {"{}", BUSBAR_OBJECT},   {"[1]", BUSBAR_ARRAY}};
    Event event("{}");
    for (const auto &[json, type] : cases) {
        busbar_value value;
        bb_event_set_slot(&event.event, 0, busbar_text(json));
        EXPECT_EQ(static_cast<uint32_t>(type), bb_event_get(&event.event, 0, &value)) << json;
        EXPECT_EQ(static_cast<uint32_t>(type), value.type) << json;
    }
}

/* What a contract makes of the items of a list must be what a handler is given. */
TEST(Event, CurrentValueHasTheEditsInsideIt)
{
    Event event(R"({"a":["X", {"k":"Y"} ,3],"u":{"v":["Z"]},"b":["W"]})");
    EXPECT_EQ(R"(["X", {"k":"Y"} ,3])", event.get(0));
    bb_event_set_token(&event.event, event.token("/u/v/0"), busbar_text("0"));
    EXPECT_EQ(R"(["X", {"k":"Y"} ,3])", event.get(0));
    bb_event_set_token(&event.event, event.token("/a/1/k"), busbar_text("\"yy\""));
    bb_event_set_token(&event.event, event.token("/a/0"), busbar_text("\"x\""));
    bb_event_set_token(&event.event, event.token("/a/0"), busbar_text("\"xx\""));
    EXPECT_EQ(R"(["xx", {"k":"yy"} ,3])", event.get(0));
    EXPECT_EQ(R"(["W"])", event.get(1));
    EXPECT_EQ(R"({"a":["xx", {"k":"yy"} ,3],"u":{"v":[0]},"b":["W"]})", event.json());
    event.set("b", "[1]");
    bb_event_set_token(&event.event, event.token("/b/0"), busbar_text("2"));
    EXPECT_EQ("[1]", event.get(1));
    EXPECT_EQ(R"(["X", {"k":"Y"} ,3])", event.original(0));
}

TEST(Splice, ReplacesInPlaceAndAppends)
{
    EXPECT_EQ(R"({"a":9,"b":2})", Event(R"({"a":1,"b":2})").set("a", "9").json());
    EXPECT_EQ(R"({"a":1,"b":2})", Event(R"({"a":1})").set("b", "2").json());
    EXPECT_EQ(R"({"b":2})", Event("{}").set("b", "2").json());
    EXPECT_EQ(R"({"a":1,"z":2,"y":3})", Event(R"({"a":1})").set("z", "2").set("y", "3").json());
    EXPECT_EQ(R"({"z":4,"y":3})", Event("{}").set("z", "2").set("y", "3").set("z", "4").json());
    EXPECT_EQ("\n{ \"a\": 1,\"z\":2 }\n", Event("\n{ \"a\": 1 }\n").set("z", "2").json());
    EXPECT_EQ("{\"z\":2  }", Event("{  }").set("z", "2").json());
    EXPECT_EQ(R"({"q\"\n":1})", Event("{}").set("q\"\n", "1").json());
    EXPECT_EQ(R"({"a":"x","s":2})",
              Event(R"({"a":"s","s":1})").set("a", "\"x\"").set("s", "2").json());
}

TEST(Splice, LaterEditOfTheSamePlaceWins)
{
    Event event(R"({"a":1,"u":{"v":[1,2]}})");
    bb_event_set_token(&event.event, event.token("/u/v/1"), busbar_text("7"));
    bb_event_set_token(&event.event, event.token("/a"), busbar_text("5"));
    bb_event_set_token(&event.event, event.token("/u/v/1"), busbar_text("8"));
    EXPECT_EQ(R"({"a":5,"u":{"v":[1,8]}})", event.json());
    EXPECT_EQ("5", event.get(0));
    bb_event_set_slot(&event.event, 0, busbar_text("6"));
    EXPECT_EQ(R"({"a":6,"u":{"v":[1,8]}})", event.json());
}

TEST(Splice, EditsInsideAReplacedOrRemovedValueAreIgnored)
{
    Event event(R"({"u":{"v":[1,2]},"w":[3],"x":4})");
    bb_event_set_token(&event.event, event.token("/u/v/0"), busbar_text("7"));
    bb_event_set_token(&event.event, event.token("/w/0"), busbar_text("8"));
    event.set("u", "null");
    bb_event_set_token(&event.event, event.token("/u/v/1"), busbar_text("9"));
    EXPECT_TRUE(event.remove("w"));
    EXPECT_EQ(R"({"u":null,"x":4})", event.json());
}

TEST(Splice, RemovalTakesItsComma)
{
    struct {
        const char *text;
        std::vector<const char *> removed;
        const char *expected;
    } cases[] = {
        {R"({"a":1,"b":2,"c":3})", {"a"}, R"({"b":2,"c":3})"},
        {R"({"a":1,"b":2,"c":3})", {"b"}, R"({"a":1,"c":3})"},
        {R"({"a":1,"b":2,"c":3})", {"c"}, R"({"a":1,"b":2})"},
        {R"({"a":1,"b":2,"c":3})", {"a", "b"}, R"({"c":3})"},
        {R"({"a":1,"b":2,"c":3})", {"b", "a"}, R"({"c":3})"},
        {R"({"a":1,"b":2,"c":3})", {"b", "c"}, R"({"a":1})"},
        {R"({"a":1,"b":2,"c":3})", {"c", "a"}, R"({"b":2})"},
        {R"({"a":1,"b":2,"c":3})", {"a", "b", "c"}, "{}"},
        {R"({"a": 1, "b": 2, "c": 3})", {"b"}, R"({"a": 1, "c": 3})"},
        {R"({"a": 1, "b": 2, "c": 3})", {"a"}, R"({"b": 2, "c": 3})"},
        {R"({ "x":"1" , "y":"2" })", {"y"}, R"({ "x":"1" })"},
        {R"({"a":1})", {"a"}, "{}"},
    };
    for (const auto &test : cases) {
        Event event(test.text);
        for (const char *name : test.removed)
            EXPECT_TRUE(event.remove(name)) << test.text;
        EXPECT_EQ(test.expected, event.json()) << test.text;
    }
}

TEST(Splice, RemovalAndAppendTogether)
{
    Event event(R"({"a":1,"u":2})");
    EXPECT_TRUE(event.remove("a"));
    EXPECT_FALSE(event.remove("a"));
    EXPECT_TRUE(event.remove("u"));
    EXPECT_FALSE(event.remove("u"));
    EXPECT_FALSE(event.remove("b"));
    EXPECT_FALSE(event.remove("unknown"));
    event.set("z", "1");
    EXPECT_EQ(R"({"z":1})", event.json());
    EXPECT_TRUE(event.remove("z"));
    EXPECT_FALSE(event.remove("z"));
    EXPECT_EQ("{}", event.json());
    event.set("u", "3").set("b", "4").set("z", "5");
    EXPECT_EQ(R"({"u":3,"z":5,"b":4})", event.json());
}

TEST(Splice, ResultIsKeptUntilTheNextEdit)
{
    Event event(R"({"a":1})");
    event.set("a", "2");
    const char *first = bb_event_json(&event.event).data;
    EXPECT_EQ(first, bb_event_json(&event.event).data);
    event.set("a", "3");
    EXPECT_EQ(R"({"a":3})", event.json());
}

TEST(Splice, RootAsAWhole)
{
    Event event(" 5 ");
    bb_event_set_token(&event.event, 0, busbar_text("6"));
    EXPECT_EQ("6", event.json());
}

TEST(Splice, WhatIsNoValueIsLeftAlone)
{
    Event event(R"({"a":1})");
    bb_event_set_token(&event.event, 1, busbar_text("2"));
    bb_event_set_token(&event.event, 99, busbar_text("2"));
    bb_event_set_slot(&event.event, 99, busbar_text("2"));
    event.set("bad \xff", "2");
    EXPECT_EQ(R"({"a":1})", event.json());
}

TEST(Splice, ManyEditsInAnyOrder)
{
    std::string text = "[0", expected = "[1";
    for (int i = 1; i < 3000; i++) {
        text += ",0";
        expected += "," + std::to_string(i % 10);
    }
    Event event(text + "]");
    static const char *digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    for (uint32_t i = 2999; i > 0; i--)
        bb_event_set_token(&event.event, i + 1, busbar_text(digits[i % 10]));
    bb_event_set_token(&event.event, 1, busbar_text("1"));
    EXPECT_EQ(expected + "]", event.json());
}

TEST(Splice, AgreesWithJanssonOnRandomEdits)
{
    const std::string texts[] = {
        R"({"a":1,"b":{"id":[1,2,{"x":"y"}]},"id":"x","u":[],"\u00e9":null,"":0})",
        "{}",
        "{ \"x/y~\" : [ 1 , { } ] , \"zz\" : \"s\" }",
        R"({"event_timestamp": "2025", "n\n\"": 2, "b": 3, "a": 4})",
        R"([1,{"a":[2,3]}])",
        "\"text\""};
    g_autoptr(bb_parser) parser = bb_parser_new(nullptr);
    Random random(7);
    for (int i = 0; i < 20000; i++) {
        uint8_t code[3 * 12];
        for (uint8_t &byte : code)
            byte = static_cast<uint8_t>(random.next() >> 24);
        ExactText text(texts[random.below(std::size(texts))]);
        size_t size = 3 * random.below(13);
        const char *difference = splice_check(parser, text.data(), text.size(), code, size);
        ASSERT_EQ(nullptr, difference) << difference << " in case " << i;
    }
}

TEST(Event, FindsByPointer)
{
    Event event(R"({"a":{"b":[10,[20,30]],"":1},"x/y":2,"m~n":3,"~1":4,"0":5,"\u00e9":6,"e":{}})");
    const std::pair<const char *, const char *> cases[] = {{"/a/b/0", "10"},
                                                           {"/a/b/1/1", "30"},
                                                           {"/a/", "1"},
                                                           {"/x~1y", "2"},
                                                           {"/m~0n", "3"},
                                                           {"/~01", "4"},
                                                           {"/0", "5"},
                                                           {"/\xc3\xa9", "6"},
                                                           {"/e", "{}"},
                                                           {"/a/b/2", "absent"},
                                                           {"/a/b/00", "absent"},
                                                           {"/a/b/01", "absent"},
                                                           {"/a/b/-", "absent"},
                                                           {"/a/b/", "absent"},
                                                           {"/a/b/+1", "absent"},
                                                           {"/a/b/99999999999", "absent"},
                                                           {"/a/b/0/x", "absent"},
                                                           {"a", "absent"},
                                                           {"/x~2y", "absent"},
                                                           {"/m~", "absent"},
                                                           {"/nope", "absent"}};
    for (const auto &[pointer, expected] : cases)
        EXPECT_EQ(expected, event.find(pointer)) << pointer;
    EXPECT_EQ(std::string(event.event.text, event.event.size), event.find(""));
}

TEST(Event, PointerOfEveryTokenFindsIt)
{
    Event event(R"({"a":{"b":[10,[20,30]],"":1},"x/y":2,"m~n":3,"~1":4,"n\u00e9":[[[]]]})");
    for (uint32_t token = 0; token < event.event.token_count; token++) {
        std::string pointer = Text(bb_event_pointer(&event.event, token));
        bool name = event.event.tokens[token].flags & BB_TOKEN_KEY;
        EXPECT_EQ(token + name, event.token(pointer)) << pointer;
    }
    EXPECT_EQ("/a/b/1/0", Text(bb_event_pointer(&event.event, event.token("/a/b/1/0"))));
    EXPECT_EQ("/x~1y", Text(bb_event_pointer(&event.event, event.token("/x~1y"))));
    EXPECT_EQ("", Text(bb_event_pointer(&event.event, 0)));
    EXPECT_EQ("", Text(bb_event_pointer(&event.event, 9999)));
}

TEST(Event, NumbersOfValues)
{
    busbar_value number = {BUSBAR_NUMBER, 0, busbar_text("-12")};
    busbar_value text = {BUSBAR_STRING, 0, busbar_text("12")};
    int64_t integer = 0;
    double real = 0;
    EXPECT_TRUE(bb_value_integer(&number, &integer));
    EXPECT_EQ(-12, integer);
    EXPECT_TRUE(bb_value_double(&number, &real));
    EXPECT_EQ(-12.0, real);
    EXPECT_FALSE(bb_value_integer(&text, &integer));
    EXPECT_FALSE(bb_value_double(&text, &real));
    busbar_bytes decoded;
    Event event("{}");
    EXPECT_FALSE(bb_event_text(&event.event, &number, &decoded));
}

TEST(Event, ReleaseFreesTheView)
{
    int freed = 0;
    Event event("{}");
    event.event.view = &freed;
    event.event.release_view = [](void *view) { ++*static_cast<int *>(view); };
    bb_event_release(&event.event);
    bb_event_release(&event.event);
    EXPECT_EQ(1, freed);
}

TEST(Quote, EscapesWhatItMust)
{
    EXPECT_EQ("\"\"", Quoted(""));
    EXPECT_EQ("\"plain caf\xc3\xa9 \xf0\x9f\x98\x80 /\x7f\"",
              Quoted("plain caf\xc3\xa9 \xf0\x9f\x98\x80 /\x7f"));
    EXPECT_EQ(R"("\"\\\b\f\n\r\t\u0001\u001f")", Quoted("\"\\\b\f\n\r\t\x01\x1f"));
}

TEST(Quote, RefusesWhatNoEventMayHold)
{
    EXPECT_EQ("(none)", Quoted("a\xff"));
    EXPECT_EQ("(none)", Quoted("\xed\xa0\x80"));
    EXPECT_EQ("(none)", Quoted("\xe2\x82"));
    EXPECT_EQ("(none)", Quoted(std::string("a\0b", 3)));
}

TEST(Quote, ComesBackFromTheParser)
{
    Random random(3);
    g_autoptr(bb_arena) arena = bb_arena_new(0);
    Parser parser;
    for (int i = 0; i < 2000; i++) {
        std::string text;
        for (size_t n = random.below(60); n-- > 0;)
            text += random.below(4) ? std::string(1, static_cast<char>(1 + random.below(127)))
                                    : "\xe2\x82\xac";
        ASSERT_EQ("", parser.refusal(Text(bb_quote(arena, Bytes(text)))));
        EXPECT_TRUE(bb_token_equals(parser.text(), parser.tape.tokens, text.data(), text.size()));
    }
}
