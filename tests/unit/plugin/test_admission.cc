// What a plugin's file must be before anything of it runs: folders, note, manifest.
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/stat.h>

#include <glib/gstdio.h>
#include <gtest/gtest.h>

extern "C" {
#include "base/error.h"
#include "plugin/elf_file.h"
#include "plugin/loader.h"
#include "plugin/manifest.h"
}

namespace
{

const char *const good = BB_FIXTURES "/fixture_good.so";

std::string read_file(const char *path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Admission : testing::Test {
    std::string folder;

    void SetUp() override
    {
        g_autofree char *made = g_dir_make_tmp("busbar-admission-XXXXXX", nullptr);
        g_autofree char *real = realpath(made, nullptr);
        folder = real;
    }

    void TearDown() override
    {
        bb_plugin_use_manifest(nullptr);
        std::string command = "rm -rf '" + folder + "'";
        ASSERT_EQ(system(command.c_str()), 0);
    }

    std::string write(const std::string &name, const std::string &bytes, mode_t mode = 0644)
    {
        std::string path = folder + "/" + name;
        std::ofstream(path, std::ios::binary) << bytes;
        EXPECT_EQ(chmod(path.c_str(), mode), 0);
        return path;
    }

    // Why the file is refused; "" when it is not.
    static std::string refusal(const std::string &path)
    {
        g_autoptr(GError) error = nullptr;
        if (bb_plugin_file_check(path.c_str(), nullptr, &error))
            return "";
        EXPECT_EQ(error->code, BB_ERROR_PLUGIN);
        return error->message;
    }

    static void has(const std::string &text, std::initializer_list<const char *> parts)
    {
        for (const char *part : parts)
            EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' in: " << text;
    }

    std::string hash_of(const std::string &bytes)
    {
        g_autofree char *hash = g_compute_checksum_for_data(
            G_CHECKSUM_SHA256, reinterpret_cast<const guchar *>(bytes.data()), bytes.size());
        return hash;
    }

    std::string load(const std::string &path, const bb_plugin **ret_plugin = nullptr)
    {
        g_autoptr(GError) error = nullptr;
        const bb_plugin *plugin = bb_plugin_load(path.c_str(), &error);
        if (ret_plugin)
            *ret_plugin = plugin;
        return plugin ? "" : error->message;
    }
};

// A copy of the good plugin with its note changed.
std::string with_note(void (*change)(busbar_note *note))
{
    std::string bytes = read_file(good);
    const char head[] = "\7\0\0\0\20\0\0\0\1\0\0\0busbar\0";
    size_t at = bytes.find(std::string(head, sizeof(head)));
    EXPECT_NE(at, std::string::npos);
    busbar_note note;
    memcpy(&note, &bytes[at], sizeof(note));
    change(&note);
    memcpy(&bytes[at], &note, sizeof(note));
    return bytes;
}

TEST_F(Admission, TheNoteIsFound)
{
    std::string bytes = read_file(good);
    gboolean found = FALSE;
    EXPECT_TRUE(bb_elf_check_note("x", reinterpret_cast<const guchar *>(bytes.data()), bytes.size(),
                                  &found, nullptr));
    EXPECT_TRUE(found);
    EXPECT_EQ(refusal(write("good.so", bytes)), "");
}

TEST_F(Admission, ANoteOfAnotherContractIsRefused)
{
    has(refusal(write("a.so", with_note([](busbar_note *note) { note->abi_major = 2; }))),
        {"plugin contract 2.", "this host has 1.", "use a newer busbar"});
    has(refusal(write("b.so", with_note([](busbar_note *note) { note->abi_major = 0; }))),
        {"plugin contract 0.", "build the plugin with this host's header"});
    has(refusal(write("c.so", with_note([](busbar_note *note) { note->abi_minor = 999; }))),
        {"plugin contract 1.999"});
    has(refusal(write("d.so", with_note([](busbar_note *note) { note->magic = 0xdeadbeef; }))),
        {"0xdeadbeef", "0x42555342"});
    has(refusal(write("e.so", with_note([](busbar_note *note) { note->header_hash[1] ^= 1; }))),
        {"with header", "this host's header of that version"});
}

TEST_F(Admission, AnOlderMinorVersionMayHaveAnotherHeader)
{
    if (BUSBAR_ABI_MINOR == 0)
        GTEST_SKIP() << "there is no older one";
    EXPECT_EQ(refusal(write("a.so", with_note([](busbar_note *note) {
                                note->abi_minor = 0;
                                note->header_hash[0] ^= 1;
                            }))),
              "");
}

TEST_F(Admission, WithoutANoteItIsLeftToTheHandshake)
{
    std::string bytes = with_note([](busbar_note *note) { note->type = 77; });
    gboolean found = TRUE;
    EXPECT_TRUE(bb_elf_check_note("x", reinterpret_cast<const guchar *>(bytes.data()), bytes.size(),
                                  &found, nullptr));
    EXPECT_FALSE(found);
    EXPECT_EQ(refusal(write("none.so", bytes)), "");
}

// Sizes in a note come from the file: none of them may lead behind its end.
TEST_F(Admission, DamagedNotesAreHarmless)
{
    for (uint32_t size : {0u, 1u, 8u, 0x7fffffffu, 0xfffffff0u, 0xffffffffu}) {
        for (int which = 0; which < 2; which++) {
            std::string bytes = read_file(good);
            size_t at = bytes.find(std::string("\7\0\0\0\20\0\0\0\1\0\0\0busbar\0", 19));
            ASSERT_NE(at, std::string::npos);
            memcpy(&bytes[at + 4u * static_cast<unsigned>(which)], &size, sizeof(size));
            gboolean found = TRUE;
            (void)bb_elf_check_note("x", reinterpret_cast<const guchar *>(bytes.data()),
                                    bytes.size(), &found, nullptr);
            EXPECT_FALSE(found && size != 16u && size != 7u) << size;
        }
    }
}

TEST_F(Admission, FoldersAboveMayNotBeWrittenByOthers)
{
    std::string outer = folder + "/outer", inner = outer + "/inner";
    ASSERT_EQ(g_mkdir_with_parents(inner.c_str(), 0755), 0);
    std::string path = write("outer/inner/good.so", read_file(good));
    EXPECT_EQ(refusal(path), "");
    ASSERT_EQ(chmod(outer.c_str(), 0775), 0);
    has(refusal(path), {outer.c_str(), "0775", "its group", "chmod go-w"});
    ASSERT_EQ(chmod(outer.c_str(), 0757), 0);
    has(refusal(path), {outer.c_str(), "0757", "everybody"});
    ASSERT_EQ(chmod(outer.c_str(), 01777), 0);
    EXPECT_EQ(refusal(path), "");
}

TEST_F(Admission, TheManifestDecides)
{
    std::string bytes = read_file(good);
    std::string path = write("listed.so", bytes);
    std::string manifest =
        write("SHA256SUMS", "# plugins\n" + std::string(64, '0') + "  other.so\n");
    bb_plugin_use_manifest(manifest.c_str());
    has(load(path), {"is not in the manifest", "listed.so"});
    write("SHA256SUMS", std::string(64, '0') + "  listed.so\n");
    has(load(path), {"its SHA-256 is", hash_of(bytes).c_str(), "has 0000"});
    write("SHA256SUMS", hash_of(bytes) + " *listed.so\n");
    const bb_plugin *plugin = nullptr;
    EXPECT_EQ(load(path, &plugin), "");
    ASSERT_NE(plugin, nullptr);
    EXPECT_STREQ(plugin->path, path.c_str());
    EXPECT_STREQ(plugin->descriptor.name, "fixture_good");
}

TEST_F(Admission, AManifestMayNameWholePaths)
{
    std::string bytes = read_file(good);
    std::string path = write("path.so", bytes);
    std::string manifest = write("SHA256SUMS", hash_of(bytes) + "  " + path + "\n");
    bb_plugin_use_manifest(manifest.c_str());
    EXPECT_EQ(load(path), "");
    has(load(write("copy.so", bytes)), {"is not in the manifest"});
}

TEST_F(Admission, AManifestThatOthersMayWriteSaysNothing)
{
    std::string manifest = write("SHA256SUMS", "", 0664);
    bb_plugin_use_manifest(manifest.c_str());
    has(load(write("a.so", read_file(good))), {"SHA256SUMS", "0664"});
    bb_plugin_use_manifest((folder + "/none").c_str());
    has(load(write("b.so", read_file(good))), {"the manifest cannot be read"});
}

// What is loaded are the bytes that were checked, whatever becomes of the file.
TEST_F(Admission, WithAManifestTheCopyIsLoaded)
{
    std::string bytes = read_file(good);
    std::string path = write("copied.so", bytes);
    bb_plugin_use_manifest(write("SHA256SUMS", hash_of(bytes) + "  copied.so\n").c_str());
    ASSERT_EQ(load(path), "");
    std::string maps = read_file("/proc/self/maps");
    EXPECT_NE(maps.find("memfd:copied.so"), std::string::npos);
    EXPECT_EQ(maps.find(path), std::string::npos);
}

} // namespace
