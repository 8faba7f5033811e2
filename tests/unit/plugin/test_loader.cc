// Loading plugins: every wrong file is refused with file, reason, both values and what to do.
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "base/error.h"
#include "plugin/loader.h"
}

namespace
{

std::string fixture(const std::string &name)
{
    return std::string(BB_FIXTURES) + "/" + name + ".so";
}

// The sentence of the refusal, or "" when the plugin was loaded.
std::string refusal(const std::string &path, int code = BB_ERROR_PLUGIN)
{
    g_autoptr(GError) error = nullptr;
    if (bb_plugin_load(path.c_str(), &error))
        return "";
    EXPECT_TRUE(g_error_matches(error, BB_ERROR, code)) << error->message;
    EXPECT_EQ(strchr(error->message, '\n'), nullptr) << error->message;
    return error->message;
}

void expect_parts(const std::string &text, const std::vector<std::string> &parts)
{
    for (const auto &part : parts)
        EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

// A folder of its own for files that a test makes.
class Files : public testing::Test
{
  protected:
    void SetUp() override
    {
        char name[] = "/tmp/busbar-loader-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder = name;
    }
    void TearDown() override
    {
        g_autofree char *quoted = g_shell_quote(folder.c_str());
        std::string command = std::string("rm -rf ") + quoted;
        EXPECT_EQ(system(command.c_str()), 0);
    }
    std::string write(const std::string &name, const std::string &bytes, mode_t mode = 0644)
    {
        std::string path = folder + "/" + name;
        std::ofstream(path, std::ios::binary) << bytes;
        EXPECT_EQ(chmod(path.c_str(), mode), 0);
        return path;
    }
    std::string good()
    {
        std::ifstream file(fixture("fixture_good"), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::string folder;
};

} // namespace

TEST(Loader, LoadsAGoodPlugin)
{
    g_autoptr(GError) error = nullptr;
    const bb_plugin *plugin = bb_plugin_load(fixture("fixture_good").c_str(), &error);
    ASSERT_NE(plugin, nullptr) << error->message;
    EXPECT_STREQ(plugin->descriptor.name, "fixture_good");
    EXPECT_STREQ(plugin->descriptor.version, "1.2.3");
    EXPECT_EQ(plugin->descriptor.event_type_count, 2u);
    EXPECT_EQ(plugin->path[0], '/');
}

TEST(Loader, TheSameFileTwiceIsTheSamePlugin)
{
    std::string detour = std::string(BB_FIXTURES) + "/../test-plugins/fixture_good.so";
    const bb_plugin *plugin = bb_plugin_load(fixture("fixture_good").c_str(), nullptr);
    EXPECT_NE(plugin, nullptr);
    EXPECT_EQ(bb_plugin_load(detour.c_str(), nullptr), plugin);
}

TEST(Loader, ThreadsMayLoadAtTheSameTime)
{
    std::vector<std::thread> threads;
    std::vector<const bb_plugin *> found(8);
    for (size_t i = 0; i < found.size(); i++)
        threads.emplace_back([&found, i] {
            found[i] = bb_plugin_load(fixture("handler_fixture").c_str(), nullptr);
            (void)bb_plugin_load(fixture("bad_magic").c_str(), nullptr);
        });
    for (auto &thread : threads)
        thread.join();
    for (const bb_plugin *plugin : found) {
        EXPECT_NE(plugin, nullptr);
        EXPECT_EQ(plugin, found[0]);
    }
}

TEST(Loader, RefusesAMissingFile)
{
    expect_parts(refusal("/nowhere/plugin.so", BB_ERROR_IO),
                 {"/nowhere/plugin.so", "No such file", "correct the path"});
}

TEST_F(Files, RefusesADirectory)
{
    expect_parts(refusal(folder), {folder, "is a directory", "a regular file is needed"});
}

TEST_F(Files, RefusesAPipeWithoutWaiting)
{
    std::string path = folder + "/pipe.so";
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    expect_parts(refusal(path), {path, "is a pipe"});
}

TEST_F(Files, RefusesAnEmptyFile)
{
    expect_parts(refusal(write("empty.so", "")), {"empty.so", "is empty (0 bytes)"});
}

TEST_F(Files, RefusesATextFile)
{
    expect_parts(refusal(write("text.so", "#!/bin/sh\nexit 0\n")),
                 {"text.so", "not an ELF file", "#!/bin/sh", "\\x7fELF"});
}

TEST_F(Files, RefusesAnElfFileCutAnywhere)
{
    const std::string whole = good();
    for (size_t size :
         {size_t{5}, size_t{40}, size_t{64}, size_t{200}, whole.size() / 2, whole.size() - 1}) {
        std::string path = write("cut" + std::to_string(size) + ".so", whole.substr(0, size));
        expect_parts(refusal(path), {path, "truncated", std::to_string(size) + " bytes"});
    }
}

TEST_F(Files, RefusesAnotherMachine)
{
    std::string bytes = good();
    bytes[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(
        bytes[offsetof(Elf64_Ehdr, e_machine)] == static_cast<char>(EM_AARCH64) ? EM_X86_64
                                                                                : EM_AARCH64);
    expect_parts(refusal(write("other.so", bytes)), {"other.so", "made for", "aarch64", "x86-64",
                                                     "build the plugin for this machine"});
}

TEST_F(Files, RefusesAnotherClassByteOrderAndType)
{
    std::string bytes = good();
    bytes[EI_CLASS] = ELFCLASS32;
    expect_parts(refusal(write("class.so", bytes)), {"32-bit", "64-bit"});
    bytes = good();
    bytes[EI_DATA] = ELFDATA2MSB;
    expect_parts(refusal(write("order.so", bytes)), {"byte order 2", "needs 1"});
    bytes = good();
    bytes[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
    expect_parts(refusal(write("object.so", bytes)), {"type 1", "type 3", "-shared"});
}

TEST_F(Files, RefusesSegmentsBehindTheEnd)
{
    std::string bytes = good();
    Elf64_Ehdr header;
    memcpy(&header, bytes.data(), sizeof(header));
    Elf64_Phdr segment;
    memcpy(&segment, &bytes[header.e_phoff], sizeof(segment));
    ASSERT_EQ(segment.p_type, static_cast<Elf64_Word>(PT_LOAD));
    segment.p_filesz = UINT64_MAX - 8;
    memcpy(&bytes[header.e_phoff], &segment, sizeof(segment));
    expect_parts(refusal(write("segment.so", bytes)), {"truncated", "segment 0"});
}

TEST_F(Files, RefusesAFileThatOthersMayWrite)
{
    std::string path = write("world.so", good(), 0666);
    expect_parts(refusal(path),
                 {path, "mode 0666", "everybody", "0644 is needed", "chmod go-w " + path});
    path = write("group.so", good(), 0775);
    expect_parts(refusal(path), {path, "mode 0775", "its group", "0755 is needed"});
}

TEST_F(Files, RefusesAFolderThatEverybodyMayWrite)
{
    ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
    expect_parts(refusal(write("plugin.so", good())), {"0777", "chmod go-w " + folder});
}

TEST_F(Files, RefusesAFileOfAnotherUser)
{
    std::string path = write("other_user.so", good());
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can give a file away";
    ASSERT_EQ(chown(path.c_str(), 4321, 4321), 0);
    expect_parts(refusal(path), {path, "user 4321", "(0)", "chown 0 "});
}

TEST_F(Files, RefusesAFileThatCannotBeRead)
{
    if (geteuid() == 0)
        GTEST_SKIP() << "root may read everything";
    std::string path = write("secret.so", good(), 0200);
    expect_parts(refusal(path, BB_ERROR_IO), {path, "Permission denied", "right to read"});
}

TEST_F(Files, ACopyOfAGoodPluginIsGood)
{
    EXPECT_EQ(refusal(write("copy.so", good())), "");
}

struct Refusal {
    const char *name;
    std::vector<std::string> parts;
};

static void PrintTo(const Refusal &refusal, std::ostream *out)
{
    *out << refusal.name;
}

class Handshake : public testing::TestWithParam<Refusal>
{
};

TEST_P(Handshake, RefusesWithFileReasonBothValuesAndFix)
{
    std::string path = fixture(GetParam().name);
    std::string text = refusal(path);
    ASSERT_NE(text, "") << "it was loaded";
    expect_parts(text, {path + ": "});
    expect_parts(text, GetParam().parts);
}

INSTANTIATE_TEST_SUITE_P(
    Bad, Handshake,
    testing::Values(
        Refusal{"bad_no_symbol", {"exports no symbol busbar_plugin", "define"}},
        Refusal{"bad_function", {"no data object"}},
        Refusal{"bad_undefined", {"dynamic linker refuses", "bad_open_fixture"}},
        Refusal{"bad_magic", {"0x12345678", "0x42555342", "BUSBAR_DESCRIPTOR_HEAD"}},
        Refusal{"bad_head", {"8 bytes long", "begins with 16"}},
        Refusal{"bad_short", {"64 bytes", "needs 72", "struct_size"}},
        Refusal{"bad_longer_than_symbol", {"80 bytes", "only 72"}},
        Refusal{"bad_newer_minor", {"contract 1.2", "host has 1.1", "older", "update busbar"}},
        Refusal{"bad_older_major", {"contract 0.1", "host has 1.1", "must be equal"}},
        Refusal{"bad_newer_major", {"contract 2.1", "host has 1.1", "must be equal"}},
        Refusal{"bad_name", {"'Not-A-Name'", "small letter"}},
        Refusal{"bad_no_name", {"nothing (NULL)"}},
        Refusal{"bad_no_version", {"states no version"}},
        Refusal{"bad_nothing", {"0 event types and 0 handlers", "at least one"}},
        Refusal{"bad_null_list", {"1 event types are announced", "NULL"}},
        Refusal{"bad_null_item", {"event type 1", "is NULL"}},
        Refusal{"bad_many", {"4000000000", "at most 1024"}},
        Refusal{"bad_event_size", {"event type 0", "16 bytes", "needs 80"}},
        Refusal{"bad_event_name", {"event type 0", "'9lives'"}},
        Refusal{"bad_event_topic", {"event type event", "no topic", "1 to 249"}},
        Refusal{"bad_ops_size", {"ops of event type event", "8 bytes", "needs 32"}},
        Refusal{"bad_duplicate_events", {"two event types", "'event'", "rename"}},
        Refusal{"bad_contract_null", {"contract of 10 bytes at NULL"}},
        Refusal{"bad_handler_size", {"handler 0", "8 bytes", "needs 48"}},
        Refusal{"bad_handler_no_ops", {"handler handler", "no ops"}},
        Refusal{"bad_handler_ops_size", {"ops of handler handler", "8 bytes", "needs 40"}},
        Refusal{"bad_handler_no_open", {"no 'open'", "open and handle are needed"}},
        Refusal{"bad_handler_no_handle", {"no 'handle'", "open and handle are needed"}},
        Refusal{"bad_duplicate_handlers", {"two handlers", "'handler'"}},
        Refusal{"bad_schema_null", {"config schema of 10 bytes at NULL"}}),
    [](const testing::TestParamInfo<Refusal> &bad) { return std::string(bad.param.name); });

static GPtrArray *folders_of(std::vector<const char *> folders)
{
    GPtrArray *array = g_ptr_array_new();
    for (const char *folder : folders)
        g_ptr_array_add(array, const_cast<char *>(folder));
    return array;
}

TEST(Find, FindsPluginsAndHandlersByName)
{
    g_autoptr(GPtrArray) folders = folders_of({"/nowhere", BB_FIXTURES});
    g_autofree char *plugin = bb_plugin_find("fixture_good", folders, nullptr);
    EXPECT_EQ(plugin ? plugin : "", fixture("fixture_good"));
    g_autofree char *handler = bb_plugin_find("fixture", folders, nullptr);
    EXPECT_EQ(handler ? handler : "", fixture("handler_fixture"));
}

TEST(Find, TakesAPathAsItIs)
{
    g_autofree char *path = bb_plugin_find("./some/where.so", nullptr, nullptr);
    EXPECT_STREQ(path, "./some/where.so");
}

TEST(Find, NamesFoldersAndTheNearestName)
{
    g_autoptr(GPtrArray) folders = folders_of({"/nowhere", BB_FIXTURES});
    g_autoptr(GError) error = nullptr;
    EXPECT_EQ(bb_plugin_find("fixture_godo", folders, &error), nullptr);
    ASSERT_NE(error, nullptr);
    EXPECT_TRUE(g_error_matches(error, BB_ERROR, BB_ERROR_IO));
    expect_parts(error->message,
                 {"'fixture_godo'", "/nowhere", BB_FIXTURES, "handler_fixture_godo.so",
                  "/lib/busbar/plugins", "did you mean 'fixture_good'?"});
}

TEST(Find, FoldersOfTheSettingsComeFirst)
{
    g_autoptr(GPtrArray) folders = folders_of({BB_FIXTURES, "/nowhere"});
    g_autofree char *path = bb_plugin_find("fixture_json", folders, nullptr);
    EXPECT_EQ(path ? path : "", fixture("fixture_json"));
}
