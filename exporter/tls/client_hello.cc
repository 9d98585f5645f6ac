#include "exporter/tls/client_hello.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "exporter/base/error.h"
#include "exporter/tls/negotiation.h"
#include "exporter/tls/openssl.h"
#include "exporter/tls/tls_session.h"

namespace pgtls::tls {
namespace {

using std::string_view_literals::operator""sv;

struct Group {
  std::string_view name;
  std::string_view openssl_name;
  std::uint16_t code;  // IANA's "TLS Supported Groups"
};
constexpr Group kGroups[] = {{"X25519", "X25519", 0x001d},
                             {"P-256", "prime256v1", 0x0017},
                             {"P-384", "secp384r1", 0x0018},
                             {"X25519MLKEM768", "X25519MLKEM768", 0x11ec}};

std::uint16_t CodeOf(std::string_view group) { return std::ranges::find(kGroups, group, &Group::name)->code; }

// RFC 8446, appendix B.
constexpr std::uint8_t kAlertRecord = 21;
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::uint8_t kServerHelloMessage = 2;
constexpr std::uint16_t kTls12 = 0x0303;
constexpr std::uint16_t kTls13 = 0x0304;
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kSupportedGroups = 10;
constexpr std::uint16_t kSignatureAlgorithms = 13;
constexpr std::uint16_t kAlpnExtension = 16;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::uint16_t kKeyShare = 51;
constexpr std::uint8_t kWarning = 1;
constexpr std::uint8_t kHandshakeFailure = 40;
constexpr std::uint8_t kInsufficientSecurity = 71;
constexpr std::size_t kMostInRecord = 16384;

// All that servers may insist on, so that the group alone decides.
constexpr std::uint16_t kCiphers[] = {0x1301, 0x1302, 0x1303, 0x1304, 0x1305};
constexpr std::uint16_t kSignatures[] = {
    0x0403, 0x0503, 0x0603,  // ECDSA
    0x0807, 0x0808,          // Ed25519, Ed448
    0x081a, 0x081b, 0x081c,  // ECDSA with Brainpool curves
    0x0809, 0x080a, 0x080b,  // RSA-PSS, key of RSA-PSS
    0x0804, 0x0805, 0x0806,  // RSA-PSS, key of RSA
    0x0904, 0x0905, 0x0906,  // ML-DSA
    0x0401, 0x0501, 0x0601,  // PKCS #1, in certificates
};

// SHA-256 of "HelloRetryRequest": the random value that tells one from a ServerHello (RFC 8446, 4.1.3).
constexpr std::string_view kRetry =
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"sv;

// ---- Writing

std::string Number(std::size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

// `text` behind its length, a number of so many bytes.
std::string Counted(int bytes, const std::string& text) { return Number(text.size(), bytes) + text; }

template <typename Codes>
std::string List(const Codes& codes) {
  std::string text;
  for (const std::uint16_t code : codes) text += Number(code, 2);
  return text;
}

std::string Extension(std::uint16_t type, const std::string& body) { return Number(type, 2) + Counted(2, body); }

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    throw TlsError("no random bytes");
  return bytes;
}

// ---- Reading

// Takes numbers and texts from the front; after one that is cut, everything is empty and `cut` stands.
struct Cursor {
  std::string_view rest;
  bool cut = false;

