// Logging: one line an event on standard error, as logfmt or JSON, with key=value fields. Values are made printable and
// bounded; no password, conninfo or private key is ever passed here.
#pragma once

#include <chrono>
#include <cstdint>
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

// While this lives, a thread of its own writes the lines, so that a standard error that nobody reads stops no caller.
// The queue is bounded: what does not fit is dropped and counted, and a line says how many as soon as lines can be
// written again. The destructor is Flush(). At most one at a time.
class Background {
 public:
  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
};

// Waits until the queued lines are written, at most for `limit`; false if they are not. For the end of the process.
bool Flush(std::chrono::milliseconds limit = std::chrono::seconds(1));

// How many lines have been dropped since the process started.
std::uint64_t DroppedLines();

// One line without its newline, for tests. `time` is RFC 3339.
std::string FormatLine(Format format, std::string_view time, Level level, std::string_view message, Fields fields);

}  // namespace pgtls::log
