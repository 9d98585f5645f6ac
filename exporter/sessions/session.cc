#include "exporter/sessions/session.h"

namespace pgtls::sessions {

std::string_view EncryptionLabel(std::optional<Encryption> encryption) {
  return encryption ? ToString(*encryption) : "unknown";
}

Origin OriginOf(const Session& session) {
  if (session.client_addr.empty() && session.client_port == -1) return {};
  const auto address = IpAddress::Parse(session.client_addr);
  const bool loopback = address && address->IsLoopback();
  return {loopback ? Network::kLoopback : Network::kRemote, address};
}

std::optional<Encryption> EncryptionOf(const Session& session) {
  if (session.ssl.value_or(false)) return Encryption::kTls;
  if (session.gss_encrypted) return Encryption::kGss;
  if (session.ssl) return Encryption::kNone;
  return std::nullopt;
}

}  // namespace pgtls::sessions
