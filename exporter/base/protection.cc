#include "exporter/base/protection.h"

namespace pgtls {

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
    case Encryption::kNone:
      break;
  }
  return "none";
}

}  // namespace pgtls
