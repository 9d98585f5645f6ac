// A TLS 1.3 ClientHello that offers one group for the key exchange and no key share, and what the answer proves about
// the group: a server that knows it asks for a key share (HelloRetryRequest), another one ends the handshake. No I/O,
// and the OpenSSL of this machine need not know the group. Source: RFC 8446, 4.1, 4.2 and 5.1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgtls::tls {

inline constexpr std::string_view kKeyExchangeGroups[] = {"X25519", "P-256", "P-384", "X25519MLKEM768"};

// The same name for a group as OpenSSL names it ("prime256v1"); nullopt: none of kKeyExchangeGroups.
std::optional<std::string_view> KeyExchangeGroup(std::string_view openssl_name);

// One record. `group`: one of kKeyExchangeGroups. `host`: see SendsSni().
std::string ClientHello(std::string_view group, const std::string& host);

// Reads the answer to ClientHello(), in pieces of any size.
class HelloReader {
 public:
  enum class Answer {
    kReading,   // more bytes are needed
    kAccepted,  // a HelloRetryRequest for the group
    kRefused,   // an alert that stands for no common parameters
    kOther      // proves nothing: another alert or message, not TLS, or the connection ended
  };

  // `group`: that of the ClientHello.
  explicit HelloReader(std::string_view group);

  // Ignores bytes after the answer.
  Answer Feed(std::string_view bytes);
  // The connection ended.
  Answer End();
  Answer answer() const { return answer_; }

 private:
  Answer Record(std::uint8_t type, std::string_view body);
  Answer Message();

  std::uint16_t group_;
  Answer answer_ = Answer::kReading;
  std::string records_;   // not yet whole
  std::string messages_;  // of the handshake, not yet whole
};

}  // namespace pgtls::tls
