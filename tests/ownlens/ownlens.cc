/* Loads the built plugins and runs events through them. */
#include "ownlens.hh"

#include <fstream>
#include <stdexcept>
#include <map>

const std::vector<Facts> all_facts = {
    {"customer", "user_event", "customer-user-events", "user-event-consumer-group", "{user_id}",
     "UserEventProducer", 24},
    {"customer", "session", "customer-sessions", "session-consumer-group", "{session_id}",
     "SessionProducer", 39},
    {"editorial", "content_event", "editorial-content-events", "content-event-consumer-group",
     "{article_id}", "ContentEventProducer", 22},
    {"editorial", "article", "editorial-articles", "article-consumer-group", "{article_id}",
     "ArticleProducer", 31},
    {"company", "internal_content", "company-internal-content-events",
     "internal-content-consumer-group", "{content_id}", "InternalContentProducer", 26},
    {"security", "security_event", "security-events", "security-event-consumer-group", "{event_id}",
     "SecurityEventProducer", 19},
    {"compliance", "compliance_event", "compliance-events", "compliance-event-consumer-group",
     "{event_id}", "ComplianceEventProducer", 25},
    {"audit", "audit_log", "audit-logs", "audit-log-consumer-group", "{log_id}", "AuditLogProducer",
     29},
    {"data_quality", "quality_metric", "quality-metrics", "quality-metric-consumer-group",
     "{table_name}_{metric_date}", "QualityMetricProducer", 31},
    {"ml_models", "model_prediction", "model-predictions", "model-prediction-consumer-group",
     "{prediction_id}", "ModelPredictionProducer", 23},
};

const Facts &facts_of(const std::string &name)
{
    for (const Facts &facts : all_facts)
        if (name == facts.name)
            return facts;
    throw std::runtime_error("no event type " + name);
}

static const busbar_event_type *find(const bb_plugin *plugin, const std::string &name)
{
    for (uint32_t i = 0; i < plugin->descriptor.event_type_count; i++)
        if (name == plugin->descriptor.event_types[i]->name)
            return plugin->descriptor.event_types[i];
    throw std::runtime_error("the plugin has no event type " + name);
}

static void must(bool good, GError *error)
{
    if (!good)
        throw std::runtime_error(error ? error->message : "failed");
}

static bb_event_type *make(const std::string &name)
{
    const Facts &facts = facts_of(name);
    GError *error = nullptr;
    std::string path = std::string(BB_PLUGIN_DIR) + "/ownlens_" + facts.domain + ".so";
    const bb_plugin *plugin = bb_plugin_load(path.c_str(), &error);
    must(plugin, error);
    busbar_event_type loaded;
    bb_event_type *type = g_new0(bb_event_type, 1);
    bb_copy_event_type(find(plugin, name), &loaded, &type->ops);
    type->full_name = g_strconcat(facts.domain, ".", facts.name, nullptr);
    type->domain = g_strdup(facts.domain);
    type->name = g_strdup(loaded.name);
    type->topic = g_strdup(loaded.topic);
    type->group = g_strdup(loaded.group);
    type->plugin = g_strdup(plugin->descriptor.name);
    type->plugin_version = g_strdup(plugin->descriptor.version);
    bb_contract_options options = {type->full_name, FALSE, nullptr};
    type->contract =
        bb_contract_compile(loaded.contract.data, loaded.contract.size, &options, &error);
    must(type->contract, error);
    type->create = loaded.create;
    type->destroy = loaded.destroy;
    type->host = bb_host_table();
    type->wire = *bb_contract_wire(type->contract);
    type->key_template = g_strdup(bb_contract_key_template(type->contract));
    type->handlers = g_ptr_array_new();
    return type;
}

namespace
{
struct TypeDelete {
    void operator()(bb_event_type *type) const
    {
        bb_contract_unref(type->contract);
        g_ptr_array_unref(type->handlers);
        for (char *text : {type->full_name, type->domain, type->name, type->topic, type->group,
                           type->plugin, type->plugin_version, type->key_template})
            g_free(text);
        g_free(type);
    }
};
} // namespace

const bb_event_type *load(const std::string &name)
{
    static std::map<std::string, std::unique_ptr<bb_event_type, TypeDelete>> types;
    auto &type = types[name];
    if (!type)
        type.reset(make(name));
    return type.get();
}

Json parse(const std::string &text)
{
    json_error_t error;
    return Json(json_loadb(text.data(), text.size(), JSON_DECODE_ANY | JSON_ALLOW_NUL, &error));
}

Processor::Processor(const std::string &name, bb_process_mode mode_)
    : type(load(name)), mode(mode_), processor(nullptr)
{
    GError *error = nullptr;
    processor = bb_processor_new(type, mode, 16, nullptr, &error);
    must(processor, error);
}

Processor::~Processor()
{
    bb_processor_free(processor);
}

Outcome Processor::run(const std::string &text)
{
    bb_result result = {};
    busbar_event *event = bb_processor_run(processor, text.data(), text.size(), nullptr, &result);
    Outcome outcome = {result.verdict, "", "", "", {}, {}, "", ""};
    if (result.verdict != BUSBAR_PASS) {
        outcome.pointer = result.pointer;
        outcome.keyword = result.keyword;
        outcome.message = result.message;
    }
    for (guint i = 0; i < result.failure_count; i++) {
        outcome.pointers.push_back(result.failures[i].pointer);
        outcome.messages.push_back(result.failures[i].message);
    }
    if (event) {
        busbar_bytes json = bb_event_json(event);
        outcome.json.assign(json.data, json.size);
        if (mode == BB_PROCESS_PUBLISH) {
            busbar_bytes key = bb_processor_key(processor, event);
            if (key.data)
                outcome.key.assign(key.data, key.size);
        }
    }
    return outcome;
}

std::string name_of(const testing::TestParamInfo<Facts> &parameter)
{
    return parameter.param.name;
}

std::vector<std::string> lines_of(const std::string &path)
{
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}
