// Any text of the plain log is read without harm, and in pieces as in one; a line whose leftmost severity is another
// one is no connection's.
#include <regex>

#include "tests/exporter/serverlog/fuzz_records.h"

using namespace pgtls::serverlog;

namespace {

const std::string_view kPrefixes[] = {"%m [%p] %q%u@%d ",
                                      "%m [%p] ",
                                      "",
                                      "%u %d %h ",
                                      "%c ",
                                      "%-10u|%10d|%5p|%%|%h ",
                                      "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
                                      "%u%d%a"};

void ExpectLeftmostSeverity(std::string_view raw, const Record& record) {
  static const std::regex tag(
      "(DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION|BACKTRACE): "
      " ");
  const std::string line(raw.substr(0, raw.find('\n')));
  if (line.size() > 500) return;  // regular expressions take memory
  std::smatch match;
  Expect(std::regex_search(line, match, tag));
  Expect(match[1].str() == record.severity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const LinePrefix prefix(kPrefixes[data[0] % std::size(kPrefixes)]);
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  for (const std::string_view raw : SplitRecords(Format::kStderr, text, Inside::kNothing, true).records) {
    const auto record = ParseStderr(raw, prefix).record;
    if (record) ExpectLeftmostSeverity(raw, *record);
  }
  return FuzzRecords(Format::kStderr, data + 1, size - 1, prefix);
}
