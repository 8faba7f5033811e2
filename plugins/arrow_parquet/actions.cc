// Checkpoints of Delta tables: JSON lines from and to Parquet, by Apache Arrow.
#include "parquet.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/json/api.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

namespace
{

using arrow::Status;

void AddText(std::string_view text, std::string *out)
{
    static const char digits[] = "0123456789abcdef";
    *out += '"';
    for (const char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        if (byte == '"' || byte == '\\') {
            *out += '\\';
            *out += byte;
        } else if (code < 0x20) {
            *out += "\\u00";
            *out += digits[code >> 4];
            *out += digits[code & 15];
        } else {
            *out += byte;
        }
    }
    *out += '"';
}

Status AddJson(const arrow::Array &array, int64_t at, std::string *out);

Status AddStruct(const arrow::StructArray &array, int64_t at, std::string *out)
{
    const char *before = "";
    *out += '{';
    for (int i = 0; i < array.num_fields(); i++) {
        const auto field = array.field(i);
        if (field->IsNull(at))
            continue;
        *out += before;
        AddText(array.struct_type()->field(i)->name(), out);
        *out += ':';
        ARROW_RETURN_NOT_OK(AddJson(*field, at, out));
        before = ",";
    }
    *out += '}';
    return Status::OK();
}

// A map's null values stay: they say that a partition's value is null.
Status AddMap(const arrow::MapArray &array, int64_t at, std::string *out)
{
    if (array.keys()->type_id() != arrow::Type::STRING)
        return Status::Invalid("a map whose keys are no texts");
    const auto &keys = static_cast<const arrow::StringArray &>(*array.keys());
    const char *before = "";
    *out += '{';
    for (int64_t i = array.value_offset(at); i < array.value_offset(at + 1); i++) {
        *out += before;
        AddText(keys.GetView(i), out);
        *out += ':';
        ARROW_RETURN_NOT_OK(AddJson(*array.items(), i, out));
        before = ",";
    }
    *out += '}';
    return Status::OK();
}

Status AddList(const arrow::ListArray &array, int64_t at, std::string *out)
{
    const char *before = "";
    *out += '[';
    for (int64_t i = array.value_offset(at); i < array.value_offset(at + 1); i++) {
        *out += before;
        ARROW_RETURN_NOT_OK(AddJson(*array.values(), i, out));
        before = ",";
    }
    *out += ']';
    return Status::OK();
}

Status AddJson(const arrow::Array &array, int64_t at, std::string *out)
{
    if (array.IsNull(at)) {
        *out += "null";
        return Status::OK();
    }
    switch (array.type_id()) {
    case arrow::Type::STRING:
        AddText(static_cast<const arrow::StringArray &>(array).GetView(at), out);
        return Status::OK();
    case arrow::Type::BOOL:
        *out += static_cast<const arrow::BooleanArray &>(array).Value(at) ? "true" : "false";
        return Status::OK();
    case arrow::Type::INT32:
        *out += std::to_string(static_cast<const arrow::Int32Array &>(array).Value(at));
        return Status::OK();
    case arrow::Type::INT64:
        *out += std::to_string(static_cast<const arrow::Int64Array &>(array).Value(at));
        return Status::OK();
    case arrow::Type::STRUCT:
        return AddStruct(static_cast<const arrow::StructArray &>(array), at, out);
    case arrow::Type::MAP:
        return AddMap(static_cast<const arrow::MapArray &>(array), at, out);
    case arrow::Type::LIST:
        return AddList(static_cast<const arrow::ListArray &>(array), at, out);
    default:
        *out += "null"; // parsed statistics of any type: the text beside them says the same
        return Status::OK();
    }
}

Status ReadJson(const void *file, size_t size, std::string *out)
{
    const auto buffer = arrow::Buffer::Wrap(static_cast<const uint8_t *>(file), size);
    ARROW_ASSIGN_OR_RAISE(
        auto reader, parquet::arrow::OpenFile(std::make_shared<arrow::io::BufferReader>(buffer),
                                              arrow::default_memory_pool()));
    ARROW_ASSIGN_OR_RAISE(auto whole, reader->ReadTable());
    ARROW_ASSIGN_OR_RAISE(auto batch, whole->CombineChunksToBatch());
    ARROW_ASSIGN_OR_RAISE(auto rows, batch->ToStructArray());
    for (int64_t i = 0; i < rows->length(); i++) {
        ARROW_RETURN_NOT_OK(AddStruct(*rows, i, out));
        *out += '\n';
    }
    return Status::OK();
}

std::shared_ptr<arrow::Field> Text(const char *name)
{
    return arrow::field(name, arrow::utf8());
}

std::shared_ptr<arrow::Field> Long(const char *name)
{
    return arrow::field(name, arrow::int64());
}

// Arrow parses no maps from JSON, but lists of their entries, which are laid out in the same way.
std::shared_ptr<arrow::DataType> MapType(bool entries)
{
    if (!entries)
        return arrow::map(arrow::utf8(), arrow::utf8());
    return arrow::list(arrow::struct_(
        {arrow::field("key", arrow::utf8(), false), arrow::field("value", arrow::utf8())}));
}

// The data with maps for lists of entries: only the names of types change.
std::shared_ptr<arrow::ArrayData> WithType(const arrow::ArrayData &data,
                                           const std::shared_ptr<arrow::DataType> &type)
{
    auto copy = data.Copy();
    copy->type = type;
    for (size_t i = 0; i < copy->child_data.size(); i++)
        copy->child_data[i] =
            WithType(*copy->child_data[i], type->field(static_cast<int>(i))->type());
    return copy;
}

// The columns of a checkpoint, as Delta's protocol names them.
std::shared_ptr<arrow::Schema> CheckpointSchema(bool entries)
{
    const auto map = MapType(entries);
    const auto texts = arrow::list(arrow::field("element", arrow::utf8()));
    const auto truth = arrow::field("dataChange", arrow::boolean());
    return arrow::schema(
        {arrow::field("txn", arrow::struct_({Text("appId"), Long("version"), Long("lastUpdated")})),
         arrow::field("add", arrow::struct_({Text("path"), arrow::field("partitionValues", map),
                                             Long("size"), Long("modificationTime"), truth,
                                             Text("stats"), arrow::field("tags", map)})),
         arrow::field("remove",
                      arrow::struct_({Text("path"), Long("deletionTimestamp"), truth,
                                      arrow::field("extendedFileMetadata", arrow::boolean()),
                                      arrow::field("partitionValues", map), Long("size"),
                                      arrow::field("tags", map)})),
         arrow::field(
             "metaData",
             arrow::struct_({Text("id"), Text("name"), Text("description"),
                             arrow::field("format", arrow::struct_({Text("provider"),
                                                                    arrow::field("options", map)})),
                             Text("schemaString"), arrow::field("partitionColumns", texts),
                             arrow::field("configuration", map), Long("createdTime")})),
         arrow::field("protocol",
                      arrow::struct_({arrow::field("minReaderVersion", arrow::int32()),
                                      arrow::field("minWriterVersion", arrow::int32())}))});
}

Status WriteCheckpoint(const char *lines, size_t size, std::shared_ptr<arrow::Buffer> *file)
{
    auto parse = arrow::json::ParseOptions::Defaults();
    auto read = arrow::json::ReadOptions::Defaults();
    parse.explicit_schema = CheckpointSchema(true);
    parse.unexpected_field_behavior = arrow::json::UnexpectedFieldBehavior::Ignore;
    read.use_threads = false;
    read.block_size = static_cast<int32_t>(size < (1u << 30) ? size + 1 : 1u << 30);
    const auto buffer = arrow::Buffer::Wrap(lines, size);
    ARROW_ASSIGN_OR_RAISE(auto reader,
                          arrow::json::TableReader::Make(
                              arrow::default_memory_pool(),
                              std::make_shared<arrow::io::BufferReader>(buffer), read, parse));
    ARROW_ASSIGN_OR_RAISE(auto parsed, reader->Read());
    ARROW_ASSIGN_OR_RAISE(auto batch, parsed->CombineChunksToBatch());
    const auto schema = CheckpointSchema(false);
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (int i = 0; i < schema->num_fields(); i++)
        columns.push_back(
            arrow::MakeArray(WithType(*batch->column_data(i), schema->field(i)->type())));
    const auto table = arrow::Table::Make(schema, columns, batch->num_rows());
    parquet::WriterProperties::Builder properties;
    properties.compression(parquet::Compression::SNAPPY);
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
    ARROW_RETURN_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink,
                                                   1 << 20, properties.build()));
    return sink->Finish().Value(file);
}

