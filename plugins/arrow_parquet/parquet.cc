// Rows as Parquet files in memory, written by Apache Arrow.
#include "rows.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <arrow/io/api.h>
#include <arrow/util/config.h>

namespace
{

using arrow::Status;

// The bytes of rows, read from front to back.
class Cells
{
  public:
    Cells(const void *data, size_t size) : at_(static_cast<const char *>(data)), end_(at_ + size)
    {
    }

    template <typename Number> Status Read(Number *number)
    {
        if (static_cast<size_t>(end_ - at_) < sizeof(*number))
            return Status::Invalid("a row ends early");
        std::memcpy(number, at_, sizeof(*number));
        at_ += sizeof(*number);
        return Status::OK();
    }

    Status ReadText(const char **text, uint32_t *size)
    {
        ARROW_RETURN_NOT_OK(Read(size));
        if (static_cast<size_t>(end_ - at_) < *size)
            return Status::Invalid("a row ends early");
        *text = at_;
        at_ += *size;
        return Status::OK();
    }

    bool AtEnd() const
    {
        return at_ == end_;
    }

  private:
    const char *at_;
    const char *end_;
};

std::shared_ptr<arrow::DataType> TypeOf(int32_t type)
{
    switch (type) {
    case ARROW_PARQUET_BOOL:
        return arrow::boolean();
    case ARROW_PARQUET_INT32:
        return arrow::int32();
    case ARROW_PARQUET_INT64:
        return arrow::int64();
    case ARROW_PARQUET_DOUBLE:
        return arrow::float64();
    case ARROW_PARQUET_TEXT:
        return arrow::utf8();
    case ARROW_PARQUET_DATE:
        return arrow::date32();
    case ARROW_PARQUET_INSTANT:
        return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case ARROW_PARQUET_BYTES:
        return arrow::binary();
    default:
        return nullptr;
    }
}

template <typename Builder, typename Number> Status AddNumber(Cells *cells, arrow::ArrayBuilder *to)
{
    Number number{};
    ARROW_RETURN_NOT_OK(cells->Read(&number));
    return static_cast<Builder *>(to)->Append(number);
}

Status AddText(Cells *cells, arrow::ArrayBuilder *to)
{
    const char *text = "";
    uint32_t size = 0;
    ARROW_RETURN_NOT_OK(cells->ReadText(&text, &size));
    return static_cast<arrow::BinaryBuilder *>(to)->Append(text, static_cast<int32_t>(size));
}

Status AddBool(Cells *cells, arrow::ArrayBuilder *to)
{
    uint8_t value = 0;
    ARROW_RETURN_NOT_OK(cells->Read(&value));
    return static_cast<arrow::BooleanBuilder *>(to)->Append(value != 0);
}

Status AddValue(int32_t type, Cells *cells, arrow::ArrayBuilder *to)
{
    uint8_t present = 0;
    ARROW_RETURN_NOT_OK(cells->Read(&present));
    if (!present)
        return to->AppendNull();
    switch (type) {
    case ARROW_PARQUET_BOOL:
        return AddBool(cells, to);
    case ARROW_PARQUET_INT32:
        return AddNumber<arrow::Int32Builder, int32_t>(cells, to);
    case ARROW_PARQUET_DATE:
        return AddNumber<arrow::Date32Builder, int32_t>(cells, to);
    case ARROW_PARQUET_INT64:
        return AddNumber<arrow::Int64Builder, int64_t>(cells, to);
    case ARROW_PARQUET_INSTANT:
        return AddNumber<arrow::TimestampBuilder, int64_t>(cells, to);
    case ARROW_PARQUET_DOUBLE:
        return AddNumber<arrow::DoubleBuilder, double>(cells, to);
    default:
        return AddText(cells, to);
    }
}

Status AddList(int32_t type, Cells *cells, arrow::ArrayBuilder *to)
{
    auto *list = static_cast<arrow::ListBuilder *>(to);
    uint8_t present = 0;
    uint32_t count = 0;
    ARROW_RETURN_NOT_OK(cells->Read(&present));
    if (!present)
        return list->AppendNull();
    ARROW_RETURN_NOT_OK(cells->Read(&count));
    ARROW_RETURN_NOT_OK(list->Append());
    for (uint32_t i = 0; i < count; i++)
        ARROW_RETURN_NOT_OK(AddValue(type, cells, list->value_builder()));
    return Status::OK();
}

using arrow_parquet::Builders;

Status MakeSchema(const arrow_parquet_column *columns, size_t count,
                  std::shared_ptr<arrow::Schema> *schema, Builders *builders)
{
    std::vector<std::shared_ptr<arrow::Field>> fields;
    for (size_t i = 0; i < count; i++) {
        auto type = TypeOf(columns[i].type);
        if (!type)
            return Status::Invalid("column ", columns[i].name, ": no such type");
        if (columns[i].is_list)
            type = arrow::list(arrow::field("element", type));
        fields.push_back(arrow::field(columns[i].name, type, columns[i].nullable != 0));
        std::unique_ptr<arrow::ArrayBuilder> builder;
        ARROW_RETURN_NOT_OK(arrow::MakeBuilder(arrow::default_memory_pool(), type, &builder));
        builders->push_back(std::move(builder));
    }
    *schema = arrow::schema(std::move(fields));
    return Status::OK();
}

// Rows that are made columns at a time: their memory is used again for the next ones.
constexpr uint64_t kBatchRows = 8192;
constexpr int64_t kGroupRows = 1 << 20;

Status FillBatch(const arrow_parquet_column *columns, const std::shared_ptr<arrow::Schema> &schema,
                 uint64_t rows, Cells *cells, Builders *builders,
                 std::shared_ptr<arrow::RecordBatch> *batch)
{
    const size_t count = builders->size();
    for (uint64_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < count; i++)
            ARROW_RETURN_NOT_OK(columns[i].is_list
                                    ? AddList(columns[i].type, cells, (*builders)[i].get())
                                    : AddValue(columns[i].type, cells, (*builders)[i].get()));
    }
    std::vector<std::shared_ptr<arrow::Array>> arrays(count);
    for (size_t i = 0; i < count; i++)
        ARROW_RETURN_NOT_OK((*builders)[i]->Finish(&arrays[i]));
    *batch = arrow::RecordBatch::Make(schema, static_cast<int64_t>(rows), std::move(arrays));
    return Status::OK();
}

