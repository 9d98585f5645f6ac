#include "exporter/db/result.h"

#include <fmt/format.h>

#include <charconv>

#include "exporter/base/digest.h"
#include "exporter/base/error.h"

namespace pgtls::db {
namespace {

template <typename T>
bool Parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Result Result::FromRows(const std::vector<std::string>& columns,
                        const std::vector<std::vector<std::optional<std::string>>>& rows) {
  ResultHandle result(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
  std::vector<PGresAttDesc> attributes;
  for (const auto& column : columns) {
    attributes.push_back({const_cast<char*>(column.c_str()), 0, 0, 0, 25, -1, -1});  // NOLINT: libpq copies the name
  }
  PQsetResultAttrs(result.get(), static_cast<int>(attributes.size()), attributes.data());
  for (int r = 0; r < static_cast<int>(rows.size()); ++r) {
    const auto& row = rows[static_cast<std::size_t>(r)];
    for (int c = 0; c < static_cast<int>(row.size()); ++c) {
      const auto& value = row[static_cast<std::size_t>(c)];
      std::string copy = value.value_or("");
      PQsetvalue(result.get(), r, c, value ? copy.data() : nullptr, value ? static_cast<int>(copy.size()) : -1);
    }
  }
  return Result(std::move(result));
}

int Result::Column(const char* name) const {
  const auto column = FindColumn(name);
  if (!column) throw Error(FailureReason::kError, fmt::format("no column {} in the result", name));
  return *column;
}

std::optional<int> Result::FindColumn(const char* name) const {
  const int column = PQfnumber(result_.get(), name);
  return column < 0 ? std::nullopt : std::optional(column);
}

void Result::ThrowNoCell(int row, int column) {
  throw Error(FailureReason::kError, fmt::format("no row {} column {} in the result", row, column));
}

void Result::ThrowNull(int column) const {
  throw Error(FailureReason::kError, fmt::format("the server sent NULL in column {}", PQfname(result_.get(), column)));
}

void Result::ThrowUnexpected(std::string_view text, int column, const char* expected) const {
  throw Error(FailureReason::kError, fmt::format("the server sent '{}' in column {} where {} was expected", text,
                                                 PQfname(result_.get(), column), expected));
}

void Result::DigestRows(Digester& digester, int without_column) const {
  digester.Number(rows_);
  for (int row = 0; row < rows_; ++row) {
    for (int column = 0; column < columns_; ++column) {
      if (column == without_column) continue;
      const auto text = Text(row, column);
      // NULL is no text that a value could have.
      digester.Number(text ? static_cast<std::int64_t>(text->size()) : -1);
      if (text) digester.Bytes(*text);
    }
  }
}

std::optional<std::int64_t> Result::Int(int row, int column) const {
  const auto text = Text(row, column);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  if (!Parse(*text, value)) ThrowUnexpected(*text, column, "an integer");
  return value;
}

std::optional<double> Result::Double(int row, int column) const {
  const auto text = Text(row, column);
  if (!text) return std::nullopt;
  double value = 0;
  if (!Parse(*text, value)) ThrowUnexpected(*text, column, "a number");
  return value;
}

std::optional<bool> Result::Bool(int row, int column) const {
  const auto text = Text(row, column);
  if (!text) return std::nullopt;
  if (*text == "t") return true;
  if (*text == "f") return false;
  ThrowUnexpected(*text, column, "a boolean");
}

std::optional<std::string> Result::Bytes(int row, int column) const {
  const auto text = Text(row, column);
  if (!text) return std::nullopt;
  std::size_t length = 0;
  // PQunescapeBytea wants a terminated string, which a value of a PGresult is.
  unsigned char* bytes = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text->data()), &length);
  if (bytes == nullptr) throw Error(FailureReason::kError, "the server sent bytes that cannot be read");
  std::string result(reinterpret_cast<const char*>(bytes), length);
  PQfreemem(bytes);
  return result;
}

}  // namespace pgtls::db
