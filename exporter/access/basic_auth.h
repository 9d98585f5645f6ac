// HTTP basic authentication against bcrypt hashes (RFC 7617; libcrypt).
#pragma once

#include <array>
#include <asio.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "exporter/base/blocking.h"
#include "exporter/base/slots.h"

namespace pgtls::access {

using Users = std::map<std::string, std::string, std::less<>>;  // name → bcrypt hash

struct Credentials {
  std::string user;
  std::string password;
};
// Of an Authorization field's value; nullopt where it is not Basic, or cannot be decoded.
std::optional<Credentials> ParseBasic(std::string_view authorization);

// Checks credentials, one bcrypt at a time on a thread of its own. What was right is remembered (not as text), so that
// a scraper pays once; what was wrong costs a bcrypt each time, and so does an unknown user. The checks of one network
// wait for each other, so that the networks take turns, and their number is bounded: a flood of guesses delays nobody
// whose password is known already, and others by one check at a time. Used on one executor.
class BasicAuth {
 public:
  BasicAuth();
  BasicAuth(const BasicAuth&) = delete;
  BasicAuth& operator=(const BasicAuth&) = delete;

  enum class Verdict { kYes, kNo, kBusy };
  // `network` is the client's (ClientNetwork()). kBusy: too many wait, or it took too long. Throws when cancelled.
  asio::awaitable<Verdict> Check(std::shared_ptr<const Users> users, Credentials credentials, std::string network);

  // Ends its thread; false where that is in a check and cannot be waited for (BlockingPool::Close()).
  bool Close() { return pool_.Close(); }

 private:
  using Mark = std::array<unsigned char, 32>;
  Mark MarkOf(const Credentials& credentials, const std::string& hash) const;

  std::array<unsigned char, 32> secret_;
  std::set<Mark> known_;
  // The checks of one network: one has the slot.
  struct Line {
    Slots slot{1};
    std::size_t checks = 0;
  };

  std::size_t checks_ = 0;             // of all networks
  std::map<std::string, Line> lines_;  // by network; none without checks
  BlockingPool pool_{1};
};

}  // namespace pgtls::access
