// The rows of a query, with typed reads that tell NULL from a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/db/pq_handle.h"

namespace pgtls::db {

// Text-format rows. A read of the wrong type, row or column throws Error (kError): the query and its reader disagree.
class Result {
 public:
  explicit Result(ResultHandle result)
      : result_(std::move(result)), rows_(PQntuples(result_.get())), columns_(PQnfields(result_.get())) {}

  // Rows made by hand, for tests of readers: no server, the same class.
  static Result FromRows(const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::optional<std::string>>>& rows);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  // The position of a column; throws where there is none of that name.
  int Column(const char* name) const;

  // nullopt: NULL. The view lives as long as the Result.
  std::optional<std::string_view> Text(int row, int column) const {
    if (row < 0 || row >= rows_ || column < 0 || column >= columns_) ThrowNoCell(row, column);
    // A NULL's length is 0 too; asked in this order, most cells cost two calls.
    const int length = PQgetlength(result_.get(), row, column);
    if (length == 0 && PQgetisnull(result_.get(), row, column) != 0) return std::nullopt;
    return std::string_view(PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(length));
  }
  // All rows, or all of them but the cells of one column: what only tells the time. Each cell with its length and
  // whether it is NULL, so that different rows never make the same digest.
  void DigestRows(Digester& digester, int without_column = -1) const;
  std::optional<std::int64_t> Int(int row, int column) const;
  std::optional<double> Double(int row, int column) const;
  std::optional<bool> Bool(int row, int column) const;
  // The same, of what the query never makes NULL: a NULL throws Error (kError) that names the column.
  std::string_view RequireText(int row, int column) const { return Required(Text(row, column), column); }
  std::int64_t RequireInt(int row, int column) const { return Required(Int(row, column), column); }
  double RequireDouble(int row, int column) const { return Required(Double(row, column), column); }
  bool RequireBool(int row, int column) const { return Required(Bool(row, column), column); }
  // bytea in hex output format ("\x…").
  std::optional<std::string> Bytes(int row, int column) const;

 private:
  template <typename T>
  T Required(std::optional<T> value, int column) const {
    if (!value) ThrowNull(column);
    return *std::move(value);
  }
  [[noreturn]] static void ThrowNoCell(int row, int column);
  [[noreturn]] void ThrowNull(int column) const;
  [[noreturn]] void ThrowUnexpected(std::string_view text, int column, const char* expected) const;

  ResultHandle result_;
  int rows_;
  int columns_;
};

}  // namespace pgtls::db
