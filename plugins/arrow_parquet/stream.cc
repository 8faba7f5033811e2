// Parquet files that leave memory a row group at a time.
#include "rows.h"

#include <cstdio>
#include <new>

#include <arrow/io/interfaces.h>

namespace
{

using arrow::Status;

// Hands on what is written to it.
class TakeStream : public arrow::io::OutputStream
{
  public:
    TakeStream(arrow_parquet_take take, void *user) : take_(take), user_(user)
    {
    }

    Status Close() override
    {
        closed_ = true;
        return Status::OK();
    }

    bool closed() const override
    {
        return closed_;
    }

    arrow::Result<int64_t> Tell() const override
    {
        return size_;
    }

    // A file that is given up is closed by its destructor, which writes an end: nobody takes that.
    void Refuse()
    {
        take_ = nullptr;
    }

    Status Write(const void *data, int64_t size) override
    {
        if (!take_ || take_(user_, data, static_cast<size_t>(size)) != 1)
            return Status::IOError("the file takes no more");
        size_ += size;
        return Status::OK();
    }

    using arrow::io::OutputStream::Write;

  private:
    arrow_parquet_take take_;
    void *user_;
    int64_t size_ = 0;
    bool closed_ = false;
};

// Arrow's own code may throw; C must not see it.
template <typename Work> int Guard(char *ret_problem, Work work)
{
    try {
        return arrow_parquet::Answer(work(), ret_problem);
    } catch (const std::exception &error) {
        (void)std::snprintf(ret_problem, 256, "Parquet: %s", error.what());
        return 0;
    }
}

} // namespace

struct arrow_parquet_file {
    std::shared_ptr<TakeStream> stream;
    arrow_parquet::RowWriter writer;
};

arrow_parquet_file *arrow_parquet_open(const arrow_parquet_column *columns, size_t count,
                                       const char *compression, arrow_parquet_take take, void *user,
                                       char ret_problem[256])
{
    std::unique_ptr<arrow_parquet_file> file;
    const int good = Guard(ret_problem, [&] {
        file = std::make_unique<arrow_parquet_file>();
        file->stream = std::make_shared<TakeStream>(take, user);
        return file->writer.Open(columns, count, compression, file->stream);
    });
    if (!good)
        arrow_parquet_free(file.release());
    return good ? file.release() : nullptr;
}

int arrow_parquet_add(arrow_parquet_file *file, const arrow_parquet_rows *rows,
                      char ret_problem[256])
{
    return Guard(ret_problem, [&] {
        ARROW_RETURN_NOT_OK(file->writer.BeginGroup());
        return file->writer.Add(*rows);
    });
}

int arrow_parquet_end(arrow_parquet_file *file, char ret_problem[256])
{
    return Guard(ret_problem, [&] { return file->writer.Close(); });
}

void arrow_parquet_free(arrow_parquet_file *file)
{
    char ignored[256];
    if (!file)
        return;
    if (file->stream)
        file->stream->Refuse();
    (void)Guard(ignored, [&] { // without an end there is nothing to say
        delete file;
        return Status::OK();
    });
}
