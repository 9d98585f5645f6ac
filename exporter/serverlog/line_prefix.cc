#include "exporter/serverlog/line_prefix.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

namespace pgtls::serverlog {
namespace {

// Of the server's names; longer texts before the severity are no prefix.
constexpr std::size_t kLongest = 2000;
constexpr std::string_view kEscapes = "aubdhrLpPtmnislevxcQ";
constexpr std::size_t kSeconds = std::string_view("2026-11-27 20:53:19").size();

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsTime(char escape) { return std::string_view("mts").contains(escape); }

// Which characters the text of an escape has. Names and the command tag have any.
bool MayHave(char escape, char c) {
  switch (escape) {
    case 'm':  // these three after the seconds: the zone's abbreviation
    case 't':
    case 's':
      return IsDigit(c) || IsLetter(c) || c == '+' || c == '-';
    case 'n':
      return IsDigit(c) || c == '.';
    case 'p':
    case 'P':
    case 'l':
    case 'x':
      return IsDigit(c);
    case 'Q':
      return IsDigit(c) || c == '-';
    case 'e':
      return IsDigit(c) || IsLetter(c);
    case 'v':
      return IsDigit(c) || c == '/';
    case 'c':
      return IsDigit(c) || (c >= 'a' && c <= 'f') || c == '.';
    case 'h':
    case 'r':
    case 'L':
      return c != ' ';
    default:
      return true;
  }
}

// The size of "2026-11-27 20:53:19.231 " at the beginning of `text`; 0: none.
std::size_t TimeSize(std::string_view text) {
  if (!ParseLogTime(text)) return 0;
  constexpr std::size_t kFraction = 4;
  const bool fraction = text.size() > kSeconds && text[kSeconds] == '.';
  const std::size_t size = kSeconds + (fraction ? kFraction : 0);
  return text.size() > size && text[size] == ' ' ? size + 1 : 0;
}

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

template <typename T>
T Number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void Set(char escape, std::string_view text, Record& record) {
  switch (escape) {
    case 'm':
    case 't':
      record.time = ParseLogTime(text);
      break;
    case 'n': {
      // Seconds and milliseconds: "1795812799.231".
      std::string digits(text);
      std::erase(digits, '.');
      record.epoch =
          std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(Number<std::int64_t>(digits)));
      break;
    }
    case 'p':
      record.pid = Number<int>(text);
      break;
    case 'c':
      ReadSessionId(text, record);
      break;
    case 'u':
      record.user = text;
      break;
    case 'd':
      record.database = text;
      break;
    case 'h':
      record.host = text;
      break;
    case 'r':
      // "127.0.0.1(56136)"
      if (const auto open = text.rfind('('); text.ends_with(')') && open != std::string_view::npos) {
        ReadConnectionFrom(
            std::string(text.substr(0, open)) + ":" + std::string(text.substr(open + 1, text.size() - open - 2)),
            record);
      } else {
        record.host = text;
      }
      break;
    default:
      break;
  }
}

// In how many ways a part and all after it can be the text from each position on: 0, 1, or 2 for more.
using Ways = std::vector<std::uint8_t>;

std::uint8_t Sum(std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(std::min(a + b, 2)); }

// The same for an escape before a part that has `next`. Its text has at least `least` characters.
Ways Before(char escape, std::size_t least, std::string_view text, const Ways& next) {
  const std::size_t size = text.size();
  // With spaces as padding; a padded time is one text.
  const std::string_view more = least <= 1 ? "" : IsTime(escape) ? " :." : " ";
  const auto may_have = [&](std::size_t at) { return MayHave(escape, text[at]) || more.contains(text[at]); };
  Ways any = next;  // with any number of characters
  for (std::size_t i = size; i-- > 0;) any[i] = Sum(next[i], may_have(i) ? any[i + 1] : 0);
  Ways ways(size + 1, 0);
  std::size_t fitting = 0;  // characters from i on
  for (std::size_t i = size + 1; i-- > 0;) {
    fitting = i < size && may_have(i) ? fitting + 1 : 0;
    if (fitting >= least) ways[i] = any[i + least];
  }
  return ways;
}

// A time before a part that has `next`.
Ways BeforeTime(char escape, std::string_view text, const Ways& next) {
  const Ways zone = Before(escape, 1, text, next);
  Ways ways(text.size() + 1, 0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t size = IsDigit(text[i]) ? TimeSize(text.substr(i)) : 0;
    if (size > 0) ways[i] = zone[i + size];
  }
  return ways;
}

Ways BeforeLiteral(char literal, std::string_view text, const Ways& next) {
  Ways ways(text.size() + 1, 0);
  for (std::size_t i = 0; i < text.size(); ++i) ways[i] = text[i] == literal ? next[i + 1] : 0;
  return ways;
}

// The least number of characters of an escape's text.
std::size_t Least(char escape, std::size_t width) {
  constexpr std::string_view kNeverEmpty = "pnclQxe";
  return std::max<std::size_t>(width, kNeverEmpty.contains(escape) ? 1 : 0);
}

}  // namespace

LinePrefix::LinePrefix(std::string_view log_line_prefix) {
  std::string_view rest = log_line_prefix;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '%') {
      parts_.push_back({.literal = c});
      continue;
    }
    // Padding: "%-10u".
    if (rest.starts_with('-')) rest.remove_prefix(1);
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const auto width = Number<std::size_t>(rest.substr(0, digits));
    rest.remove_prefix(digits);
    if (rest.empty()) break;  // the server ignores what has no end, and what it does not know
    const char escape = rest.front();
    rest.remove_prefix(1);
    if (escape == '%') parts_.push_back({.literal = '%'});
    if (kEscapes.contains(escape)) parts_.push_back({.escape = escape, .width = std::min(width, kLongest)});
  }
}

bool LinePrefix::Has(std::string_view escapes) const {
  return std::ranges::any_of(parts_,
                             [&](const Part& part) { return part.escape != 0 && escapes.contains(part.escape); });
}

bool LinePrefix::identifies_session() const { return Has("pc"); }
bool LinePrefix::has_time() const { return Has("mtn"); }
bool LinePrefix::has_names() const { return Has("aud"); }

bool LinePrefix::Read(std::string_view text, Record& record) const {
  if (text.size() > kLongest) return false;
  std::vector<Ways> ways(parts_.size() + 1);
  ways.back() = Ways(text.size() + 1, 0);
  ways.back().back() = 1;
  for (std::size_t i = parts_.size(); i-- > 0;) {
    const Part& part = parts_[i];
    const Ways& next = ways[i + 1];
    if (part.escape == 0) {
      ways[i] = BeforeLiteral(part.literal, text, next);
    } else if (IsTime(part.escape) && part.width <= kSeconds) {
      ways[i] = BeforeTime(part.escape, text, next);
    } else {
      ways[i] = Before(part.escape, Least(part.escape, part.width), text, next);
    }
  }
  if (ways.front().front() != 1) return false;
  // There is one way: each part ends where the next one can begin.
  std::size_t at = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    std::size_t end = at + 1;
    if (part.escape != 0) {
      const bool time = IsTime(part.escape) && part.width <= kSeconds;
      end = at + (time ? TimeSize(text.substr(at)) + 1 : Least(part.escape, part.width));
      while (ways[i + 1][end] == 0) ++end;
      const std::string_view value = text.substr(at, end - at);
      Set(part.escape, part.width > 0 ? Trimmed(value) : value, record);
    }
    at = end;
  }
  return true;
}

}  // namespace pgtls::serverlog
