#include "exporter/serverlog/json_format.h"

#include <nlohmann/json.hpp>
#include <string>

#include "exporter/base/text.h"

namespace pgtls::serverlog {
namespace {

using nlohmann::json;

std::optional<std::string> Text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<int> Number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<int>();
}

}  // namespace

std::optional<Record> ParseJson(std::string_view line) {
  // The server writes names as the bytes that they are.
  const json object = json::parse(ValidUtf8(line), nullptr, false);
  if (!object.is_object()) return std::nullopt;
  Record record;
  record.time = ParseLogTime(Text(object, "timestamp").value_or(""));
  if (!record.time) return std::nullopt;
  ReadSessionId(Text(object, "session_id").value_or(""), record);
  if (const auto pid = Number(object, "pid")) record.pid = *pid;
  record.user = Text(object, "user").value_or("");
  record.database = Text(object, "dbname").value_or("");
  record.host = Text(object, "remote_host").value_or("");
  record.port = Number(object, "remote_port");
  record.command_tag = Text(object, "ps").value_or("");
  record.severity = Text(object, "error_severity").value_or("");
  record.message = Text(object, "message").value_or("");
  record.detail = Text(object, "detail").value_or("");
  record.has_hint = object.contains("hint");
  record.has_context = object.contains("context") || object.contains("statement") || object.contains("internal_query");
  return record;
}

}  // namespace pgtls::serverlog
