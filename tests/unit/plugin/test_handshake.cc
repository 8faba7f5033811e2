// Versions of the contract: what an older plugin lacks reads as zero, what is newer is refused.
#include <dlfcn.h>

#include <string>

#include <gtest/gtest.h>

extern "C" {
#include "base/error.h"
#include "plugin/handshake.h"
#include "plugin/loader.h"
}

namespace
{

// A host one minor version ahead, to which the last members of each struct are new.
bb_handshake next_host()
{
    bb_handshake host = bb_handshake_host;
    host.minor = static_cast<uint16_t>(host.minor + 1);
    host.descriptor_size = offsetof(busbar_plugin_descriptor, get_extension);
    host.event_type_size = offsetof(busbar_event_type, create);
    host.event_ops_size = offsetof(busbar_event_ops, handle);
    return host;
}

const busbar_plugin_descriptor *symbol_of(const char *name)
{
    std::string path = std::string(BB_FIXTURES) + "/" + name + ".so";
    void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    return handle
               ? static_cast<const busbar_plugin_descriptor *>(dlsym(handle, BUSBAR_PLUGIN_SYMBOL))
               : nullptr;
}

TEST(Handshake, AHandlerOfTheFirstVersionMakesNoTables)
{
    const busbar_handler_ops ops = {sizeof(ops), 0, nullptr, nullptr, nullptr, nullptr};
    busbar_handler handler = {}, copy;
    busbar_handler_ops ops_copy;
    handler.struct_size = offsetof(busbar_handler, storage);
    handler.ops = &ops;
    handler.storage = [](busbar_call *, busbar_bytes, busbar_bytes, busbar_bytes *) { return 1; };
    bb_copy_handler(&handler, &copy, &ops_copy);
    EXPECT_EQ(copy.storage, nullptr);
    handler.struct_size = sizeof(handler);
    bb_copy_handler(&handler, &copy, &ops_copy);
    EXPECT_NE(copy.storage, nullptr);
}

constexpr size_t old_size = offsetof(busbar_plugin_descriptor, get_extension);

} // namespace

TEST(Versions, AnOldMinorPluginRunsOnANewerHost)
{
    const bb_handshake host = next_host();
    const busbar_plugin_descriptor *found = symbol_of("fixture_old");
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(found->struct_size, old_size) << "the fixture must be shorter than the host's struct";
    busbar_plugin_descriptor copy;
    memset(&copy, 0xff, sizeof(copy));
    g_autoptr(GError) error = nullptr;
    ASSERT_TRUE(bb_handshake_check(&host, "old.so", found, old_size, &copy, &error))
        << error->message;
    EXPECT_STREQ(copy.name, "fixture_old");
    EXPECT_EQ(copy.get_extension, nullptr);

    busbar_event_type type;
    busbar_event_ops ops;
    memset(&type, 0xff, sizeof(type));
    memset(&ops, 0xff, sizeof(ops));
    bb_copy_event_type(copy.event_types[0], &type, &ops);
    EXPECT_STREQ(type.name, "aged");
    EXPECT_EQ(type.create, nullptr);
    EXPECT_EQ(type.destroy, nullptr);
    EXPECT_NE(ops.validate, nullptr);
    EXPECT_EQ(ops.handle, nullptr);
}

TEST(Versions, AnOldMinorHandlerRunsOnANewerHost)
{
    const bb_handshake host = next_host();
    const busbar_plugin_descriptor *found = symbol_of("fixture_old");
    ASSERT_NE(found, nullptr);
    busbar_plugin_descriptor copy;
    g_autoptr(GError) error = nullptr;
    ASSERT_TRUE(bb_handshake_check(&host, "old.so", found, old_size, &copy, &error))
        << error->message;
    ASSERT_EQ(copy.handler_count, 1u);
    ASSERT_LT(copy.handlers[0]->struct_size, sizeof(busbar_handler))
        << "the fixture must be shorter than the host's struct";
    busbar_handler handler;
    busbar_handler_ops ops;
    memset(&handler, 0xff, sizeof(handler));
    memset(&ops, 0xff, sizeof(ops));
    bb_copy_handler(copy.handlers[0], &handler, &ops);
    EXPECT_STREQ(handler.name, "aged_sink");
    EXPECT_EQ(handler.storage, nullptr);
    EXPECT_NE(ops.open, nullptr);
    EXPECT_NE(ops.handle, nullptr);
    EXPECT_EQ(ops.flush, nullptr);
}

TEST(Versions, TheSamePluginIsTooShortForTheFirstVersionThatHasTheMembers)
{
    const busbar_plugin_descriptor *found = symbol_of("fixture_old");
    ASSERT_NE(found, nullptr);
    busbar_plugin_descriptor copy;
    g_autoptr(GError) error = nullptr;
    EXPECT_FALSE(bb_handshake_check(&bb_handshake_host, "old.so", found, old_size, &copy, &error));
    EXPECT_NE(std::string(error->message).find("64 bytes"), std::string::npos) << error->message;
}

TEST(Versions, ANewerMinorIsAcceptedOnceTheHostHasIt)
{
    const bb_handshake host = next_host();
    const busbar_plugin_descriptor *found = symbol_of("bad_newer_minor");
    ASSERT_NE(found, nullptr);
    busbar_plugin_descriptor copy;
    g_autoptr(GError) error = nullptr;
    EXPECT_FALSE(
        bb_handshake_check(&bb_handshake_host, "new.so", found, sizeof(*found), &copy, &error));
    EXPECT_TRUE(bb_handshake_check(&host, "new.so", found, sizeof(*found), &copy, nullptr));
}

TEST(Versions, ALongerStructThanTheHostsIsCutToWhatTheHostKnows)
{
    struct {
        busbar_event_ops ops;
        void *member_to_come;
    } longer = {{sizeof(longer), 0, nullptr, nullptr, nullptr}, &longer};
    busbar_event_type from = {};
    from.struct_size = sizeof(from);
    from.ops = &longer.ops;
    struct {
        busbar_event_ops ops;
        void *guard;
    } to = {{}, &to};
    busbar_event_type type;
    bb_copy_event_type(&from, &type, &to.ops);
    EXPECT_EQ(to.guard, &to);
    EXPECT_EQ(to.ops.struct_size, sizeof(longer));
}
