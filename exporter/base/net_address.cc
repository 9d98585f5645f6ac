#include "exporter/base/net_address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace pgtls {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool IsMapped(const IpAddress& address) {
  return !address.is_v4() && std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes().begin());
}

}  // namespace

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  // inet_pton wants a terminated string; no address is longer than this.
  std::array<char, INET6_ADDRSTRLEN + 1> buffer{};
  if (text.size() >= buffer.size() || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(text.begin(), text.end(), buffer.begin());
  IpAddress address;
  if (inet_pton(AF_INET, buffer.data(), address.bytes_.data()) == 1) return address;
  address.v4_ = false;
  if (inet_pton(AF_INET6, buffer.data(), address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::FromBytes(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  IpAddress address;
  address.v4_ = bytes.size() == 4;
  std::memcpy(address.bytes_.data(), bytes.data(), bytes.size());
  return address;
}

IpAddress IpAddress::V4(std::uint32_t host_order) {
  IpAddress address;
  const std::uint32_t network_order = htonl(host_order);
  std::memcpy(address.bytes_.data(), &network_order, sizeof(network_order));
  return address;
}

IpAddress IpAddress::V6(const std::array<std::uint8_t, 16>& network_order) {
  IpAddress address;
  address.v4_ = false;
  address.bytes_ = network_order;
  return address;
}

IpAddress IpAddress::Unmapped() const {
  if (!IsMapped(*this)) return *this;
  IpAddress address;
  std::copy(bytes_.begin() + 12, bytes_.end(), address.bytes_.begin());
  return address;
}

bool IpAddress::IsLoopback() const {
  const IpAddress plain = Unmapped();
  if (plain.v4_) return plain.bytes_[0] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; }) && bytes_[15] == 1;
}

IpAddress IpAddress::Masked(int prefix) const {
  IpAddress result = *this;
  for (int bit = prefix; bit < bits(); bit += 8 - bit % 8) {
    auto& byte = result.bytes_[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(0xFFu >> (bit % 8)));
  }
  return result;
}

IpAddress IpAddress::Filled(int prefix) const {
  IpAddress result = *this;
  for (int bit = prefix; bit < bits(); bit += 8 - bit % 8) {
    auto& byte = result.bytes_[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte | (0xFFu >> (bit % 8)));
  }
  return result;
}

std::optional<IpAddress> IpAddress::Next() const {
  IpAddress result = *this;
  for (int i = bits() / 8 - 1; i >= 0; --i) {
    if (++result.bytes_[static_cast<std::size_t>(i)] != 0) return result;
  }
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), buffer.data(), buffer.size());
  return buffer.data();
}

std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
  if (a.v4_ != b.v4_) return a.v4_ ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.bytes_ <=> b.bytes_;
}

std::optional<ZonedAddress> ZonedAddress::Parse(std::string_view text) {
  const auto sign = text.find('%');
  const auto address = IpAddress::Parse(text.substr(0, sign));
  if (!address) return std::nullopt;
  if (sign == std::string_view::npos) return ZonedAddress{*address, ""};
  const std::string_view zone = text.substr(sign + 1);
  // No interface has a name that would need quotes in a conninfo (IFNAMSIZ bounds its length).
  const bool plain = !zone.empty() && zone.size() < IFNAMSIZ &&
                     zone.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@:") ==
                         std::string_view::npos;
  const bool link_local = !address->is_v4() && address->bytes()[0] == 0xFE && (address->bytes()[1] & 0xC0) == 0x80;
  if (!link_local || !plain) return std::nullopt;
  return ZonedAddress{*address, std::string(zone)};
}

std::optional<Cidr> Cidr::Parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  int prefix = address->bits();
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    // from_chars takes "-0".
    if (digits.starts_with('-') || error != std::errc() || end != digits.data() + digits.size() ||
        prefix > address->bits()) {
      return std::nullopt;
    }
  }
  return Cidr{address->Masked(prefix), prefix};
}

bool Cidr::Contains(const IpAddress& address) const {
  return address.is_v4() == network.is_v4() && address.Masked(prefix) == network;
}

std::string Cidr::ToString() const { return network.ToString() + "/" + std::to_string(prefix); }

}  // namespace pgtls
