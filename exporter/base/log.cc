#include "exporter/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "exporter/base/text.h"

namespace pgtls::log {
namespace {

constexpr std::size_t kMaxValueBytes = 1000;

std::atomic<Level> g_level{Level::kInfo};
std::atomic<Format> g_format{Format::kLogfmt};

spdlog::logger& Logger() {
  // Leaked on purpose: a thread that outlives main may still log.
  static auto* logger = [] {
    auto* created = new spdlog::logger("pg_tls_exporter", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    created->set_pattern("%v");
    created->set_level(spdlog::level::trace);
    created->flush_on(spdlog::level::trace);
    return created;
  }();
  return *logger;
}

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarn:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

std::string Quoted(std::string_view value) {
  std::string result = "\"";
  for (const char c : Printable(value, kMaxValueBytes)) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string LogfmtValue(std::string_view value) {
  const bool bare = !value.empty() && value.size() <= kMaxValueBytes &&
                    value.find_first_not_of(
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_./:@+,%[]") == std::string_view::npos;
  return bare ? std::string(value) : Quoted(value);
}

void Write(Level level, std::string_view message, Fields fields) {
  if (level < g_level.load()) return;
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  const std::string time =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
  Logger().log(spdlog::level::info, "{}", FormatLine(g_format.load(), time, level, message, fields));
}

}  // namespace

void Configure(Level level, Format format) {
  g_level = level;
  g_format = format;
}

std::string FormatLine(Format format, std::string_view time, Level level, std::string_view message, Fields fields) {
  std::string line;
  if (format == Format::kJson) {
    line = fmt::format(R"({{"ts":"{}","level":"{}","msg":{})", time, LevelName(level), Quoted(message));
    for (const auto& [key, value] : fields) line += fmt::format(R"(,"{}":{})", key, Quoted(value));
    return line + "}";
  }
  line = fmt::format("ts={} level={} msg={}", time, LevelName(level), Quoted(message));
  for (const auto& [key, value] : fields) line += fmt::format(" {}={}", key, LogfmtValue(value));
  return line;
}

void Debug(std::string_view message, Fields fields) { Write(Level::kDebug, message, fields); }
void Info(std::string_view message, Fields fields) { Write(Level::kInfo, message, fields); }
void Warn(std::string_view message, Fields fields) { Write(Level::kWarn, message, fields); }
void Error(std::string_view message, Fields fields) { Write(Level::kError, message, fields); }

}  // namespace pgtls::log
