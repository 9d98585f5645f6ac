// IP addresses and address ranges, as sessions, exemptions and pg_hba rules compare them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgtls {

// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) stays IPv6: PostgreSQL's pg_hba tells them
// apart; where they should be one, call Unmapped().
class IpAddress {
 public:
  IpAddress() = default;
  // Numeric text only, no names; an IPv6 zone ("%eth0"), as pg_stat_activity never has, is refused. nullopt: not an
  // address.
  static std::optional<IpAddress> Parse(std::string_view text);
  // 4 or 16 bytes in network order. nullopt: another number of bytes.
  static std::optional<IpAddress> FromBytes(std::string_view bytes);
  static IpAddress V4(std::uint32_t host_order);
  static IpAddress V6(const std::array<std::uint8_t, 16>& network_order);

  bool is_v4() const { return v4_; }
  int bits() const { return v4_ ? 32 : 128; }
  // 4 or 16 bytes in network order, at the front.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // ::ffff:a.b.c.d as a.b.c.d; every other address as it is.
  IpAddress Unmapped() const;
  // 127.0.0.0/8, ::1, and 127.0.0.0/8 mapped into IPv6.
  bool IsLoopback() const;
  // All bits beyond `prefix` (0 … bits()) cleared / set.
  IpAddress Masked(int prefix) const;
  IpAddress Filled(int prefix) const;
  // REQUIRES: 0 <= position < bits(). The first is the highest.
  bool Bit(int position) const {
    return (bytes_[static_cast<std::size_t>(position / 8)] & (0x80u >> (position % 8))) != 0;
  }
  // nullopt past the last of the family.
  std::optional<IpAddress> Next() const;
  std::string ToString() const;

  // IPv4 before IPv6, then by number.
  friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b);
  friend bool operator==(const IpAddress& a, const IpAddress& b) = default;

 private:
  bool v4_ = true;
  std::array<std::uint8_t, 16> bytes_{};
};

// A link-local address means nothing without the interface ("%eth0", RFC 4007); other addresses have none.
struct ZonedAddress {
  IpAddress address;
  std::string zone;  // an interface's name or number; usually empty

  // "192.0.2.1", "2001:db8::1", "fe80::1%eth0". nullopt: not an address.
  static std::optional<ZonedAddress> Parse(std::string_view text);
  std::string ToString() const { return zone.empty() ? address.ToString() : address.ToString() + "%" + zone; }
};

// A range in CIDR notation. Host bits are cleared.
struct Cidr {
  IpAddress network;
  int prefix = 0;

  // "10.0.0.0/8", "::/0", or an address alone (prefix of full length). nullopt: not a range.
  static std::optional<Cidr> Parse(std::string_view text);
  // True only within one family.
  bool Contains(const IpAddress& address) const;
  IpAddress first() const { return network; }
  IpAddress last() const { return network.Filled(prefix); }
  // "10.0.0.0/8"; a full-length prefix is written too ("10.1.2.3/32").
  std::string ToString() const;
  friend auto operator<=>(const Cidr&, const Cidr&) = default;
};

}  // namespace pgtls
