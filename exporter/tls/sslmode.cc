#include "exporter/tls/sslmode.h"

namespace pgtls::tls {
namespace {

// How one attempt ended for libpq.
enum class End {
  kUnknown,
  kConnected,
  kServerError,      // ErrorMessage: the other kind of connection may be tried
  kReachedAndError,  // the same, from behind pg_hba
  kHandshakeFailed,  // TLS failed: prefer continues in plaintext
  kNoTls,            // N
  kGivenUp
};

End EndOf(Start start) {
  switch (start) {
    case Start::kAdmitted:
      return End::kConnected;
    case Start::kAuthFailed:
      return End::kReachedAndError;
    case Start::kRefused:
      return End::kServerError;
    case Start::kCutOff:
      return End::kGivenUp;
    case Start::kUnknown:
      break;
  }
  return End::kUnknown;
}

// initialize_SSL, the handshake with its verification, pq_verify_peer_name_matches_certificate.
std::optional<bool> TlsComesAbout(SslMode mode, const Observations& seen) {
  if (!seen.client_usable || seen.root == RootCertificate::kUnusable) return false;
  if (seen.handshake == false) return false;
  std::optional<bool> verified = true;
  if (seen.root == RootCertificate::kLoaded) verified = seen.chain;
  if (mode == SslMode::kVerifyFull) {
    if (seen.hostname == false) verified = false;
    if (!seen.hostname && verified == true) verified = std::nullopt;
  }
  if (verified == false) return false;
  if (!seen.handshake || !verified) return std::nullopt;
  return true;
}

End TlsAttempt(SslMode mode, const Observations& seen) {
  if (!seen.ssl_answer || seen.ssl_answer == Answer::kNone) return End::kUnknown;
  if (seen.ssl_answer == Answer::kNo) return End::kNoTls;
  // The text of an error before TLS is not trusted, and nothing else is tried (CVE-2024-10977).
  if (seen.ssl_answer == Answer::kError) return End::kGivenUp;
  const std::optional<bool> tls = TlsComesAbout(mode, seen);
  if (!tls) return End::kUnknown;
  return *tls ? EndOf(seen.tls) : End::kHandshakeFailed;
}

// The verdict after a first attempt that failed, where `second` is the last.
Verdict After(bool reached_before, bool encrypted_before, End second, bool second_encrypted) {
  if (second == End::kConnected || second == End::kReachedAndError) return {true, second_encrypted};
  if (second == End::kUnknown) return {reached_before ? std::optional(true) : std::nullopt, std::nullopt};
  return reached_before ? Verdict{true, encrypted_before} : Verdict{false, std::nullopt};
}

}  // namespace

std::string_view ToString(SslMode mode) {
  switch (mode) {
    case SslMode::kDisable:
      return "disable";
    case SslMode::kAllow:
      return "allow";
    case SslMode::kPrefer:
      return "prefer";
    case SslMode::kRequire:
      return "require";
    case SslMode::kVerifyCa:
      return "verify-ca";
    case SslMode::kVerifyFull:
      break;
  }
  return "verify-full";
}

Start StartOf(Admission admission) {
  switch (admission) {
    case Admission::kAdmitted:
      return Start::kAdmitted;
    case Admission::kAuthFailed:
      return Start::kAuthFailed;
    case Admission::kRefused:
      return Start::kRefused;
    case Admission::kError:
    case Admission::kLost:
      break;
  }
  return Start::kUnknown;
}

Verdict VerdictFor(SslMode mode, const Observations& seen) {
  if (mode < seen.weakest) return {false, std::nullopt};
  const End plaintext = EndOf(seen.plaintext);
  const bool plaintext_reached = plaintext == End::kReachedAndError;
  const bool plaintext_final = plaintext == End::kConnected || plaintext == End::kUnknown || plaintext == End::kGivenUp;
  if (mode == SslMode::kDisable || (mode == SslMode::kAllow && plaintext_final)) {
    return After(false, false, plaintext, false);
  }
  if (mode == SslMode::kAllow) {
    const End tls = TlsAttempt(mode, seen);
    // After N libpq continues in plaintext, which was refused just before.
    return After(plaintext_reached, false, tls, true);
  }
  if ((mode == SslMode::kVerifyCa || mode == SslMode::kVerifyFull) && seen.root == RootCertificate::kNone) return {};
  const End tls = TlsAttempt(mode, seen);
  const bool in_plaintext =
      tls == End::kNoTls || tls == End::kHandshakeFailed || tls == End::kServerError || tls == End::kReachedAndError;
  if (mode == SslMode::kPrefer && in_plaintext) {
    return After(tls == End::kReachedAndError, true, plaintext, false);
  }
  return After(false, false, tls, true);
}

}  // namespace pgtls::tls
