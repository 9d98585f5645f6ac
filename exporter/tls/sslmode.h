// The result of each sslmode: libpq's rules (PostgreSQL 15 to 18, fe-connect.c PQconnectPoll, fe-secure-openssl.c
// initialize_SSL) applied to the observations on the wire. Pure. GSSAPI encryption is left out: this is the client
// without Kerberos credentials.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "exporter/tls/negotiation.h"

namespace pgtls::tls {

enum class SslMode { kDisable, kAllow, kPrefer, kRequire, kVerifyCa, kVerifyFull };
inline constexpr std::array<SslMode, 6> kSslModes = {SslMode::kDisable, SslMode::kAllow,    SslMode::kPrefer,
                                                     SslMode::kRequire, SslMode::kVerifyCa, SslMode::kVerifyFull};
std::string_view ToString(SslMode mode);

// The outcome of one StartupMessage, by which libpq continues.
enum class Start {
  kUnknown,     // not tried, or the answer proves nothing
  kAdmitted,    // reached authentication
  kAuthFailed,  // reached it and got an ErrorMessage from the method itself
  kRefused,     // ErrorMessage of pg_hba
  kCutOff       // a TLS alert ended it, or libpq declines the authentication: it gives up, even under prefer
};
// An Admission that proves nothing about pg_hba.conf is kUnknown.
Start StartOf(Admission admission);

// The client's root certificates.
enum class RootCertificate {
  kNone,     // no such file: require does not verify, verify-* cannot run
  kLoaded,   // every TLS connection is verified, under prefer and require too
  kUnusable  // the file is there and cannot be read: every TLS connection fails before it begins
};

struct Observations {
  // libpq refuses a weaker sslmode with the other options (sslrootcert=system, sslnegotiation=direct), before it
  // connects.
  SslMode weakest = SslMode::kDisable;
  Start plaintext = Start::kUnknown;
  std::optional<Answer> ssl_answer;  // absent: not known; kNone counts as not known too
  // libpq's own preparation works: client certificate and key, protocol versions.
  bool client_usable = true;
  RootCertificate root = RootCertificate::kNone;
  std::optional<bool> handshake;  // with libpq's parameters and the client's certificate
  std::optional<bool> chain;      // meaningful with kLoaded
  std::optional<bool> hostname;
  Start tls = Start::kUnknown;
};

struct Verdict {
  std::optional<bool> connects;   // absent: does not follow from these observations
  std::optional<bool> encrypted;  // absent also if it does not connect
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

Verdict VerdictFor(SslMode mode, const Observations& seen);

}  // namespace pgtls::tls
