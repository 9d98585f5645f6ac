// Chance where it only has to spread things: no secrets.
#pragma once

#include <random>

namespace pgtls {

// From `least` to `most`. Intervals are multiplied by it, so that what started together does not run together for ever.
inline double RandomFactor(double least, double most) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return std::uniform_real_distribution<double>(least, most)(random);
}

}  // namespace pgtls
