/* What the tests of the event layer share. */
#ifndef EVENT_SUPPORT_H
#define EVENT_SUPPORT_H

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

extern "C" {
#include "oracle.h"
}

/* A text in memory of exactly its size, so that a sanitizer sees any byte read beyond it. */
class ExactText
{
  public:
    explicit ExactText(const std::string &text)
        : size_(text.size()), data_(new char[text.size() ? text.size() : 1])
    {
        memcpy(data_.get(), text.data(), text.size());
    }
    const char *data() const
    {
        return data_.get();
    }
    size_t size() const
    {
        return size_;
    }

  private:
    size_t size_;
    std::unique_ptr<char[]> data_;
};

/* A parser with its last outcome. */
class Parser
{
  public:
    explicit Parser(const bb_limits *limits = nullptr) : parser_(bb_parser_new(limits))
    {
    }
    ~Parser()
    {
        bb_parser_free(parser_);
    }
    Parser(const Parser &) = delete;
    Parser &operator=(const Parser &) = delete;

    bool parse(const std::string &text)
    {
        text_ = std::make_unique<ExactText>(text);
        error = bb_parse_error{0, 0, 0, nullptr};
        return bb_parse(parser_, text_->data(), text_->size(), &tape, &error);
    }
    /* The reason of the refusal, or "" when it was accepted. */
    std::string refusal(const std::string &text)
    {
        return parse(text) ? "" : error.reason;
    }
    const char *text() const
    {
        return text_->data();
    }
    bb_parser *get()
    {
        return parser_;
    }

    bb_tape tape = {nullptr, 0};
    bb_parse_error error = {0, 0, 0, nullptr};

  private:
    bb_parser *parser_;
    std::unique_ptr<ExactText> text_;
};

inline busbar_bytes Bytes(const std::string &text)
{
    return busbar_bytes{text.data(), text.size()};
}

inline std::string Text(busbar_bytes bytes)
{
    return bytes.data ? std::string(bytes.data, bytes.size) : "(none)";
}

struct SuiteFile {
    std::string name;
    std::string text;
};

/* The files of the public JSON parsing suite; none where it is not there. */
inline std::vector<SuiteFile> LoadSuite()
{
    const char *folder = getenv("BUSBAR_SUITES");
    std::filesystem::path path =
        folder ? std::filesystem::path(folder)
               : std::filesystem::path(BB_SOURCE_DIR).parent_path() / "shared" / "suites";
    std::vector<SuiteFile> files;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(path / "json-parsing", ignored)) {
        std::ifstream in(entry.path(), std::ios::binary);
        std::stringstream content;
        content << in.rdbuf();
        files.push_back({entry.path().filename().string(), content.str()});
    }
    std::sort(files.begin(), files.end(),
              [](const SuiteFile &a, const SuiteFile &b) { return a.name < b.name; });
    return files;
}

/* Deterministic numbers (xorshift). */
class Random
{
  public:
    explicit Random(uint64_t seed) : state_(seed)
    {
    }
    uint64_t next()
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    size_t below(size_t limit)
    {
        return limit ? next() % limit : 0;
    }

  private:
    uint64_t state_;
};

#endif
