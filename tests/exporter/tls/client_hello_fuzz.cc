// Any answer to a ClientHello, whole and in pieces.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exporter/tls/client_hello.h"

namespace tls = pgtls::tls;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string_view group : tls::kKeyExchangeGroups) {
    tls::HelloReader whole(group);
    whole.Feed(bytes);
    tls::HelloReader pieces(group);
    for (const char& c : bytes) pieces.Feed({&c, 1});
    if (whole.answer() != pieces.answer() || whole.End() != pieces.End()) std::abort();
  }
  return 0;
}