  std::string_view Take(std::size_t bytes) {
    cut = cut || rest.size() < bytes;
    if (cut) return {};
    const std::string_view taken = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return taken;
  }
  std::size_t Number(std::size_t bytes) {
    std::size_t value = 0;
    for (const char c : Take(bytes)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string_view Counted(std::size_t bytes) { return Take(Number(bytes)); }
};

// Whether the body of a ServerHello asks for a key share of `group`.
bool AsksFor(std::uint16_t group, std::string_view body) {
  Cursor hello{body};
  const bool right_version = hello.Number(2) == kTls12;
  const bool retry = hello.Take(kRetry.size()) == kRetry;
  hello.Counted(1);  // session
  hello.Number(2);   // cipher suite
  hello.Number(1);   // compression
  Cursor extensions{hello.Counted(2)};
  bool tls13 = false;
  bool asks = false;
  while (!extensions.rest.empty() && !extensions.cut) {
    const std::size_t type = extensions.Number(2);
    const std::string_view value = extensions.Counted(2);
    if (type == kSupportedVersions) tls13 = value == Number(kTls13, 2);
    if (type == kKeyShare) asks = value == Number(group, 2);
  }
  const bool whole = !hello.cut && hello.rest.empty() && !extensions.cut;
  return whole && right_version && retry && tls13 && asks;
}

}  // namespace

std::optional<std::string_view> KeyExchangeGroup(std::string_view openssl_name) {
  const auto* const found = std::ranges::find(kGroups, openssl_name, &Group::openssl_name);
  if (found == std::end(kGroups)) return std::nullopt;
  return found->name;
}

std::string ClientHello(std::string_view group, const std::string& host) {
  std::string extensions;
  if (SendsSni(host)) extensions += Extension(kServerName, Counted(2, Number(0, 1) + Counted(2, host)));
  extensions += Extension(kSupportedGroups, Counted(2, Number(CodeOf(group), 2)));
  extensions += Extension(kSignatureAlgorithms, Counted(2, List(kSignatures)));
  extensions += Extension(kAlpnExtension, Counted(2, std::string(kAlpnWire)));
  extensions += Extension(kSupportedVersions, Counted(1, Number(kTls13, 2)));
  extensions += Extension(kKeyShare, Counted(2, ""));
  const std::string no_compression = Counted(1, Number(0, 1));
  const std::string body = Number(kTls12, 2) + RandomBytes(32) + Counted(1, RandomBytes(32)) +
                           Counted(2, List(kCiphers)) + no_compression + Counted(2, extensions);
  const std::string message = Number(kClientHelloMessage, 1) + Counted(3, body);
  return Number(kHandshakeRecord, 1) + Number(0x0301, 2) + Counted(2, message);
}

HelloReader::HelloReader(std::string_view group) : group_(CodeOf(group)) {}

HelloReader::Answer HelloReader::Feed(std::string_view bytes) {
  records_ += bytes;
  while (answer_ == Answer::kReading) {
    Cursor cursor{records_};
    const auto type = static_cast<std::uint8_t>(cursor.Number(1));
    cursor.Number(2);  // version
    const std::size_t length = cursor.Number(2);
    if (length > kMostInRecord) return answer_ = Answer::kOther;
    const std::string_view body = cursor.Take(length);
    if (cursor.cut) break;
    answer_ = Record(type, body);
    records_.erase(0, records_.size() - cursor.rest.size());
  }
  return answer_;
}

HelloReader::Answer HelloReader::End() {
  if (answer_ == Answer::kReading) answer_ = Answer::kOther;
  return answer_;
}

HelloReader::Answer HelloReader::Record(std::uint8_t type, std::string_view body) {
  if (type == kAlertRecord) {
    Cursor alert{body};
    const std::size_t level = alert.Number(1);
    const std::size_t description = alert.Number(1);
    if (alert.cut || !alert.rest.empty()) return Answer::kOther;
    if (level == kWarning) return Answer::kReading;
    const bool nothing_in_common = description == kHandshakeFailure || description == kInsufficientSecurity;
    return nothing_in_common ? Answer::kRefused : Answer::kOther;
  }
  if (type != kHandshakeRecord || body.empty()) return Answer::kOther;
  messages_ += body;
  return Message();
}

HelloReader::Answer HelloReader::Message() {
  Cursor cursor{messages_};
  if (cursor.Number(1) != kServerHelloMessage) return Answer::kOther;
  const std::size_t length = cursor.Number(3);
  if (length > kMostInRecord) return Answer::kOther;
  const std::string_view body = cursor.Take(length);
  if (cursor.cut) return Answer::kReading;
  return AsksFor(group_, body) ? Answer::kAccepted : Answer::kOther;
}

}  // namespace pgtls::tls
