// Any bytes as a line of index.txt, and as a serial number, are read without harm; what is read is whole.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporter/tls/openssl_index.h"
#include "exporter/tls/shown_name.h"

namespace {

void Expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  if (const auto entry = pgtls::tls::ParseIndexLine(all)) {
    Expect(!entry->serial.empty() && !entry->subject.empty());
    Expect(pgtls::tls::NormalSerial(entry->serial) == entry->serial);
  }
  const std::string serial = pgtls::tls::NormalSerialOfDecimal(std::string(all));
  Expect(pgtls::tls::NormalSerial(serial) == serial);
  const std::size_t half = size / 2;
  pgtls::tls::MayBeShownAs(all.substr(0, half), all.substr(half));
  return 0;
}
