#include "exporter/serverlog/record.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace pgtls::serverlog {
namespace {

constexpr std::array kBeginnings = {kReceived, kAuthenticated, kAuthorized,           kHandshakeFailed,
                                    kRejects,  kNoEntry,       kReplicationAuthorized};

template <typename T>
std::optional<T> Number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int> ParseNumber(std::string_view text) { return Number<int>(text); }

Format FormatOf(std::string_view file_name) {
  // What logrotate appends: ".1", "-20261127".
  constexpr std::string_view kDigits = "0123456789";
  const auto last = file_name.find_last_not_of(kDigits);
  if (last != std::string_view::npos && last + 1 < file_name.size() &&
      (file_name[last] == '.' || file_name[last] == '-'))
    file_name = file_name.substr(0, last);
  if (file_name.ends_with(".json")) return Format::kJson;
  return file_name.ends_with(".csv") ? Format::kCsv : Format::kStderr;
}

std::optional<LogTime> ParseLogTime(std::string_view text) {
  // 2026-11-27 20:53:19.231 UTC
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const auto part = [&](std::size_t at, std::size_t size) { return Number<unsigned>(text.substr(at, size)); };
  const auto year = part(0, 4);
  const auto month = part(5, 2);
  const auto day = part(8, 2);
  const auto hour = part(11, 2);
  const auto minute = part(14, 2);
  const auto second = part(17, 2);
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  unsigned milliseconds = 0;
  if (text.size() >= 23 && text[19] == '.') milliseconds = part(20, 3).value_or(0);
  return std::chrono::local_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + std::chrono::milliseconds(milliseconds);
}

bool MayBeAboutConnection(std::string_view raw) {
  return std::ranges::any_of(kBeginnings,
                             [&](std::string_view beginning) { return raw.find(beginning) != std::string_view::npos; });
}

bool BeginsConnectionMessage(std::string_view message) {
  return std::ranges::any_of(kBeginnings, [&](std::string_view beginning) { return message.starts_with(beginning); });
}

bool ReadSessionId(std::string_view text, Record& record) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return false;
  const auto start = Number<std::int64_t>(text.substr(0, dot), 16);
  const auto pid = Number<int>(text.substr(dot + 1), 16);
  if (!start || !pid) return false;
  record.session_start_s = start;
  record.pid = *pid;
  return true;
}

void ReadConnectionFrom(std::string_view text, Record& record) {
  const auto colon = text.rfind(':');
  const auto port = colon == std::string_view::npos ? std::nullopt : Number<int>(text.substr(colon + 1));
  record.host = text.substr(0, port ? colon : text.size());
  record.port = port;
}

}  // namespace pgtls::serverlog
