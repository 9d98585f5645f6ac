#include "exporter/serverlog/list_setting.h"

#include <algorithm>

#include "exporter/base/text.h"

namespace pgtls::serverlog {

bool ListsWord(std::string_view list, std::string_view word) {
  return std::ranges::any_of(SplitList(list, ','), [&](std::string_view one) {
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    return Lower(one) == word;
  });
}

bool LogsSessions(std::string_view log_connections) {
  constexpr std::string_view kWords[] = {"on", "true", "yes", "1", "all", "authorization"};
  return std::ranges::any_of(kWords, [&](std::string_view word) { return ListsWord(log_connections, word); });
}

}  // namespace pgtls::serverlog
