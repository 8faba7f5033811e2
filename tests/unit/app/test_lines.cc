// Reading lines: ends, the last line, lines that are too long.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" {
#include "app/lines.h"
}

namespace
{

struct Line {
    std::string text;
    guint64 number;
    bool too_long;
};

std::vector<Line> Read(const std::string &text)
{
    char *name = nullptr;
    int fd = g_file_open_tmp("busbar-lines-XXXXXX", &name, nullptr);
    size_t done = 0;
    while (done < text.size()) {
        ssize_t wrote = write(fd, text.data() + done, text.size() - done);
        if (wrote <= 0)
            break;
        done += static_cast<size_t>(wrote);
    }
    close(fd);
    GError *error = nullptr;
    std::vector<Line> found;
    bb_lines *lines = bb_lines_open(name, &error);
    bb_line line;
    while (lines && bb_lines_next(lines, &line, &error))
        found.push_back({std::string(line.text, line.size), line.number, line.too_long != 0});
    EXPECT_EQ(error, nullptr);
    bb_lines_free(lines);
    unlink(name);
    g_free(name);
    return found;
}

TEST(Lines, EndsOfAnyKind)
{
    auto lines = Read("a\nb\r\n\n\r\nlast");
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[0].text, "a");
    EXPECT_EQ(lines[1].text, "b");
    EXPECT_EQ(lines[2].text, "");
    EXPECT_EQ(lines[3].text, "");
    EXPECT_EQ(lines[4].text, "last");
    EXPECT_EQ(lines[4].number, 5u);
}

TEST(Lines, NothingIsNoLine)
{
    EXPECT_TRUE(Read("").empty());
    EXPECT_EQ(Read("\n").size(), 1u);
}

TEST(Lines, BytesOfAnyKindPass)
{
    auto lines = Read(std::string("a\0b\xff\n", 5));
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].text, std::string("a\0b\xff", 4));
}

// The longest line that is taken, one byte more, and what comes behind it.
TEST(Lines, LongLinesAreRefusedOneByOne)
{
    std::string longest(BB_LINES_MAX_BYTES, 'x'), more(BB_LINES_MAX_BYTES + 1, 'y');
    auto lines = Read(longest + "\n" + more + "\nnext\n" + more);
    ASSERT_EQ(lines.size(), 4u);
    EXPECT_FALSE(lines[0].too_long);
    EXPECT_EQ(lines[0].text.size(), longest.size());
    EXPECT_TRUE(lines[1].too_long);
    EXPECT_EQ(lines[1].text, std::string(256, 'y'));
    EXPECT_EQ(lines[2].text, "next");
    EXPECT_EQ(lines[2].number, 3u);
    EXPECT_TRUE(lines[3].too_long);
}

TEST(Lines, ManyLinesAcrossTheBuffer)
{
    std::string text;
    for (int i = 0; i < 50000; i++)
        text += "line " + std::to_string(i) + "\n";
    auto lines = Read(text);
    ASSERT_EQ(lines.size(), 50000u);
    EXPECT_EQ(lines[49999].text, "line 49999");
    EXPECT_EQ(lines[12345].text, "line 12345");
}

TEST(Lines, MissingFilesAndFoldersAreNamed)
{
    GError *error = nullptr;
    EXPECT_EQ(bb_lines_open("no/such/file", &error), nullptr);
    EXPECT_STREQ(error->message, "no/such/file: No such file or directory");
    g_clear_error(&error);
    EXPECT_EQ(bb_lines_open("/", &error), nullptr);
    EXPECT_NE(std::string(error->message).find("is a folder"), std::string::npos);
    g_clear_error(&error);
}

} // namespace
