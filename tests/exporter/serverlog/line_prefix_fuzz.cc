// Any log_line_prefix and any text before a severity are read without harm. A prefix that was made from fields is read
// as these fields, or not at all.
#include "exporter/serverlog/line_prefix.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace pgtls::serverlog;

namespace {

void Expect(bool holds) {
  if (!holds) std::abort();
}

std::string NextLine(std::string_view& text) {
  const auto end = text.find('\0');
  std::string line(text.substr(0, end));
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line;
}

// As the server writes it, without padding.
std::string Written(const std::string& log_line_prefix, const std::string& user, const std::string& database) {
  std::string text;
  for (std::size_t i = 0; i < log_line_prefix.size(); ++i) {
    if (log_line_prefix[i] != '%') {
      text += log_line_prefix[i];
      continue;
    }
    if (++i == log_line_prefix.size()) break;
    switch (log_line_prefix[i]) {
      case '%':
        text += '%';
        break;
      case 'm':
        text += "2026-11-27 20:53:19.231 UTC";
        break;
      case 'p':
        text += "25905";
        break;
      case 'c':
        text += "6b09edcc.6531";
        break;
      case 'r':
        text += "127.0.0.1(56136)";
        break;
      case 'u':
        text += user;
        break;
      case 'd':
        text += database;
        break;
      default:  // other escapes are not written here
        return {};
    }
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string log_line_prefix = NextLine(text);
  const std::string user = NextLine(text);
  const std::string database = NextLine(text);
  const LinePrefix prefix(log_line_prefix);
  Record any;
  prefix.Read(user, any);

  Record record;
  if (!prefix.Read(Written(log_line_prefix, user, database), record)) return 0;
  if (Written(log_line_prefix, "", "").empty()) return 0;
  if (record.user) Expect(*record.user == user);
  if (record.database) Expect(*record.database == database);
  if (record.pid != 0) Expect(record.pid == 25905);
  if (record.port) Expect(*record.port == 56136);
  return 0;
}
