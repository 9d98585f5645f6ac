#include "exporter/db/data_source.h"

#include <algorithm>
#include <set>

#include "exporter/db/pq_handle.h"

namespace pgtls::db {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

bool IsUri(std::string_view text) { return text.starts_with("postgresql://") || text.starts_with("postgres://"); }

std::string_view Trimmed(std::string_view text, std::string_view also = "") {
  const std::string dropped = std::string(kBlanks) + std::string(also);
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(dropped) + 1);
}

const std::set<std::string, std::less<>>& KnownKeywords() {
  static const std::set<std::string, std::less<>> kKeywords = [] {
    std::set<std::string, std::less<>> keywords;
    const ConninfoHandle defaults(PQconndefaults());
    for (const PQconninfoOption* option = defaults.get(); option != nullptr && option->keyword != nullptr; ++option) {
      keywords.insert(option->keyword);
    }
    return keywords;
  }();
  return kKeywords;
}

// Whether a conninfo begins here, blanks aside.
bool BeginsConninfo(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  if (IsUri(text)) return true;
  const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (end == std::string_view::npos || !KnownKeywords().contains(text.substr(0, end))) return false;
  const std::size_t sign = text.find_first_not_of(kBlanks, end);
  return sign != std::string_view::npos && text[sign] == '=';
}

bool Separates(std::string_view text, std::size_t at) { return text[at] == ',' && BeginsConninfo(text.substr(at + 1)); }

// Each of these returns the end of the first conninfo in `text`: the comma that separates, or its size.
std::size_t EndOfUri(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (Separates(text, at)) return at;
  }
  return text.size();
}

// The rules of libpq (fe-connect.c, conninfo_parse): a quote counts only at the start of a value, and a backslash
// removes the meaning of the next character.
std::size_t EndOfKeywords(std::string_view text) {
  bool value = false;  // the next character that is not a blank begins a value
  for (std::size_t at = 0; at < text.size();) {
    if (Separates(text, at)) return at;
    if (value && text[at] == '\'') {
      for (++at; at < text.size() && text[at] != '\''; ++at) {
        if (text[at] == '\\') ++at;
      }
      value = false;
      ++at;
    } else if (text[at] == '=' && !value) {
      value = true;
      ++at;
    } else if (value && !kBlanks.contains(text[at])) {
      for (; at < text.size() && !kBlanks.contains(text[at]) && !Separates(text, at); ++at) {
        if (text[at] == '\\') ++at;
      }
      value = false;
    } else {
      ++at;
    }
  }
  return text.size();
}

}  // namespace

std::vector<std::string> SplitDataSources(std::string_view text) {
  std::vector<std::string> sources;
  for (std::string_view rest = Trimmed(text);;) {
    const std::size_t end = std::min(IsUri(rest) ? EndOfUri(rest) : EndOfKeywords(rest), rest.size());
    if (end == rest.size()) {
      sources.emplace_back(rest);
      return sources;
    }
    const std::string_view source = Trimmed(rest.substr(0, end), ",");
    if (!source.empty()) sources.emplace_back(source);
    rest = Trimmed(rest.substr(end + 1));
  }
}

}  // namespace pgtls::db
