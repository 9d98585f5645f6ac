#include "exporter/serverlog/csv_format.h"

#include <charconv>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace pgtls::serverlog {
namespace {

// The columns that are read, as in the table of the documentation ("Using CSV-Format Log Output").
enum Column : std::size_t {
  kTime = 0,
  kUser = 1,
  kDatabase = 2,
  kPid = 3,
  kFrom = 4,
  kSessionId = 5,
  kCommandTag = 7,
  kSeverity = 11,
  kMessage = 13,
  kDetail = 14,
  kHint = 15,
  kInternalQuery = 16,
  kContext = 18,
  kQuery = 19,
  kLeast = 23,  // 12 and earlier had as many columns
};

std::vector<std::string> Fields(std::string_view raw) {
  std::vector<std::string> fields;
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = raw[i];
    if (c == '"' && quoted && i + 1 < raw.size() && raw[i + 1] == '"') {
      field += raw[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.push_back(std::exchange(field, {}));
    } else {
      field += c;
    }
  }
  fields.push_back(std::move(field));
  return fields;
}

}  // namespace

std::optional<Record> ParseCsv(std::string_view raw) {
  std::vector<std::string> fields = Fields(raw);
  if (fields.size() < kLeast) return std::nullopt;
  Record record;
  record.time = ParseLogTime(fields[kTime]);
  if (!record.time) return std::nullopt;
  ReadSessionId(fields[kSessionId], record);
  const std::string& pid = fields[kPid];
  std::from_chars(pid.data(), pid.data() + pid.size(), record.pid);
  record.user = std::move(fields[kUser]);
  record.database = std::move(fields[kDatabase]);
  ReadConnectionFrom(fields[kFrom], record);
  record.command_tag = std::move(fields[kCommandTag]);
  record.severity = std::move(fields[kSeverity]);
  record.message = std::move(fields[kMessage]);
  record.detail = std::move(fields[kDetail]);
  record.has_hint = !fields[kHint].empty();
  record.has_context = !fields[kContext].empty() || !fields[kQuery].empty() || !fields[kInternalQuery].empty();
  return record;
}

}  // namespace pgtls::serverlog
