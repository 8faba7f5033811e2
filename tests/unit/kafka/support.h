/* Settings by hand, for the tests of the Kafka layer. */
#ifndef BB_TEST_KAFKA_SUPPORT_H
#define BB_TEST_KAFKA_SUPPORT_H

#include <string>
#include <vector>

extern "C" {
#include "base/error.h"
#include "config/settings.h"
#include "kafka/client.h"
#include "kafka/embedded.h"
}

/* Owns a bb_settings that names a bootstrap list and properties. */
class Settings
{
  public:
    explicit Settings(const std::string &bootstrap) : bootstrap_(bootstrap)
    {
        settings_.bootstrap = &bootstrap_[0];
        settings_.kafka = g_ptr_array_new();
    }
    ~Settings()
    {
        for (guint i = 0; i < settings_.kafka->len; i++) {
            bb_kafka_property *property =
                static_cast<bb_kafka_property *>(g_ptr_array_index(settings_.kafka, i));
            g_free(property->name);
            g_free(property->value);
            g_free(property);
        }
        g_ptr_array_unref(settings_.kafka);
    }
    Settings(const Settings &) = delete;
    void add(const char *name, const char *value, bool secret = false)
    {
        bb_kafka_property *property = g_new0(bb_kafka_property, 1);
        property->name = g_strdup(name);
        property->value = g_strdup(value);
        property->secret = secret;
        g_ptr_array_add(settings_.kafka, property);
    }
    const bb_settings *get() const
    {
        return &settings_;
    }

  private:
    std::string bootstrap_;
    bb_settings settings_ = {};
};

/* The message of an error, which is freed; "" when there is none. */
inline std::string take(GError **error)
{
    std::string text = *error ? (*error)->message : "";
    g_clear_error(error);
    return text;
}

inline std::string conf_value(rd_kafka_conf_t *conf, const char *name)
{
    char value[512] = "";
    size_t size = sizeof value;
    EXPECT_EQ(RD_KAFKA_CONF_OK, rd_kafka_conf_get(conf, name, value, &size)) << name;
    return value;
}

#endif
