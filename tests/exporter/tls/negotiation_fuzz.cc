// Any bytes from a peer: through the reader of startup answers, whole and in pieces, and through a TLS session.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "exporter/tls/negotiation.h"
#include "exporter/tls/tls_session.h"

namespace tls = pgtls::tls;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  tls::StartupReader whole;
  whole.Feed(bytes);
  whole.End();
  tls::StartupReader pieces;
  for (const char& c : bytes) pieces.Feed({&c, 1});
  pieces.End();
  if (whole.state() != pieces.state() || whole.admission() != pieces.admission()) std::abort();

  tls::TlsSession session(tls::PermissiveContext(), "localhost", nullptr);
  session.Step();
  session.Feed(bytes);
  session.Step();
  session.TakeOutput();
  session.EndOfInput();
  if (session.Step() == tls::Handshake::kFinished) session.Read();
  session.facts();
  return 0;
}