int Answer(const Status &status, char *ret_problem)
{
    if (!status.ok())
        (void)std::snprintf(ret_problem, 256, "checkpoint: %s", status.message().c_str());
    return status.ok() ? 1 : 0;
}

int Give(const Status &status, const void *data, size_t size, arrow_parquet_take take, void *user,
         char *ret_problem)
{
    if (!status.ok())
        return Answer(status, ret_problem);
    return Answer(take(user, data, size) == 1 ? Status::OK() : Status::OutOfMemory("out of memory"),
                  ret_problem);
}

} // namespace

int arrow_parquet_read_json(const void *file, size_t size, arrow_parquet_take take, void *user,
                            char ret_problem[256])
{
    try {
        std::string lines;
        const Status status = ReadJson(file, size, &lines);
        return Give(status, lines.data(), lines.size(), take, user, ret_problem);
    } catch (const std::exception &error) {
        return Answer(Status::IOError(error.what()), ret_problem);
    }
}

int arrow_parquet_write_checkpoint(const char *lines, size_t size, arrow_parquet_take take,
                                   void *user, char ret_problem[256])
{
    try {
        std::shared_ptr<arrow::Buffer> file;
        const Status status = WriteCheckpoint(lines, size, &file);
        return Give(status, file ? file->data() : nullptr,
                    file ? static_cast<size_t>(file->size()) : 0, take, user, ret_problem);
    } catch (const std::exception &error) {
        return Answer(Status::IOError(error.what()), ret_problem);
    }
}
