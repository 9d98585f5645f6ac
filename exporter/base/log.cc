#include "exporter/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "exporter/base/json.h"
#include "exporter/base/text.h"

namespace pgtls::log {
namespace {

constexpr std::size_t kMaxValueBytes = 1000;

std::atomic<Level> g_level{Level::kInfo};
std::atomic<Format> g_format{Format::kLogfmt};

// Writes a whole line, or as much as standard error accepts. Blocks while standard error is not read.
void WriteToStderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
    if (written > 0) {
      line.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      // The open file may be shared with a program that made it non-blocking.
      pollfd writable{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
      poll(&writable, 1, -1);
    } else if (written == 0 || errno != EINTR) {
      return;
    }
  }
}

// The destination of the lines. Leaked on purpose: a thread that outlives main may still log, and the writer may be
// blocked in a write.
class LineWriter {
 public:
  void Write(std::string line) {
    std::unique_lock lock(mutex_);
    if (!background_) return WriteToStderr(line);
    if (queued_bytes_ + line.size() > kMaxQueuedBytes) {
      ++dropped_;
      return;
    }
    queued_bytes_ += line.size();
    queue_.push_back(std::move(line));
    changed_.notify_all();
  }

  void StartBackground() {
    const std::lock_guard lock(mutex_);
    if (background_) return;
    std::thread([this] { Run(); }).detach();  // a blocked write never ends, so the thread can never be joined
    background_ = running_ = true;
  }

  bool Flush(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return !background_ || (queue_.empty() && !writing_); });
  }

  // Callers write their lines again, unless the thread is blocked.
  void StopBackground(std::chrono::milliseconds limit) {
    if (!Flush(limit)) return;
    std::unique_lock lock(mutex_);
    background_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !running_; });
  }

  std::uint64_t dropped() {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  // Enough for minutes of a busy fleet.
  static constexpr std::size_t kMaxQueuedBytes = 1 << 20;

  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t reported_ = 0;  // of dropped_
  bool background_ = false;
  bool running_ = false;  // the thread
  bool writing_ = false;  // it is writing
};

LineWriter& Lines() {
  static auto* lines = new LineWriter();
  return *lines;
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

std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), millis);
}

void Write(Level level, std::string_view message, Fields fields) {
  if (level < g_level.load()) return;
  Lines().Write(FormatLine(g_format.load(), Now(), level, message, fields) + "\n");
}

void LineWriter::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !background_ || !queue_.empty(); });
    if (queue_.empty()) break;
    std::string line = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= line.size();
    if (queue_.empty() && dropped_ != reported_) {
      const std::string count = std::to_string(dropped_ - std::exchange(reported_, dropped_));
      line += FormatLine(g_format.load(), Now(), Level::kWarn,
                         "log lines were dropped, since standard error was not read in time", {{"lines", count}});
      line += '\n';
    }
    writing_ = true;
    lock.unlock();
    WriteToStderr(line);
    lock.lock();
    writing_ = false;
    changed_.notify_all();
  }
  running_ = false;
  changed_.notify_all();
}

}  // namespace

void Configure(Level level, Format format) {
  g_level = level;
  g_format = format;
}

std::string FormatLine(Format format, std::string_view time, Level level, std::string_view message, Fields fields) {
  if (format == Format::kJson) {
    nlohmann::ordered_json object = {
        {"ts", time}, {"level", LevelName(level)}, {"msg", Printable(message, kMaxValueBytes)}};
    for (const auto& [key, value] : fields) object.emplace(std::string(key), Printable(value, kMaxValueBytes));
    return JsonText(object);
  }
  std::string line = fmt::format("ts={} level={} msg={}", time, LevelName(level), Quoted(message));
  for (const auto& [key, value] : fields) line += fmt::format(" {}={}", key, LogfmtValue(value));
  return line;
}

Background::Background() { Lines().StartBackground(); }

Background::~Background() { Lines().StopBackground(std::chrono::seconds(1)); }

bool Flush(std::chrono::milliseconds limit) { return Lines().Flush(limit); }

std::uint64_t DroppedLines() { return Lines().dropped(); }

void Debug(std::string_view message, Fields fields) { Write(Level::kDebug, message, fields); }
void Info(std::string_view message, Fields fields) { Write(Level::kInfo, message, fields); }
void Warn(std::string_view message, Fields fields) { Write(Level::kWarn, message, fields); }
void Error(std::string_view message, Fields fields) { Write(Level::kError, message, fields); }

}  // namespace pgtls::log
