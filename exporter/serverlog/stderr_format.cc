#include "exporter/serverlog/stderr_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "exporter/base/text.h"

namespace pgtls::serverlog {
namespace {

constexpr std::array<std::string_view, 12> kSeverities = {"LOG",    "FATAL",  "ERROR",  "WARNING", "NOTICE", "INFO",
                                                          "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4",  "DEBUG5", "PANIC"};
constexpr std::array<std::string_view, 7> kFurther = {"DETAIL",    "HINT",     "CONTEXT",  "QUERY",
                                                      "STATEMENT", "LOCATION", "BACKTRACE"};
constexpr std::string_view kAfterTag = ":  ";
// Of the server's names; longer texts before the severity are no prefix.
constexpr std::size_t kLongestPrefix = 2000;

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
    if (!tag || tag->word == "HINT" || tag->word == "LOCATION" || tag->word == "BACKTRACE") continue;
    if (tag->word == "DETAIL") {
      record.detail = AfterTag(line, *tag);
      text = &record.detail;
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

// Whether the line's message, after another severity than the leftmost, would be a connection's.
bool HidesRecord(std::string_view message) {
  for (const std::string_view severity : {"LOG:  ", "FATAL:  "}) {
    for (auto at = message.find(severity); at != std::string_view::npos; at = message.find(severity, at + 1)) {
      if (BeginsConnectionMessage(WithoutSqlState(message.substr(at + severity.size())))) return true;
    }
  }
  return false;
}

std::string PatternOf(char escape) {
  switch (escape) {
    case 'm':
    case 't':
    case 's':
      return R"((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [^ ]+))";
    case 'n':
      return R"((\d+\.\d{3}))";
    case 'p':
    case 'l':
    case 'x':
      return R"((\d+))";
    case 'c':
      return R"(([0-9a-f]+\.[0-9a-f]+))";
    default:
      return R"(([\s\S]*?))";
  }
}

void AppendLiteral(char c, std::string& pattern) {
  if (std::string_view(R"(\^$.|?*+()[]{}/)").contains(c)) pattern += '\\';
  pattern += c;
}

void Set(char escape, std::string text, Record& record) {
  switch (escape) {
    case 'm':
    case 't':
      record.time = ParseLogTime(text);
      break;
    case 'n': {
      const auto dot = text.find('.');
      std::int64_t milliseconds = 0;
      text.erase(dot, 1);
      std::from_chars(text.data(), text.data() + text.size(), milliseconds);
      record.epoch = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(milliseconds));
      break;
    }
    case 'p':
      std::from_chars(text.data(), text.data() + text.size(), record.pid);
      break;
    case 'c':
      ReadSessionId(text, record);
      break;
    case 'u':
      record.user = std::move(text);
      break;
    case 'd':
      record.database = std::move(text);
      break;
    case 'h':
      record.host = std::move(text);
      break;
    case 'r':
      // "127.0.0.1(56136)"
      if (const auto open = text.rfind('('); text.ends_with(')') && open != std::string::npos) {
        ReadConnectionFrom(text.substr(0, open) + ":" + text.substr(open + 1, text.size() - open - 2), record);
      } else {
        record.host = std::move(text);
      }
      break;
    default:
      break;
  }
}

}  // namespace

LinePrefix::LinePrefix(std::string_view log_line_prefix) {
  std::string pattern;
  for (std::size_t i = 0; i < log_line_prefix.size(); ++i) {
    if (log_line_prefix[i] != '%' || i + 1 == log_line_prefix.size()) {
      AppendLiteral(log_line_prefix[i], pattern);
      continue;
    }
    ++i;
    // Padding: "%-10u".
    while (i + 1 < log_line_prefix.size() && (log_line_prefix[i] == '-' || std::isdigit(log_line_prefix[i]) != 0)) ++i;
    const char escape = log_line_prefix[i];
    if (escape == '%') {
      AppendLiteral('%', pattern);
    } else if (escape != 'q') {
      pattern += " *" + PatternOf(escape) + " *";
      escapes_.push_back(escape);
    }
  }
  pattern_ = std::regex(pattern, std::regex::optimize);
  identifies_session_ = std::ranges::any_of(escapes_, [](char escape) { return escape == 'p' || escape == 'c'; });
  has_time_ =
      std::ranges::any_of(escapes_, [](char escape) { return escape == 'm' || escape == 't' || escape == 'n'; });
}

bool LinePrefix::Read(std::string_view text, Record& record) const {
  if (text.size() > kLongestPrefix) return false;
  std::match_results<std::string_view::const_iterator> match;
  if (!std::regex_match(text.begin(), text.end(), match, pattern_)) return false;
  for (std::size_t i = 0; i < escapes_.size(); ++i) Set(escapes_[i], match[i + 1].str(), record);
  return true;
}

LineKind KindOf(std::string_view line) {
  if (line.starts_with('\t')) return LineKind::kContinuation;
  const auto tag = FirstTag(line);
  if (!tag) return LineKind::kOther;
  return tag->is_severity ? LineKind::kRecord : LineKind::kContinuation;
}

StderrRecord ParseStderr(std::string_view raw, const LinePrefix& prefix) {
  if (raw.ends_with('\n')) raw.remove_suffix(1);
  std::vector<std::string_view> lines = SplitList(raw, '\n');
  const auto tag = FirstTag(lines[0]);
  if (!tag || !tag->is_severity) return {};
  const std::string_view message = WithoutSqlState(AfterTag(lines[0], *tag));
  if (!message.empty() && !BeginsConnectionMessage(message)) return {.record = {}, .ambiguous = HidesRecord(message)};

  Record record;
  const bool readable = prefix.Read(lines[0].substr(0, tag->begin), record);
  if (!readable) record = Record();
  record.doubtful = !readable;
  record.severity = tag->word;
  record.message = message;
  ReadFurtherLines(std::span(lines).subspan(1), record);
  return {.record = std::move(record)};
}

}  // namespace pgtls::serverlog
