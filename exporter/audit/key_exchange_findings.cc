#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/audit/findings.h"
#include "exporter/base/text.h"

namespace pgtls::audit {
namespace {

// Fewer bits of a curve than these are fewer than 112 bits of security (NIST SP 800-57).
constexpr int kFewestBits = 224;

constexpr const char* kReload = "; SELECT pg_reload_conf();";

// The words between any of `separators`.
std::vector<std::string_view> Words(std::string_view list, std::string_view separators) {
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find_first_of(separators, begin), list.size());
    if (end > begin) words.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

// The size of a curve, by OpenSSL's or NIST's name; 0: not in the name, or not one of these families.
int BitsOf(const std::string& name) {
  constexpr std::array<std::string_view, 9> kFamilies = {"secp", "sect",       "prime", "p-",   "k-",
                                                         "b-",   "brainpoolp", "c2pnb", "c2tnb"};
  const auto family = std::ranges::find_if(kFamilies, [&](std::string_view one) { return name.starts_with(one); });
  if (family == kFamilies.end()) return 0;
  int bits = 0;
  for (const char c : std::string_view(name).substr(family->size())) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0 || bits > 10'000) break;
    bits = bits * 10 + (c - '0');
  }
  return bits;
}

bool IsWeakGroup(std::string_view word) {
  const std::string name = Lower(word);
  if (name == "oakley-ec2n-3" || name == "oakley-ec2n-4") return true;
  const int bits = BitsOf(name);
  return bits > 0 && bits < kFewestBits;
}

// Words of SSL_CTX_set1_groups_list(): "?" ignores an unknown group, "*" predicts a key share, "-" takes away, "/"
// separates tuples (OpenSSL 3.5).
std::vector<std::string_view> WeakGroups(std::string_view groups) {
  std::vector<std::string_view> weak;
  for (std::string_view word : Words(groups, ":/, ")) {
    while (word.starts_with('?') || word.starts_with('*')) word.remove_prefix(1);
    if (IsWeakGroup(word)) weak.push_back(word);
  }
  return weak;
}

void AddGroups(const settings::ServerSettings& settings, Findings& findings) {
  const std::string_view name = settings.Get("ssl_groups") ? "ssl_groups" : "ssl_ecdh_curve";
  const auto groups = settings.Get(name);
  if (!groups) return;
  const auto weak = WeakGroups(*groups);
  if (weak.empty()) return;
  findings.push_back({Severity::kWarning,
                      "weak_groups",
                      "Weak groups are allowed for the key exchange",
                      {Printable(fmt::format("{} = '{}'", name, *groups)),
                       Printable(fmt::format("fewer than {} bits: {}", kFewestBits, fmt::join(weak, ", ")))},
                      "A recorded connection can be decrypted once such a key exchange can be broken.",
                      fmt::format("ALTER SYSTEM SET {} = '{}'{}", name,
                                  name == "ssl_groups" ? "X25519:prime256v1" : "prime256v1", kReload)});
}

// An empty list is OpenSSL's own, in which none of these is.
void AddTls13Ciphers(const settings::ServerSettings& settings, Findings& findings) {
  constexpr std::array<std::string_view, 3> kWeak = {"TLS_AES_128_CCM_8_SHA256", "TLS_SHA256_SHA256",
                                                     "TLS_SHA384_SHA384"};
  const auto ciphers = settings.Get("ssl_tls13_ciphers");
  if (!ciphers) return;
  std::vector<std::string_view> weak;
  for (const std::string_view word : Words(*ciphers, ":, ")) {
    if (std::ranges::find(kWeak, word) != kWeak.end()) weak.push_back(word);
  }
  if (weak.empty()) return;
  findings.push_back(
      {Severity::kWarning,
       "weak_tls13_ciphers",
       "Weak cipher suites of TLS 1.3 are allowed",
       {Printable(fmt::format("ssl_tls13_ciphers = '{}'", *ciphers)),
        Printable(fmt::format("weak: {}", fmt::join(weak, ", ")))},
       "TLS_AES_128_CCM_8_SHA256 authenticates with 8 bytes only; TLS_SHA256_SHA256 and TLS_SHA384_SHA384 "
       "do not encrypt.",
       std::string("ALTER SYSTEM RESET ssl_tls13_ciphers") + kReload});
}

}  // namespace

void AddKeyExchange(const Evidence& evidence, Findings& findings) {
  if (!evidence.settings || evidence.settings->Get("ssl") == "off") return;
  AddGroups(*evidence.settings, findings);
  AddTls13Ciphers(*evidence.settings, findings);
}

}  // namespace pgtls::audit
