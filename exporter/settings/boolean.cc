#include "exporter/settings/boolean.h"

#include <cstddef>
#include <string>

#include "exporter/base/text.h"

namespace pgtls::settings {

std::optional<bool> ParseBool(std::string_view text) {
  const std::string lower = Lower(text);
  const auto begins = [&](std::string_view word, std::size_t least) {
    return lower.size() >= least && word.starts_with(lower);
  };
  if (begins("true", 1) || begins("yes", 1) || lower == "on" || lower == "1") return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || lower == "0") return false;
  return std::nullopt;
}

}  // namespace pgtls::settings
