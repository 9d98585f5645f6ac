#include "exporter/db/keywords.h"

#include "exporter/db/pq_handle.h"

namespace pgtls::db {

std::set<std::string> Keywords(const std::string& conninfo) {
  std::set<std::string> keywords;
  const ConninfoHandle parsed(PQconninfoParse(conninfo.c_str(), nullptr));
  for (const PQconninfoOption* option = parsed.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val != nullptr) keywords.insert(option->keyword);
  }
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

}  // namespace pgtls::db