Status CompressionOf(const std::string &name, parquet::Compression::type *type)
{
    if (name == "zstd")
        *type = parquet::Compression::ZSTD;
    else if (name == "snappy")
        *type = parquet::Compression::SNAPPY;
    else if (name == "gzip")
        *type = parquet::Compression::GZIP;
    else if (name == "none")
        *type = parquet::Compression::UNCOMPRESSED;
    else
        return Status::Invalid("no such compression: ", name);
    return Status::OK();
}

} // namespace

namespace arrow_parquet
{

Status RowWriter::Open(const arrow_parquet_column *columns, size_t count, const char *compression,
                       std::shared_ptr<arrow::io::OutputStream> sink)
{
    parquet::Compression::type type = parquet::Compression::UNCOMPRESSED;
    columns_.assign(columns, columns + count);
    ARROW_RETURN_NOT_OK(MakeSchema(columns, count, &schema_, &builders_));
    ARROW_RETURN_NOT_OK(CompressionOf(compression, &type));
    parquet::WriterProperties::Builder properties;
    properties.compression(type)
        ->max_row_group_length(kGroupRows)
        ->created_by("busbar with Arrow C++ " ARROW_VERSION_STRING);
    ARROW_ASSIGN_OR_RAISE(writer_,
                          parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(),
                                                           std::move(sink), properties.build()));
    return Status::OK();
}

Status RowWriter::BeginGroup()
{
    return writer_->NewBufferedRowGroup();
}

Status RowWriter::Add(const arrow_parquet_rows &rows)
{
    Cells cells(rows.data, rows.size);
    for (uint64_t done = 0; done < rows.count;) {
        std::shared_ptr<arrow::RecordBatch> batch;
        const uint64_t part = std::min(kBatchRows, rows.count - done);
        ARROW_RETURN_NOT_OK(FillBatch(columns_.data(), schema_, part, &cells, &builders_, &batch));
        ARROW_RETURN_NOT_OK(writer_->WriteRecordBatch(*batch));
        done += part;
    }
    return cells.AtEnd() ? Status::OK() : Status::Invalid("there is more than the rows");
}

Status RowWriter::Close()
{
    return writer_->Close();
}

int Answer(const Status &status, char *ret_problem)
{
    if (!status.ok())
        (void)std::snprintf(ret_problem, 256, "Parquet: %s", status.message().c_str());
    return status.ok() ? 1 : 0;
}

} // namespace arrow_parquet

namespace
{

Status Write(const arrow_parquet_column *columns, size_t count, const arrow_parquet_rows *rows,
             const char *compression, arrow_parquet_take take, void *user)
{
    arrow_parquet::RowWriter writer;
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
    ARROW_RETURN_NOT_OK(writer.Open(columns, count, compression, sink));
    ARROW_RETURN_NOT_OK(writer.Add(*rows));
    ARROW_RETURN_NOT_OK(writer.Close());
    ARROW_ASSIGN_OR_RAISE(auto file, sink->Finish());
    if (take(user, file->data(), static_cast<size_t>(file->size())) != 1)
        return Status::OutOfMemory("out of memory");
    return Status::OK();
}

} // namespace

int arrow_parquet_write(const arrow_parquet_column *columns, size_t count,
                        const arrow_parquet_rows *rows, const char *compression,
                        arrow_parquet_take take, void *user, char ret_problem[256])
{
    try {
        return arrow_parquet::Answer(Write(columns, count, rows, compression, take, user),
                                     ret_problem);
    } catch (const std::exception &error) {
        (void)std::snprintf(ret_problem, 256, "Parquet: %s", error.what());
        return 0;
    }
}

const char *arrow_parquet_version(void)
{
    static const std::string version = arrow::GetBuildInfo().version_string;
    return version.c_str();
}
