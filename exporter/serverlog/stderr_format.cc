#include "exporter/serverlog/stderr_format.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "exporter/base/text.h"

namespace pgtls::serverlog {
namespace {

constexpr std::array<std::string_view, 13> kSeverities = {"LOG",    "FATAL",  "ERROR",  "WARNING", "NOTICE",
                                                          "INFO",   "DEBUG",  "DEBUG1", "DEBUG2",  "DEBUG3",
                                                          "DEBUG4", "DEBUG5", "PANIC"};
constexpr std::array<std::string_view, 7> kFurther = {"DETAIL",    "HINT",     "CONTEXT",  "QUERY",
                                                      "STATEMENT", "LOCATION", "BACKTRACE"};
constexpr std::string_view kAfterTag = ":  ";

struct Tag {
  std::size_t begin = std::string_view::npos;
  std::string_view word;
  bool is_severity = false;
};

std::optional<std::string_view> WordAtEnd(std::string_view text, std::span<const std::string_view> words) {
  const auto found = std::ranges::find_if(words, [&](std::string_view word) { return text.ends_with(word); });
  return found == words.end() ? std::nullopt : std::optional(*found);
}

// The leftmost one: what follows it is the message, and may hold anything.
std::optional<Tag> FirstTag(std::string_view line) {
  for (auto at = line.find(kAfterTag); at != std::string_view::npos; at = line.find(kAfterTag, at + 1)) {
    const std::string_view before = line.substr(0, at);
    if (const auto word = WordAtEnd(before, kSeverities)) return Tag{at - word->size(), *word, true};
    if (const auto word = WordAtEnd(before, kFurther)) return Tag{at - word->size(), *word, false};
  }
  return std::nullopt;
}

std::string_view AfterTag(std::string_view line, const Tag& tag) {
  return line.substr(tag.begin + tag.word.size() + kAfterTag.size());
}

void ReadFurtherLines(std::span<const std::string_view> lines, Record& record) {
  std::string* text = &record.message;  // what a line that begins with a tab continues; null: nothing that is read
  for (const std::string_view line : lines) {
    if (line.starts_with('\t')) {
      if (text != nullptr) text->append("\n").append(line.substr(1));
      continue;
    }
    text = nullptr;
    const auto tag = FirstTag(line);
    if (!tag || tag->word == "LOCATION" || tag->word == "BACKTRACE") continue;
    if (tag->word == "DETAIL") {
      record.detail = AfterTag(line, *tag);
      text = &record.detail;
    } else if (tag->word == "HINT") {
      record.has_hint = true;
    } else {
      record.has_context = true;
    }
  }
}

// With log_error_verbosity = verbose, "LOG:  00000: connection received: …".
std::string_view WithoutSqlState(std::string_view message) {
  constexpr std::size_t kSize = 5;
  if (message.size() < kSize + 2 || message.substr(kSize, 2) != ": ") return message;
  const bool is_state = std::ranges::all_of(message.substr(0, kSize),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  return is_state ? message.substr(kSize + 2) : message;
}

// Whether what follows a severity anywhere in the text would be a connection's message.
bool HidesRecord(std::string_view text) {
  for (const std::string_view severity : {"LOG:  ", "FATAL:  "}) {
    for (auto at = text.find(severity); at != std::string_view::npos; at = text.find(severity, at + 1)) {
      if (BeginsConnectionMessage(WithoutSqlState(text.substr(at + severity.size())))) return true;
    }
  }
  return false;
}

}  // namespace

LineKind KindOf(std::string_view line) {
  if (line.starts_with('\t')) return LineKind::kContinuation;
  const auto tag = FirstTag(line);
  if (!tag) return LineKind::kOther;
  return tag->is_severity ? LineKind::kRecord : LineKind::kContinuation;
}

StderrRecord ParseStderr(std::string_view raw, const LinePrefix& prefix) {
  if (raw.ends_with('\n')) raw.remove_suffix(1);
  const std::string_view first = raw.substr(0, raw.find('\n'));
  const auto tag = FirstTag(first);
  Record record;
  const bool readable = tag && prefix.Read(first.substr(0, tag->begin), record);
  // Names are written into a prefix as they are: with a newline and a tab, or with a word such as DETAIL, the line of
  // another record seems to continue this one.
  const bool forgeable = !readable || prefix.has_names();
  if (!tag || !tag->is_severity) return {.record = {}, .ambiguous = forgeable && HidesRecord(raw)};
  const std::string_view message = WithoutSqlState(AfterTag(first, *tag));
  const bool is_connection = BeginsConnectionMessage(message);
  if (!message.empty() && !is_connection)
    return {.record = {}, .ambiguous = forgeable && HidesRecord(AfterTag(raw, *tag))};
  // A name before the severity looks like one, or a name after it.
  if (forgeable && FirstTag(message)) return {.record = {}, .ambiguous = true};

  if (!readable) record = Record();
  record.doubtful = !readable;
  record.severity = tag->word;
  record.message = message;
  const std::string_view further = raw.substr(first.size());
  const std::vector<std::string_view> lines = SplitList(further, '\n');
  ReadFurtherLines(std::span(lines).subspan(1), record);
  return {.record = std::move(record), .ambiguous = forgeable && HidesRecord(further)};
}

}  // namespace pgtls::serverlog
