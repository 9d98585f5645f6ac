// The rows of a query, with typed reads that distinguish NULL from a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/digest.h"
#include "exporter/db/pq_handle.h"

namespace pgtls::db {

// Rows in text format. Reading a wrong type, row or column throws Error (kError): query and reader do not match.
class Result {
 public:
  explicit Result(ResultHandle result)
      : result_(std::move(result)), rows_(PQntuples(result_.get())), columns_(PQnfields(result_.get())) {}

  // Makes rows without a server, for tests.
  static Result FromRows(const std::vector<std::string>& columns,
                         const std::vector<std::vector<std::optional<std::string>>>& rows);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  // Returns the position of a column; throws Error if there is no column of that name.
  int Column(const char* name) const;
  // nullopt: there is none.
  std::optional<int> FindColumn(const char* name) const;

  // nullopt: NULL. The view is valid as long as the Result.
  std::optional<std::string_view> Text(int row, int column) const {
    if (row < 0 || row >= rows_ || column < 0 || column >= columns_) ThrowNoCell(row, column);
    // The length of a NULL is 0, too; in this order, most cells cost two calls.
    const int length = PQgetlength(result_.get(), row, column);
    if (length == 0 && PQgetisnull(result_.get(), row, column) != 0) return std::nullopt;
    return std::string_view(PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(length));
  }
  // Adds all rows, without the cells of one column (which only has the time). Each cell is added with its length and
  // whether it is NULL, so that different rows never have the same digest.
  void DigestRows(Digester& digester, int without_column = -1) const;
  std::optional<std::int64_t> Int(int row, int column) const;
  std::optional<double> Double(int row, int column) const;
  std::optional<bool> Bool(int row, int column) const;
  // Like the above, for columns that are never NULL: a NULL throws Error (kError) that names the column.
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
