// Logging: one line per event on standard error, as logfmt or JSON, with key=value fields. Values are made printable
// and bounded. REQUIRES: no password, conninfo or private key is passed.
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

// Process-wide; called once at start, before threads exist. The other functions are thread-safe.
void Configure(Level level, Format format);

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

void Debug(std::string_view message, Fields fields = {});
void Info(std::string_view message, Fields fields = {});
void Warn(std::string_view message, Fields fields = {});
void Error(std::string_view message, Fields fields = {});

// While an object of this class exists, a separate thread writes the lines, so that an unread standard error blocks no
// caller. The queue is bounded: lines that do not fit are dropped and counted, and a line reports their number as soon
// as lines can be written again. The destructor calls Flush(). At most one object at a time.
class Background {
 public:
  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
};

// Waits at most `limit` until the queued lines are written; returns false if they are not. For the end of the process.
bool Flush(std::chrono::milliseconds limit = std::chrono::seconds(1));

// Number of lines that were dropped since the process started.
std::uint64_t DroppedLines();

// One line without its newline, for tests. `time` is RFC 3339.
std::string FormatLine(Format format, std::string_view time, Level level, std::string_view message, Fields fields);

}  // namespace pgtls::log
