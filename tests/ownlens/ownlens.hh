/* The ten event types as built, for tests: plugins loaded by the real loader, events run through
 * the real processor. */
#ifndef OWNLENS_TEST_HH
#define OWNLENS_TEST_HH

#include <gtest/gtest.h>
#include <jansson.h>

#include <memory>
#include <string>
#include <vector>

extern "C" {
#include "base/error.h"
#include "contract/canonical.h"
#include "pipeline/processor.h"
#include "plugin/loader.h"
#include "plugin/registry.h"
}

struct Facts {
    const char *domain;
    const char *name;
    const char *topic;
    const char *group;
    const char *key;
    const char *producer;
    guint fields; /* without _metadata */
};
/* What the contracts document says of the ten, in its order. */
extern const std::vector<Facts> all_facts;
const Facts &facts_of(const std::string &name);

/* The event type `name` ("user_event"), loaded once. */
const bb_event_type *load(const std::string &name);

struct JsonDelete {
    void operator()(json_t *json) const
    {
        json_decref(json);
    }
};
using Json = std::unique_ptr<json_t, JsonDelete>;
Json parse(const std::string &text);

/* What became of one event. */
struct Outcome {
    int32_t verdict;
    std::string pointer, keyword, message;
    std::vector<std::string> pointers; /* of all failures */
    std::vector<std::string> messages;
    std::string json; /* the event as it would be sent; empty unless it passed */
    std::string key;
};

/* A processor for one event type. */
class Processor
{
  public:
    Processor(const std::string &name, bb_process_mode mode);
    ~Processor();
    Outcome run(const std::string &text);

  private:
    const bb_event_type *type;
    bb_process_mode mode;
    bb_processor *processor;
};

/* Names parameterised tests after the event. */
std::string name_of(const testing::TestParamInfo<Facts> &parameter);

std::vector<std::string> lines_of(const std::string &path);

#endif
