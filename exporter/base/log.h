// Logging: one line an event on standard error, as logfmt or JSON, with key=value fields. Values are made printable and
// bounded; no password, conninfo or private key is ever passed here.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace pgtls::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kLogfmt, kJson };

// Process-wide, set once at start before threads exist; the calls below are safe from any thread.
void Configure(Level level, Format format);

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

void Debug(std::string_view message, Fields fields = {});
void Info(std::string_view message, Fields fields = {});
void Warn(std::string_view message, Fields fields = {});
void Error(std::string_view message, Fields fields = {});

// One line without its newline, for tests. `time` is RFC 3339.
std::string FormatLine(Format format, std::string_view time, Level level, std::string_view message, Fields fields);

}  // namespace pgtls::log
