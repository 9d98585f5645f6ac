#include "exporter/sessions/session.h"

namespace pgtls::sessions {

std::string_view ToString(Network network) {
  switch (network) {
    case Network::kLocal:
      return "local";
    case Network::kLoopback:
      return "loopback";
    case Network::kRemote:
      break;
  }
  return "remote";
}

std::string_view ToString(Encryption encryption) {
  switch (encryption) {
    case Encryption::kTls:
      return "tls";
    case Encryption::kGss:
      return "gss";
    case Encryption::kUnknown:
      return "unknown";
    case Encryption::kNone:
      break;
  }
  return "none";
}

Origin OriginOf(const Session& session) {
  if (session.client_addr.empty() && session.client_port == -1) return {};
  const auto address = IpAddress::Parse(session.client_addr);
  const bool loopback = address && address->IsLoopback();
  return {loopback ? Network::kLoopback : Network::kRemote, address};
}

Encryption EncryptionOf(const Session& session) {
  if (session.ssl.value_or(false)) return Encryption::kTls;
  if (session.gss_encrypted) return Encryption::kGss;
  return session.ssl ? Encryption::kNone : Encryption::kUnknown;
}

}  // namespace pgtls::sessions
