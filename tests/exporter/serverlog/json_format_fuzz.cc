// Any text of jsonlog is read without harm, and in pieces as in one; only the server claims encryption.
#include "tests/exporter/serverlog/fuzz_records.h"

using namespace pgtls::serverlog;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const LinePrefix none("");
  return FuzzRecords(Format::kJson, data, size, none);
}
