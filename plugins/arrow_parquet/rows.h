// Rows of cells on their way into a Parquet file; for the files of this library alone.
#ifndef ARROW_PARQUET_ROWS_H
#define ARROW_PARQUET_ROWS_H

#include <memory>
#include <vector>

#include <arrow/api.h>
#include <parquet/arrow/writer.h>

#include "parquet.h"

namespace arrow_parquet
{

using Builders = std::vector<std::unique_ptr<arrow::ArrayBuilder>>;

class RowWriter
{
  public:
    arrow::Status Open(const arrow_parquet_column *columns, size_t count, const char *compression,
                       std::shared_ptr<arrow::io::OutputStream> sink);
    // What is added from here on is a row group of its own.
    arrow::Status BeginGroup();
    arrow::Status Add(const arrow_parquet_rows &rows);
    arrow::Status Close();

  private:
    std::vector<arrow_parquet_column> columns_; // their names are in the schema alone
    std::shared_ptr<arrow::Schema> schema_;
    Builders builders_;
    std::unique_ptr<parquet::arrow::FileWriter> writer_;
};

// 1, or 0 and a sentence.
int Answer(const arrow::Status &status, char *ret_problem);

} // namespace arrow_parquet

#endif
