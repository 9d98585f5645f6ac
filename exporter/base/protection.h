// Where a connection comes from and how it is encrypted: for the open connections, and for those that pg_hba.conf
// admits.
#pragma once

#include <cstdint>
#include <string_view>

namespace pgtls {

// kLocal: Unix socket. kLoopback: TCP from 127.0.0.0/8 or ::1, mapped into IPv6 or not. kRemote: all others.
enum class Network : std::uint8_t { kLocal, kLoopback, kRemote };
enum class Encryption : std::uint8_t { kNone, kTls, kGss };

// As labels show them: "local", "loopback", "remote"; "none", "tls", "gss".
std::string_view ToString(Network network);
std::string_view ToString(Encryption encryption);

}  // namespace pgtls
