#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "exporter/hba/classes.h"

namespace pgtls::hba {
namespace {

using Kind = AddressMatch::Kind;

// The first addresses of ranges. A range ends before the next one's first address, or with its family.
class Cuts {
 public:
  void Add(const IpAddress& first, const IpAddress& last) {
    starts_.insert(first);
    if (const auto next = last.Next()) starts_.insert(*next);
  }
  const std::set<IpAddress>& starts() const { return starts_; }

 private:
  std::set<IpAddress> starts_;
};

// Addresses whose bits are equal to `bits` where `fixed` has ones, and arbitrary elsewhere.
struct Cube {
  IpAddress bits;   // zero where `fixed` is zero
  IpAddress fixed;  // a prefix: a CIDR range
};

IpAddress WithBit(const IpAddress& address, int position, bool value) {
  std::array<std::uint8_t, 16> bytes = address.bytes();
  const auto at = static_cast<std::size_t>(position / 8);
  const auto mask = static_cast<std::uint8_t>(0x80u >> (position % 8));
  bytes[at] = static_cast<std::uint8_t>(value ? bytes[at] | mask : bytes[at] & ~mask);
  if (!address.is_v4()) return IpAddress::V6(bytes);
  std::uint32_t host_order = 0;
  for (std::size_t i = 0; i < 4; ++i) host_order = host_order << 8 | bytes[i];
  return IpAddress::V4(host_order);
}

// Cuts a cube along masks that are not prefixes, and adds one example of each piece to `examples`. Each piece is
// completely inside or outside of each mask. Returns false for more than `max` examples.
bool CutAlong(Cube cube, const std::vector<const AddressMatch*>& masks, std::size_t next, std::size_t max,
              std::vector<IpAddress>& examples) {
  if (next == masks.size()) {
    examples.push_back(cube.bits);
    return examples.size() <= max;
  }
  const AddressMatch& match = *masks[next];
  if (match.mask.is_v4() != cube.bits.is_v4()) return CutAlong(cube, masks, next + 1, max, examples);
  // For each bit of the mask that is not fixed in the cube: with the other value, the piece is outside.
  for (int i = 0; i < match.mask.bits(); ++i) {
    if (!match.mask.Bit(i)) continue;
    const bool inside = match.network.Bit(i);
    if (cube.fixed.Bit(i)) {
      if (cube.bits.Bit(i) == inside) continue;
      return CutAlong(cube, masks, next + 1, max, examples);  // completely outside
    }
    cube.fixed = WithBit(cube.fixed, i, true);
    Cube outside = cube;
    outside.bits = WithBit(cube.bits, i, !inside);
    if (!CutAlong(outside, masks, next + 1, max, examples)) return false;
    cube.bits = WithBit(cube.bits, i, inside);
  }
  return CutAlong(cube, masks, next + 1, max, examples);
}

// One example of every piece of the addresses from `first` to the one before `end` (absent: to the end of the family).
bool CutRange(IpAddress first, const std::optional<IpAddress>& end, const std::vector<const AddressMatch*>& masks,
              std::size_t max, std::vector<IpAddress>& examples) {
  if (masks.empty()) {
    examples.push_back(first);
    return examples.size() <= max;
  }
  const IpAddress ones =
      first.is_v4() ? IpAddress::V4(~std::uint32_t{0}) : IpAddress::V6(std::array<std::uint8_t, 16>{}).Filled(0);
  while (true) {
    // The widest CIDR range that begins here and does not reach `end`.
    int prefix = first.bits();
    while (prefix > 0 && first.Masked(prefix - 1) == first && (!end || first.Filled(prefix - 1) < *end)) --prefix;
    if (!CutAlong({first, ones.Masked(prefix)}, masks, 0, max, examples)) return false;
    const auto next = first.Filled(prefix).Next();
    if (!next || (end && !(*next < *end))) return true;
    first = *next;
  }
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

std::optional<std::vector<OriginClass>> OriginClasses(const RuleSet& set, std::size_t max_ranges,
                                                      std::size_t max_range_words) {
  Cuts cuts;
  for (const char* range : {"0.0.0.0/0", "127.0.0.0/8", "::/0", "::1/128", "::ffff:127.0.0.0/104"}) {
    const auto cidr = Cidr::Parse(range);
    cuts.Add(cidr->first(), cidr->last());
  }
  std::vector<const AddressMatch*> no_prefixes;
  for (const Rule& rule : set.rules) {
    if (rule.type == RuleType::kLocal || rule.address.kind != Kind::kMask) continue;
    if (const auto prefix = PrefixLength(rule.address.mask)) {
      cuts.Add(rule.address.network.Masked(*prefix), rule.address.network.Filled(*prefix));
    } else if (std::ranges::none_of(no_prefixes, [&](const auto* other) { return *other == rule.address; })) {
      no_prefixes.push_back(&rule.address);
    }
  }
  std::vector<IpAddress> examples;  // one of each range
  for (auto start = cuts.starts().begin(); start != cuts.starts().end(); ++start) {
    const auto next = std::next(start);
    const bool same_family = next != cuts.starts().end() && next->is_v4() == start->is_v4();
    const auto end = same_family ? std::optional(*next) : std::nullopt;
    if (!CutRange(*start, end, no_prefixes, max_ranges, examples)) return std::nullopt;
  }
  if (examples.size() * (set.rules.size() / 64 + 1) > max_range_words) return std::nullopt;

  // A network, the rules that its addresses match, and an example.
  std::map<std::pair<Network, MatchBits>, std::optional<IpAddress>> networks;
  networks.try_emplace({Network::kLocal, AddressBits(set.rules, std::nullopt)}, std::nullopt);
  for (const IpAddress& address : examples) {
    const Network network = address.IsLoopback() ? Network::kLoopback : Network::kRemote;
    networks.try_emplace({network, AddressBits(set.rules, address)}, address);
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
  networks.clear();
  std::vector<OriginClass> result;
  result.reserve(classes.size());
  while (!classes.empty()) {
    auto one = classes.extract(classes.begin());
    auto& [network, encryption, bits] = one.key();
    result.push_back({network, encryption, one.mapped(), std::move(bits)});
  }
  return result;
}

}  // namespace pgtls::hba
