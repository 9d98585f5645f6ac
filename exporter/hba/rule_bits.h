// Sets of rules, by their position in a RuleSet.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pgtls::hba {

// A set of positions below a fixed size. REQUIRES: both operands of an operation have the same size.
class RuleBits {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  explicit RuleBits(std::size_t size = 0) : words_((size + 63) / 64) {}
  void Set(std::size_t at) { words_[at / 64] |= std::uint64_t{1} << (at % 64); }
  bool Test(std::size_t at) const { return (words_[at / 64] >> (at % 64) & 1) != 0; }
  std::size_t words() const { return words_.size(); }
  std::uint64_t word(std::size_t i) const { return words_[i]; }
  void SetWord(std::size_t i, std::uint64_t word) { words_[i] = word; }
  RuleBits& operator|=(const RuleBits& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  RuleBits& operator&=(const RuleBits& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }
  friend auto operator<=>(const RuleBits&, const RuleBits&) = default;

 private:
  std::vector<std::uint64_t> words_;
};

// Which rules one class of connections matches in one field. certain ⊆ possible.
struct MatchBits {
  explicit MatchBits(std::size_t size = 0) : certain(size), possible(size) {}
  void Set(std::size_t at) {
    certain.Set(at);
    possible.Set(at);
  }
  MatchBits& operator&=(const MatchBits& other) {
    certain &= other.certain;
    possible &= other.possible;
    return *this;
  }
  MatchBits& operator|=(const MatchBits& other) {
    certain |= other.certain;
    possible |= other.possible;
    return *this;
  }
  RuleBits certain;
  RuleBits possible;
  friend auto operator<=>(const MatchBits&, const MatchBits&) = default;
};

}  // namespace pgtls::hba
