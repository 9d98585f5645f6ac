// Whether PostgreSQL would set up TLS at its next start. Decided by the calls of OpenSSL that be_tls_init makes
// (src/backend/libpq/be-secure-openssl.c), on the bytes of the files and the settings as that start will find them.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgtls::tls {

// A file as the server will find it.
struct StartFile {
  std::string path;  // empty: the setting is empty
  // Why the server will not be able to read its content: `missing`, `permission_denied`, `mode`, `owner`, `other`.
  std::vector<std::string> problems;
  // Absent without a problem: the content is not known here, because of `unknown`.
  std::optional<std::string> bytes;
  std::string unknown;
};

struct StartInput {
  int server_version = 0;  // as server_version_num
  // Whether the server's libssl is the file that this process has loaded: its defaults are then known.
  bool same_library = false;
  StartFile certificate;
  StartFile key;
  StartFile ca;
  StartFile crl;  // ssl_crl_file. A start does not read ssl_crl_dir
  StartFile dh_params;
  // Absent: the role may not see the setting.
  std::optional<std::string> min_protocol_version;
  std::optional<std::string> max_protocol_version;  // may be empty: no limit
  std::optional<std::string> groups;                // ssl_ecdh_curve before 18: one curve
  std::optional<std::string> ciphers;
  std::optional<std::string> tls13_ciphers;  // from 18; may be empty: OpenSSL's own
  std::optional<bool> passphrase_command;    // whether one is set; absent: not known
};

struct StartFailure {
  std::string role;    // server, key, ca, crl, dh, hba, setting
  std::string path;    // of the file, empty where the setting is; of role setting: the setting's name
  std::string reason;  // of pg_tls_next_start_failure_info
  friend bool operator==(const StartFailure&, const StartFailure&) = default;
};

// Every role with each of its reasons.
struct StartFailureKind {
  std::string_view role, reason;
};
inline constexpr StartFailureKind kStartFailureKinds[] = {
    {"server", "missing"},
    {"server", "permission_denied"},
    {"server", "no_certificate"},
    {"server", "malformed"},
    {"server", "other"},
    {"server", "key_too_small"},
    {"key", "missing"},
    {"key", "permission_denied"},
    {"key", "mode"},
    {"key", "owner"},
    {"key", "malformed"},
    {"key", "key_mismatch"},
    {"key", "other"},
    {"ca", "missing"},
    {"ca", "permission_denied"},
    {"ca", "no_certificate"},
    {"ca", "malformed"},
    {"ca", "other"},
    {"crl", "missing"},
    {"crl", "permission_denied"},
    {"crl", "no_certificate"},
    {"crl", "malformed"},
    {"crl", "other"},
    {"dh", "missing"},
    {"dh", "permission_denied"},
    {"dh", "malformed"},
    {"dh", "key_too_small"},
    {"dh", "other"},
    {"hba", "missing"},
    {"hba", "permission_denied"},
    {"hba", "malformed"},
    {"hba", "other"},
    {"setting", "other"},
};
inline bool IsDeclared(const StartFailure& failure) {
  return std::ranges::any_of(kStartFailureKinds, [&](const StartFailureKind& kind) {
    return kind.role == failure.role && kind.reason == failure.reason;
  });
}

// A part that cannot be decided from here.
struct StartUnknown {
  std::string role;
  std::string reason;
  friend bool operator==(const StartUnknown&, const StartUnknown&) = default;
};

struct NextStart {
  std::vector<StartFailure> failures;  // all of them, though PostgreSQL stops at the first
  std::vector<StartUnknown> unknown;

  std::optional<bool> ok() const {
    if (!failures.empty()) return false;
    return unknown.empty() ? std::optional(true) : std::nullopt;
  }
  // The server's certificate, CA or revocation list by its role: how PostgreSQL fails on that file; empty: it does not.
  std::string ProblemOf(const std::string& role) const;
};

// The key does not stay in memory: the caller clears its bytes. Throws std::system_error where this process cannot make
// a file in memory.
NextStart JudgeNextStart(const StartInput& input);

}  // namespace pgtls::tls
