// The jsonl handler's two modules: file names from templates, and appends that are all or nothing.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

extern "C" {
#include "file.h"
#include "path.h"
}

namespace fs = std::filesystem;

namespace
{
class JsonlFile : public testing::Test
{
  protected:
    void SetUp() override
    {
        std::string pattern = (fs::temp_directory_path() / "busbar-jsonl-XXXXXX").string();
        folder = mkdtemp(pattern.data());
    }
    void TearDown() override
    {
        fs::remove_all(folder);
    }
    int append(const std::string &text)
    {
        return jsonl_file_append(path().c_str(), text.data(), text.size(), &options, &repaired,
                                 &step);
    }
    std::string path() const
    {
        return (folder / "a" / "b" / "events.jsonl").string();
    }
    static std::string read(const fs::path &file)
    {
        std::ifstream in(file);
        std::stringstream text;
        text << in.rdbuf();
        return text.str();
    }

    fs::path folder;
    jsonl_file_options options = {0, true};
    size_t repaired = 0;
    const char *step = nullptr;
};
} // namespace

TEST_F(JsonlFile, MakesFoldersAndAppends)
{
    EXPECT_EQ(append("1\n"), 0);
    EXPECT_EQ(append("2\n3\n"), 0);
    EXPECT_EQ(read(path()), "1\n2\n3\n");
}

TEST_F(JsonlFile, CutsTheTornLineThatACrashLeft)
{
    ASSERT_EQ(append("{\"n\":1}\n"), 0);
    std::ofstream(path(), std::ios::app) << std::string(9000, 'x');
    ASSERT_EQ(append("{\"n\":2}\n"), 0);
    EXPECT_EQ(repaired, 9000u);
    EXPECT_EQ(read(path()), "{\"n\":1}\n{\"n\":2}\n");
}

TEST_F(JsonlFile, CutsAFileThatIsOneTornLine)
{
    fs::create_directories(fs::path(path()).parent_path());
    std::ofstream(path()) << "{\"n\":";
    ASSERT_EQ(append("{}\n"), 0);
    EXPECT_EQ(repaired, 5u);
    EXPECT_EQ(read(path()), "{}\n");
}

TEST_F(JsonlFile, RotatesWithoutOverwriting)
{
    options.rotate_bytes = 4;
    ASSERT_EQ(append("1234\n"), 0);
    ASSERT_EQ(append("5678\n"), 0);
    ASSERT_EQ(append("9\n"), 0);
    EXPECT_EQ(read(path() + ".1"), "1234\n");
    EXPECT_EQ(read(path() + ".2"), "5678\n");
    EXPECT_EQ(read(path()), "9\n");
}

TEST_F(JsonlFile, AFailedAppendLeavesNothingBehind)
{
    ASSERT_EQ(append("whole\n"), 0);
    // A file size limit makes write() fail half way, as a full disk does; in a child, since it
    // holds for the process.
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        rlimit limit = {100, 100};
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(append(std::string(500, 'y') + "\n") == EFBIG ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(read(path()), "whole\n");
}

TEST_F(JsonlFile, NamesTheStepThatFailed)
{
    fs::create_directories(path());
    EXPECT_EQ(append("1\n"), EISDIR);
    EXPECT_STREQ(step, "opening");
}

TEST_F(JsonlFile, WritersInSeveralProcessesKeepLinesWhole)
{
    options.sync = false;
    options.rotate_bytes = 2000;
    for (int writer = 0; writer < 4; writer++) {
        if (fork() != 0)
            continue;
        int failures = 0;
        for (int i = 0; i < 50; i++)
            failures += append(std::string(40, static_cast<char>('a' + writer)) + "\n") != 0;
        _exit(failures);
    }
    for (int writer = 0; writer < 4; writer++) {
        int status = -1;
        ASSERT_GT(wait(&status), 0);
        EXPECT_EQ(status, 0);
    }
    int lines = 0;
    for (const auto &entry : fs::directory_iterator(fs::path(path()).parent_path())) {
        std::stringstream text(read(entry.path()));
        for (std::string line; std::getline(text, line); lines++)
            EXPECT_EQ(line, std::string(40, line[0]));
    }
    EXPECT_EQ(lines, 200);
}

TEST(JsonlPath, ExpandsFromTheRecord)
{
    busbar_origin origin = {};
    origin.topic = busbar_text("customer-sessions");
    origin.partition = 3;
    origin.timestamp_ms = 1741944413120; // 2025-03-14T09:26:53.12Z
    char path[JSONL_PATH_MAX];
    ASSERT_TRUE(jsonl_path_expand("out/{topic}/{partition}/{date}-{hour}.jsonl", &origin, path));
    EXPECT_STREQ(path, "out/customer-sessions/3/2025-03-14-09.jsonl");
}

TEST(JsonlPath, RefusesUnknownPlaceholdersAndLongNames)
{
    const char *problem = nullptr;
    EXPECT_FALSE(jsonl_path_check("out/{day}.jsonl", &problem));
    EXPECT_FALSE(jsonl_path_check("", &problem));
    EXPECT_TRUE(jsonl_path_check("{topic}", &problem));
    busbar_origin origin = {};
    char path[JSONL_PATH_MAX];
    EXPECT_FALSE(jsonl_path_expand(std::string(JSONL_PATH_MAX, 'a').c_str(), &origin, path));
}
