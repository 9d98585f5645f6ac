#include "exporter/db/keywords.h"

#include <map>

#include "exporter/db/pq_handle.h"

namespace pgtls::db {

namespace {

using Values = std::map<std::string, std::string>;

Values ValuesOf(const std::string& conninfo) {
  Values values;
  const ConninfoHandle parsed(PQconninfoParse(conninfo.c_str(), nullptr));
  for (const PQconninfoOption* option = parsed.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val != nullptr) values[option->keyword] = option->val;
  }
  return values;
}

}  // namespace

std::set<std::string> Keywords(const std::string& conninfo) {
  std::set<std::string> keywords;
  for (const auto& [keyword, value] : ValuesOf(conninfo)) keywords.insert(keyword);
  return keywords;
}

std::string OwnValue(const std::string& conninfo, std::string_view keyword) {
  const ConninfoHandle parsed(PQconninfoParse(conninfo.c_str(), nullptr));
  return std::string(ValueOf(parsed.get(), keyword));
}

std::string_view ValueOf(const PQconninfoOption* options, std::string_view keyword) {
  for (; options != nullptr && options->keyword != nullptr; ++options) {
    if (options->keyword == keyword && options->val != nullptr) return options->val;
  }
  return "";
}

std::string Overlay(const std::string& conninfo, const std::string& over) {
  Values values = ValuesOf(conninfo);
  const Values first = ValuesOf(over);
  // Set to nothing, it is not looked up elsewhere.
  if (first.contains("host")) values["hostaddr"] = "";
  for (const auto& [keyword, value] : first) values[keyword] = value;
  std::string text;
  for (const auto& [keyword, value] : values) {
    text += (text.empty() ? "" : " ") + keyword + "='";
    for (const char c : value) {
      if (c == '\\' || c == '\'') text += '\\';
      text += c;
    }
    text += "'";
  }
  return text;
}

}  // namespace pgtls::db
