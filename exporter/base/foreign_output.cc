#include "exporter/base/foreign_output.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "exporter/base/log.h"
#include "exporter/base/text.h"

namespace pgtls::log {
namespace {

constexpr std::size_t kMaxKnown = 100;
constexpr std::size_t kMaxLine = 1000;

// libpq repeats its warnings with every connection.
bool IsNew(const std::string& line) {
  static std::mutex mutex;
  static auto* known = new std::set<std::string>();  // a thread that outlives main may still print
  const std::lock_guard lock(mutex);
  return known->size() < kMaxKnown && known->insert(line).second;
}

void LogLine(std::string_view line) {
  const std::string text = OneLine(line.substr(0, kMaxLine));
  if (text.empty()) return;
  if (IsNew(text)) {
    Warn("a library reports", {{"text", text}});
  } else {
    Debug("a library reports", {{"text", text}});
  }
}

ssize_t WriteCookie(void* /*unused*/, const char* bytes, std::size_t size) {
  std::string_view rest(bytes, size);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    LogLine(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return static_cast<ssize_t>(size);
}

[[noreturn]] void LogAndAbort() {
  std::string what = "no exception";
  if (const auto error = std::current_exception()) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& caught) {
      what = caught.what();
    } catch (...) {
      what = "of an unknown type";
    }
  }
  Error("terminated by an exception that nothing caught", {{"error", what}});
  Flush();
  std::abort();
}

}  // namespace

void TakeForeignOutput() {
  std::set_terminate(&LogAndAbort);
  FILE* stream = fopencookie(nullptr, "w", {.read = nullptr, .write = &WriteCookie, .seek = nullptr, .close = nullptr});
  if (stream == nullptr) return;  // out of memory: the lines are written unchanged
  setvbuf(stream, nullptr, _IOLBF, BUFSIZ);
  stderr = stream;  // glibc: a variable, meant to be set
}

}  // namespace pgtls::log
