#define OPENSSL_SUPPRESS_DEPRECATED  // PostgreSQL asks for a curve by EC_KEY

#include "exporter/tls/start_settings.h"

#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "exporter/base/text.h"
#include "exporter/tls/openssl.h"

namespace pgtls::tls {
namespace {

using EcKeyPtr = std::unique_ptr<EC_KEY, OpensslDeleter<EC_KEY_free>>;

enum class Verdict { kYes, kNo, kUnknown };

bool ContainsAny(std::string_view text, std::initializer_list<std::string_view> words) {
  const std::string lower = Lower(text);
  return std::ranges::any_of(words, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// Whether every entry of a list with colons between them is one of `names`.
bool AllAmong(std::string_view list, std::initializer_list<std::string_view> names) {
  return std::ranges::all_of(SplitList(list, ':'),
                             [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); });
}

// TLS 1.0 is 1; 0: no limit. The names are those of the settings' enumeration, in any case.
int ProtocolNumber(const std::string& name) {
  const std::string lower = Lower(name);
  if (lower == "tlsv1") return 1;
  if (lower == "tlsv1.1") return 2;
  if (lower == "tlsv1.2") return 3;
  if (lower == "tlsv1.3") return 4;
  return 0;
}

Verdict Protocols(const StartInput& input) {
  const int least = ProtocolNumber(*input.min_protocol_version);
  const int most = ProtocolNumber(*input.max_protocol_version);
  return least > 0 && most > 0 && least > most ? Verdict::kNo : Verdict::kYes;
}

// Up to 17: one curve by its short name. Builds leave out all but three.
Verdict Curve(const StartInput& input) {
  const int curve = OBJ_sn2nid(input.groups->c_str());
  const bool ours = curve != NID_undef && EcKeyPtr(EC_KEY_new_by_curve_name(curve)) != nullptr;
  if (input.same_library) return ours ? Verdict::kYes : Verdict::kNo;
  if (ours)
    return AllAmong(*input.groups, {"prime256v1", "secp384r1", "secp521r1"}) ? Verdict::kYes : Verdict::kUnknown;
  const bool list = input.groups->contains(':');  // no name of a curve
  const bool other =
      !list && ContainsAny(*input.groups, {"secp", "sect", "prime", "brainpool", "c2", "wap-", "oakley", "sm2"});
  return other ? Verdict::kUnknown : Verdict::kNo;
}

Verdict Groups(const StartInput& input, SSL_CTX* context) {
  const bool ours = SSL_CTX_set1_groups_list(context, input.groups->c_str()) == 1;
  if (input.same_library) return ours ? Verdict::kYes : Verdict::kNo;
  if (ours) {
    const bool everywhere =
        AllAmong(*input.groups, {"P-256", "P-384", "P-521", "prime256v1", "secp384r1", "secp521r1", "X25519", "X448"});
    return everywhere ? Verdict::kYes : Verdict::kUnknown;
  }
  // What newer libraries or their providers understand: names, and the syntax of 3.5.
  const bool newer =
      input.groups->empty() ||
      ContainsAny(*input.groups, {"mlkem", "kyber", "frodo", "bike", "hqc", "tls13", "sm2", "ffdhe", "secp", "sect",
                                  "gost", "gc256", "gc512", "default", "?", "*", "/", "-"});
  return newer ? Verdict::kUnknown : Verdict::kNo;
}

Verdict Ciphers(const StartInput& input, SSL_CTX* context) {
  const bool ours = SSL_CTX_set_cipher_list(context, input.ciphers->c_str()) == 1;
  if (input.same_library) return ours ? Verdict::kYes : Verdict::kNo;
  // The first 1.1.1 takes a list that leaves only the suites of TLS 1.3, and builds leave out different ciphers.
  if (!ours) return Verdict::kUnknown;
  const STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const std::string_view name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i));
    if (!name.starts_with("TLS_") && ContainsAny(name, {"aes", "chacha20"})) return Verdict::kYes;  // in every build
  }
  return Verdict::kUnknown;
}

Verdict Tls13Ciphers(const StartInput& input, SSL_CTX* context) {
  if (input.tls13_ciphers->empty()) return Verdict::kYes;
  const bool ours = SSL_CTX_set_ciphersuites(context, input.tls13_ciphers->c_str()) == 1;
  if (input.same_library) return ours ? Verdict::kYes : Verdict::kNo;
  const bool everywhere = AllAmong(*input.tls13_ciphers,
                                   {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
                                    "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"});
  if (ours) return everywhere ? Verdict::kYes : Verdict::kUnknown;  // the first 1.1.1 refuses what later ones skip
  return ContainsAny(*input.tls13_ciphers, {"tls_"}) ? Verdict::kUnknown : Verdict::kNo;
}

}  // namespace

void JudgeStartSettings(const StartInput& input, NextStart& result) {
  const SslCtxPtr context(SSL_CTX_new(TLS_method()));
  const auto judge = [&](const char* setting, bool visible, const auto& verdict_of) {
    const Verdict verdict = visible ? verdict_of() : Verdict::kYes;
    if (!visible) result.unknown.push_back({setting, "setting_not_visible"});
    if (verdict == Verdict::kNo) result.failures.push_back({"setting", setting, "other"});
    if (verdict == Verdict::kUnknown) result.unknown.push_back({setting, "openssl_version"});
    ERR_clear_error();
  };
  judge("ssl_min_protocol_version", input.min_protocol_version && input.max_protocol_version,
        [&] { return Protocols(input); });
  const bool list = input.server_version >= 180000;
  judge(list ? "ssl_groups" : "ssl_ecdh_curve", input.groups.has_value(),
        [&] { return list ? Groups(input, context.get()) : Curve(input); });
  judge("ssl_ciphers", input.ciphers.has_value(), [&] { return Ciphers(input, context.get()); });
  if (list) {
    judge("ssl_tls13_ciphers", input.tls13_ciphers.has_value(), [&] { return Tls13Ciphers(input, context.get()); });
  }
}

}  // namespace pgtls::tls
