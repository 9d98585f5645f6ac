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

}  // namespace pgtls::db
