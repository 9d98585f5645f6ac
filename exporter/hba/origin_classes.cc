#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "exporter/hba/classes.h"

namespace pgtls::hba {
namespace {

// The first addresses of ranges. A range ends before the next one's first address, or with its family.
class Cuts {
 public:
  explicit Cuts(std::size_t max) : max_(max) {}

  void Add(const IpAddress& first, const IpAddress& last) {
    starts_.insert(first);
    if (const auto next = last.Next()) starts_.insert(*next);
  }
  bool full() const { return starts_.size() > max_; }
  const std::set<IpAddress>& starts() const { return starts_; }

 private:
  std::size_t max_;
  std::set<IpAddress> starts_;
};

IpAddress FromBytes(bool is_v4, const std::array<std::uint8_t, 16>& bytes) {
  if (!is_v4) return IpAddress::V6(bytes);
  std::uint32_t host_order = 0;
  for (std::size_t i = 0; i < 4; ++i) host_order = host_order << 8 | bytes[i];
  return IpAddress::V4(host_order);
}

// A mask stands for 2^n ranges, n being its zeros to the left of its last one: each setting of those bits is a range.
bool AddMask(const AddressMatch& match, Cuts& cuts) {
  int prefix = 0;  // up to and with the last one
  std::vector<int> free_bits;
  const auto bit = [&](int i) { return (match.mask.bytes()[static_cast<std::size_t>(i / 8)] >> (7 - i % 8) & 1) != 0; };
  for (int i = 0; i < match.mask.bits(); ++i) {
    if (bit(i)) prefix = i + 1;
  }
  for (int i = 0; i < prefix; ++i) {
    if (!bit(i)) free_bits.push_back(i);
  }
  if (free_bits.size() > 20) return false;
  std::array<std::uint8_t, 16> base = match.network.bytes();
  for (std::size_t i = 0; i < base.size(); ++i) base[i] &= match.mask.bytes()[i];
  for (std::uint32_t choice = 0; choice < std::uint32_t{1} << free_bits.size() && !cuts.full(); ++choice) {
    std::array<std::uint8_t, 16> bytes = base;
    for (std::size_t i = 0; i < free_bits.size(); ++i) {
      const auto at = static_cast<std::size_t>(free_bits[i]);
      if ((choice >> i & 1) != 0) bytes[at / 8] = static_cast<std::uint8_t>(bytes[at / 8] | 0x80u >> (at % 8));
    }
    const IpAddress first = FromBytes(match.network.is_v4(), bytes);
    cuts.Add(first, first.Filled(prefix));
  }
  return !cuts.full();
}

MatchBits AddressBits(const std::vector<Rule>& rules, const std::optional<IpAddress>& address) {
  MatchBits bits(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if ((rules[i].type == RuleType::kLocal) == address.has_value()) continue;
    const Match match = address ? AddressMatches(rules[i].address, *address) : Match::kYes;
    if (match == Match::kYes) bits.Set(i);
    if (match == Match::kMay) bits.possible.Set(i);
  }
  return bits;
}

MatchBits TypeBits(const std::vector<Rule>& rules, bool unix_socket, Encryption encryption) {
  MatchBits bits(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (TypeMatches(rules[i].type, unix_socket, encryption)) bits.Set(i);
  }
  return bits;
}

}  // namespace

std::optional<std::vector<OriginClass>> OriginClasses(const RuleSet& set, std::size_t max_ranges) {
  Cuts cuts(max_ranges);
  for (const char* range : {"0.0.0.0/0", "127.0.0.0/8", "::/0", "::1/128", "::ffff:127.0.0.0/104"}) {
    const auto cidr = Cidr::Parse(range);
    cuts.Add(cidr->first(), cidr->last());
  }
  for (const Rule& rule : set.rules) {
    if (rule.type == RuleType::kLocal || rule.address.kind != AddressMatch::Kind::kMask) continue;
    if (!AddMask(rule.address, cuts)) return std::nullopt;
  }

  // A network of addresses and what they match, and one of them.
  std::map<std::pair<Network, MatchBits>, std::optional<IpAddress>> networks;
  networks.try_emplace({Network::kLocal, AddressBits(set.rules, std::nullopt)}, std::nullopt);
  for (const IpAddress& start : cuts.starts()) {
    const Network network = start.IsLoopback() ? Network::kLoopback : Network::kRemote;
    networks.try_emplace({network, AddressBits(set.rules, start)}, start);
  }

  std::map<std::tuple<Network, Encryption, MatchBits>, std::optional<IpAddress>> classes;
  for (const auto& [key, example] : networks) {
    const auto& [network, address_bits] = key;
    for (const Encryption encryption : {Encryption::kNone, Encryption::kTls, Encryption::kGss}) {
      if (network == Network::kLocal && encryption != Encryption::kNone) continue;
      MatchBits bits = TypeBits(set.rules, network == Network::kLocal, encryption);
      bits &= address_bits;
      classes.try_emplace({network, encryption, std::move(bits)}, example);
    }
  }
  std::vector<OriginClass> result;
  result.reserve(classes.size());
  for (const auto& [key, example] : classes) {
    result.push_back({std::get<0>(key), std::get<1>(key), example, std::get<2>(key)});
  }
  return result;
}

}  // namespace pgtls::hba
