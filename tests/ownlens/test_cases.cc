/* Every rule of every field: cases made by make_violations.py from the facts of the document. */
#include "ownlens.hh"

#include <cstdlib>
#include <cstring>
#include <regex>

namespace
{

std::string text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

/* The cases of one event type. */
std::vector<Json> cases_of(const std::string &name, bool valid)
{
    std::vector<Json> cases;
    std::string start = std::string("{\"event\": \"") + load(name)->full_name + "\"";
    for (const std::string &line : lines_of(OWNLENS_CASES)) {
        if (line.compare(0, start.size(), start) != 0)
            continue;
        Json test = parse(line);
        if (json_is_true(json_object_get(test.get(), "valid")) == valid)
            cases.push_back(std::move(test));
    }
    return cases;
}

/* Whether a failure names the member: by its pointer, or, when the member is not there to be
 * pointed at, in the message. */
bool names(const std::string &pointer, const std::string &message, const std::string &field)
{
    std::string own = "/" + field;
    if (pointer == own || pointer.compare(0, own.size() + 1, own + "/") == 0)
        return true;
    return pointer.empty() && message.find(field) != std::string::npos;
}

std::string trouble_of_refusal(const Outcome &outcome, const json_t *test)
{
    std::string rule = text_of(test, "rule");
    std::string field = text_of(test, "field");
    if (outcome.verdict != BUSBAR_REJECT)
        return "was not refused";
    if (rule.compare(0, 9, "malformed") == 0)
        return outcome.keyword == "malformed" ? "" : "keyword is " + outcome.keyword;
    for (size_t i = 0; i < outcome.pointers.size(); i++)
        if (!names(outcome.pointers[i], outcome.messages[i], field))
            return "named \"" + outcome.pointers[i] + "\": " + outcome.messages[i];
    return outcome.pointers.empty() ? "named nothing" : "";
}

bool is_now(const json_t *value)
{
    bb_instant instant;
    const char *text = json_string_value(value);
    return text && bb_instant_parse(text, strlen(text), &instant) && instant.has_offset &&
           std::llabs(instant.unix_us - g_get_real_time()) < 60 * G_USEC_PER_SEC;
}

bool is_uuid4(const json_t *value)
{
    static const std::regex form(
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
    const char *text = json_string_value(value);
    return text && std::regex_match(text, form);
}

bool is_equal(const json_t *wanted, const json_t *found, bool integer)
{
    if (json_is_number(wanted) && json_is_number(found) && !(integer && !json_is_integer(found)))
        return json_number_value(wanted) == json_number_value(found);
    return json_equal(wanted, found);
}

std::string trouble_of_acceptance(const Outcome &outcome, const json_t *test)
{
    if (outcome.verdict != BUSBAR_PASS)
        return "was refused at \"" + outcome.pointer + "\": " + outcome.message;
    const json_t *expect = json_object_get(test, "expect");
    std::string field = text_of(test, "field");
    std::string like = text_of(expect, "like");
    const json_t *wanted = json_object_get(expect, "value");
    Json event = parse(outcome.json);
    const json_t *found = json_object_get(event.get(), field.c_str());
    if (!event)
        return "gave no JSON: " + outcome.json;
    if (like == "now" ? is_now(found) : like == "uuid4" ? is_uuid4(found) : !wanted)
        return "";
    if (wanted && is_equal(wanted, found, json_is_true(json_object_get(expect, "integer"))))
        return "";
    char *dump = found ? json_dumps(found, JSON_ENCODE_ANY) : strdup("nothing");
    std::string text = std::string("became ") + dump;
    free(dump);
    return text;
}

class Cases : public testing::TestWithParam<Facts>
{
};

TEST_P(Cases, EveryViolationIsRefusedAndNamesItsField)
{
    Processor processor(GetParam().name, BB_PROCESS_VALIDATE);
    guint count = 0;
    guint failed = 0;
    for (const Json &test : cases_of(GetParam().name, false)) {
        count++;
        std::string text = text_of(test.get(), "text");
        std::string trouble = trouble_of_refusal(processor.run(text), test.get());
        if (!trouble.empty() && failed++ < 20)
            ADD_FAILURE() << text_of(test.get(), "field") << ", " << text_of(test.get(), "rule")
                          << " " << text_of(test.get(), "given").substr(0, 80) << ": " << trouble;
    }
    EXPECT_GE(count, 8 * GetParam().fields);
    EXPECT_EQ(failed, 0u);
}

TEST_P(Cases, EveryAcceptedFormIsRewrittenToItsCanonicalForm)
{
    Processor processor(GetParam().name, BB_PROCESS_PUBLISH);
    guint count = 0;
    guint failed = 0;
    for (const Json &test : cases_of(GetParam().name, true)) {
        count++;
        std::string text = text_of(test.get(), "text");
        std::string trouble = trouble_of_acceptance(processor.run(text), test.get());
        if (!trouble.empty() && failed++ < 20)
            ADD_FAILURE() << text_of(test.get(), "field") << ": "
                          << text_of(test.get(), "given").substr(0, 80) << " " << trouble;
    }
    EXPECT_GE(count, 4 * GetParam().fields);
    EXPECT_EQ(failed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Ownlens, Cases, testing::ValuesIn(all_facts), name_of);

} // namespace
